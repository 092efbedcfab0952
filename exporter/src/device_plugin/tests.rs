use std::collections::BTreeMap;

use prometheus::{Registry, TextEncoder};
use rstest::rstest;
use serde_json::json;
use vmberth_decide::node::assess::{Advice, PoolVerdict};
use vmberth_decide::node::cluster::Pod;
use vmberth_decide::node::config::DevicePlugin;
use vmberth_decide::node::device_plugin::Awaited;

use super::*;
use crate::fake::ApiServer;

fn restart() -> Decision {
    Decision::Restart {
        namespace: "kube-system".to_owned(),
        pod: "sriovdp-x".to_owned(),
        uid: "u1".to_owned(),
    }
}

fn restarter(api: &ApiServer) -> Restarter {
    let metrics = Metrics::register(&Registry::new()).unwrap();
    Restarter::new(api.client(), metrics)
}

fn differing() -> Assessment {
    Assessment {
        pools: vec![PoolVerdict {
            unadvertised: vec!["0000:3b:02.0".to_owned()],
            ..PoolVerdict::default()
        }],
        advice: vec![Advice {
            reason: "FunctionsNotAdvertised",
            message: "1 VFs".to_owned(),
        }],
        ..Assessment::default()
    }
}

fn node() -> Cluster {
    let plugin = Pod {
        namespace: "kube-system".to_owned(),
        name: "sriovdp-x".to_owned(),
        uid: "u1".to_owned(),
        labels: BTreeMap::from([("app".to_owned(), "sriovdp".to_owned())]),
        ..Pod::default()
    };
    Cluster {
        pods: vec![plugin],
        ..Cluster::default()
    }
}

fn restarting() -> Config {
    Config {
        device_plugin: DevicePlugin {
            restart: true,
            ..DevicePlugin::default()
        },
        ..Config::default()
    }
}

fn answer(code: u16) -> (u16, serde_json::Value) {
    (code, json!({"kind": "Status", "code": code}))
}

#[rstest]
#[case::deleted(200, "ok")]
#[case::gone(404, "refused")]
#[case::replaced(409, "refused")]
#[case::forbidden(403, "failed")]
#[tokio::test]
async fn pod_is_deleted_only_if_it_is_still_that_one(#[case] code: u16, #[case] result: &str) {
    let api = ApiServer::new(vec![answer(code)]);
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).unwrap();
    let mut restarter = Restarter::new(api.client(), metrics);
    assert_eq!(restarter.execute(&restart()).await, None);
    let asked = api.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].line,
        "DELETE /api/v1/namespaces/kube-system/pods/sriovdp-x"
    );
    assert_eq!(asked[0].body["preconditions"], json!({"uid": "u1"}));
    let page = TextEncoder::new()
        .encode_to_string(&registry.gather())
        .unwrap();
    let line = format!("writes_total{{object=\"pod\",result=\"{result}\"}} 1\n");
    assert!(page.contains(&line), "{page}");
}

#[tokio::test]
async fn nothing_is_asked_without_need() {
    let api = ApiServer::new(vec![]);
    let mut restarter = restarter(&api);
    let wait = Decision::Wait(Duration::from_secs(7), Awaited::BackOff);
    assert_eq!(restarter.execute(&Decision::Nothing).await, None);
    assert_eq!(restarter.execute(&Decision::GiveUp).await, None);
    let again = restarter.execute(&wait).await;
    assert_eq!(again, Some(Duration::from_secs(7)));
    assert!(api.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn api_server_that_is_away_is_not_waited_for() {
    let api = ApiServer::silent();
    let before = Instant::now();
    restarter(&api).execute(&restart()).await;
    assert_eq!(before.elapsed(), DEADLINE);
}

/// In the time of the tests, which stands still unless it is moved.
#[tokio::test(start_paused = true)]
async fn what_is_about_to_be_done_is_in_the_advice() {
    let api = ApiServer::new(vec![]);
    let mut restarter = restarter(&api);
    let mut told = Vec::new();
    for _ in 0..2 {
        let mut assessment = differing();
        restarter.decide(&mut assessment, &node(), &restarting());
        told.push(assessment.advice.remove(0).message);
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    let expected = [
        "1 VFs, and does so when they have differed for 60 s",
        "1 VFs, and does so now",
    ];
    assert_eq!(told, expected);
}

/// As while the API server is away, or the agent may not delete the pod: nobody knows whether a restart would help.
#[rstest]
#[case::deleted(200, 4)]
#[case::forbidden(403, 8)]
#[tokio::test(start_paused = true)]
async fn only_restarts_that_were_made_are_in_vain(#[case] code: u16, #[case] expected: usize) {
    let api = ApiServer::new((0..100).map(|_| answer(code)).collect());
    let mut restarter = restarter(&api);
    // 60 s after it first differs, then after 60, 300, 900 and each 3600 s.
    for _ in 0..17_000 / 20 {
        let decision = restarter.decide(&mut differing(), &node(), &restarting());
        restarter.execute(&decision).await;
        tokio::time::advance(Duration::from_secs(20)).await;
    }
    assert_eq!(api.requests().len(), expected);
}

use std::collections::BTreeMap;
use std::time::Duration;

use rstest::rstest;

use super::*;
use crate::node::config::DevicePlugin;

fn cluster() -> Cluster {
    let plugin = Pod {
        namespace: "kube-system".to_owned(),
        name: "sriovdp-x".to_owned(),
        labels: BTreeMap::from([("app".to_owned(), "sriovdp".to_owned())]),
        ..Pod::default()
    };
    Cluster {
        pods: vec![plugin],
        ..Cluster::default()
    }
}

fn advice() -> Vec<Advice> {
    let about = |reason| Advice {
        reason,
        message: "restart it".to_owned(),
    };
    vec![
        about(NOT_ADVERTISED),
        about(STALE),
        about("KubeletOutdated"),
    ]
}

fn wait(seconds: u64, awaited: Awaited) -> Decision {
    Decision::Wait(Duration::from_secs(seconds), awaited)
}

fn pod() -> Awaited {
    Awaited::Pod {
        namespace: "default".to_owned(),
        name: "virt-launcher-web-x".to_owned(),
    }
}

#[rstest]
#[case::nothing(Decision::Nothing, "")]
#[case::grace(
    wait(5, Awaited::Grace),
    ", and does so when they have differed for 60 s"
)]
#[case::grace_later(
    wait(4, Awaited::Grace),
    ", and does so when they have differed for 60 s"
)]
#[case::back_off(
    wait(3000, Awaited::BackOff),
    ", and did so; that has not helped yet, and is tried again later"
)]
#[case::pod(
    wait(10, pod()),
    ", and waits for default/virt-launcher-web-x, which is starting and may take a function; 5 minutes at most"
)]
#[case::device_plugin(
    wait(10, Awaited::DevicePlugin),
    ", and waits for sriovdp-x to run: kubectl describe pod -n kube-system sriovdp-x"
)]
#[case::given_up(
    Decision::GiveUp,
    ", but doing so did not help, so it is left alone until something else differs: compare its resourceList with vfPools, and see kubectl logs -n kube-system sriovdp-x"
)]
#[case::now(
    Decision::Restart { namespace: "n".to_owned(), pod: "p".to_owned(), uid: "u".to_owned() },
    ", and does so now"
)]
fn what_comes_of_it_is_told(#[case] decision: Decision, #[case] expected: &str) {
    let mut told = advice();
    tell(&mut told, &decision, &cluster(), &Config::default());
    assert_eq!(told[0].message, format!("restart it{expected}"));
    assert_eq!(told[1].message, told[0].message);
    assert_eq!(told[2], advice()[2]);
}

#[test]
fn without_a_pod_there_is_no_more_to_say() {
    let mut told = advice();
    let decision = wait(10, Awaited::DevicePlugin);
    tell(
        &mut told,
        &decision,
        &Cluster::default(),
        &Config::default(),
    );
    assert_eq!(told, advice());
    let config = Config {
        device_plugin: DevicePlugin {
            labels: BTreeMap::new(),
            ..DevicePlugin::default()
        },
        ..Config::default()
    };
    tell(&mut told, &decision, &cluster(), &config);
    assert_eq!(told, advice());
}

#[test]
fn long_advice_stays_short() {
    let mut told = vec![Advice {
        reason: STALE,
        message: "é".repeat(500),
    }];
    tell(&mut told, &Decision::GiveUp, &cluster(), &Config::default());
    assert!(told[0].message.len() <= MESSAGE_LIMIT);
}

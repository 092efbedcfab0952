use serde_json::{Value, json};

use super::*;
use crate::fake::{ApiServer, Given};

fn node() -> Node {
    Node {
        name: "edge1".to_owned(),
        uid: "u1".to_owned(),
        ..Node::default()
    }
}

fn advice(message: &str) -> Advice {
    Advice {
        reason: "DevicePluginStale",
        message: message.to_owned(),
    }
}

fn made() -> Given {
    (201, json!({"metadata": {"name": "e"}, "eventTime": null}))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn events(api: &ApiServer) -> Events {
    let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
    Events::new(api.client(), metrics)
}

fn notes(api: &ApiServer) -> Vec<Value> {
    api.requests()
        .into_iter()
        .map(|it| it.body["note"].clone())
        .collect()
}

#[tokio::test]
async fn advice_becomes_an_event_on_the_node() {
    let api = ApiServer::new(vec![made()]);
    events(&api)
        .round(&node(), &[advice("restart it")], at(0))
        .await;
    let asked = &api.requests()[0];
    assert_eq!(
        asked.line,
        "POST /apis/events.k8s.io/v1/namespaces/default/events"
    );
    let body = &asked.body;
    assert_eq!(
        body["regarding"],
        json!({"apiVersion": "v1", "kind": "Node", "name": "edge1", "uid": "u1"})
    );
    assert_eq!(body["reportingController"], "vmberth.io/exporter");
    assert_eq!(
        (&body["reason"], &body["type"]),
        (&json!("DevicePluginStale"), &json!("Warning"))
    );
    assert_eq!(body["series"], Value::Null);
}

#[tokio::test]
async fn lasting_advice_is_told_once_an_hour_and_changed_advice_at_once() {
    let api = ApiServer::new(vec![made(), made(), made()]);
    let mut events = events(&api);
    for second in 0..3600 {
        events.round(&node(), &[advice("12 VFs")], at(second)).await;
    }
    assert_eq!(notes(&api), ["12 VFs"]);
    events.round(&node(), &[advice("12 VFs")], at(3600)).await;
    assert_eq!(notes(&api).len(), 2);
    events.round(&node(), &[advice("13 VFs")], at(3601)).await;
    assert_eq!(notes(&api)[2], "13 VFs");
    let names: std::collections::BTreeSet<String> = api
        .requests()
        .iter()
        .map(|it| it.body["metadata"]["name"].to_string())
        .collect();
    assert_eq!(names.len(), 3);
}

#[tokio::test]
async fn restarted_agent_tells_nothing_twice_within_an_hour() {
    let exists = json!({"kind": "Status", "status": "Failure", "reason": "AlreadyExists", "message": "m", "code": 409});
    let api = ApiServer::new(vec![made(), (409, exists)]);
    events(&api).round(&node(), &[advice("a")], at(0)).await;
    let mut again = events(&api);
    for second in 1..10 {
        again.round(&node(), &[advice("a")], at(second)).await;
    }
    let asked = api.requests();
    assert_eq!(asked.len(), 2);
    assert_eq!(
        asked[0].body["metadata"]["name"],
        asked[1].body["metadata"]["name"]
    );
}

#[tokio::test]
async fn what_could_not_be_told_is_told_in_the_next_round() {
    let refused = (
        403,
        json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"}),
    );
    let api = ApiServer::new(vec![refused, made()]);
    let mut events = events(&api);
    for second in 0..5 {
        events.round(&node(), &[advice("a")], at(second)).await;
    }
    assert_eq!(api.requests().len(), 2);
}

#[tokio::test]
async fn advice_that_changes_all_the_time_floods_nobody() {
    let api = ApiServer::new((0..100).map(|_| made()).collect());
    let mut events = events(&api);
    for second in 0..60 {
        events
            .round(&node(), &[advice(&second.to_string())], at(second))
            .await;
    }
    assert_eq!(api.requests().len(), BURST);
}

#[test]
fn long_notes_are_cut_between_characters() {
    assert_eq!(cut("short"), "short");
    assert_eq!(cut(&"é".repeat(1000)).len(), NOTE_BYTES);
    assert_eq!(cut(&format!("a{}", "é".repeat(1000))).len(), NOTE_BYTES - 1);
}

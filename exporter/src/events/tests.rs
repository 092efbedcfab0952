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

/// The time at which advice of the first second has settled.
const TOLD: i64 = SETTLED.as_secs();

/// A round in each of these seconds.
async fn rounds(events: &mut Events, given: &[Advice], seconds: std::ops::Range<i64>) {
    for second in seconds {
        events.round(&node(), given, at(second)).await;
    }
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
    rounds(&mut events(&api), &[advice("restart it")], 0..TOLD + 1).await;
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
    let typed: k8s_openapi::api::events::v1::Event = serde_json::from_value(body.clone()).unwrap();
    assert_eq!(json!(typed), *body, "each field is one that Events have");
}

/// As while a kubelet, or the device plugin, is started again.
#[tokio::test]
async fn advice_that_is_soon_over_is_told_nobody() {
    let api = ApiServer::new(vec![made()]);
    let mut events = events(&api);
    let given = [advice("restart it")];
    for restart in 0..10 {
        let begin = restart * 100;
        rounds(&mut events, &given, begin..begin + TOLD).await;
        rounds(&mut events, &[], begin + TOLD..begin + TOLD + 1).await;
    }
    assert!(api.requests().is_empty());
    rounds(&mut events, &given, 2000..2000 + TOLD).await;
    assert!(api.requests().is_empty(), "each gap is a new beginning");
    rounds(&mut events, &given, 2000 + TOLD..2001 + TOLD).await;
    assert_eq!(api.requests().len(), 1);
}

#[tokio::test]
async fn advice_that_settles_asks_for_a_round_when_it_has() {
    let api = ApiServer::new(vec![made(), made()]);
    let mut events = events(&api);
    let (first, both) = ([advice("a")], [advice("a"), advice("b")]);
    let left = async |events: &mut Events, given: &[Advice], second| {
        let left = events.round(&node(), given, at(second)).await;
        left.map(|left| left.as_secs())
    };
    assert_eq!(left(&mut events, &first, 0).await, Some(15));
    assert_eq!(left(&mut events, &first, 5).await, Some(10));
    assert_eq!(left(&mut events, &both, 8).await, Some(7));
    assert_eq!(left(&mut events, &both, 15).await, Some(8));
    assert_eq!(notes(&api), ["a"]);
    assert_eq!(left(&mut events, &both, 23).await, None);
    assert_eq!(notes(&api), ["a", "b"]);
}

#[tokio::test]
async fn clock_that_is_put_back_keeps_nothing_from_being_told() {
    let api = ApiServer::new(vec![made()]);
    let mut events = events(&api);
    let given = [advice("a")];
    rounds(&mut events, &given, 3600..3601).await;
    rounds(&mut events, &given, 0..TOLD + 1).await;
    assert_eq!(api.requests().len(), 1);
}

#[tokio::test]
async fn lasting_advice_is_told_once_an_hour_and_changed_advice_when_it_has_settled() {
    let api = ApiServer::new(vec![made(), made(), made()]);
    let mut events = events(&api);
    let before = [advice("12 VFs")];
    rounds(&mut events, &before, 0..TOLD + 3600).await;
    assert_eq!(notes(&api), ["12 VFs"]);
    rounds(&mut events, &before, TOLD + 3600..TOLD + 3601).await;
    assert_eq!(notes(&api).len(), 2);
    rounds(&mut events, &[advice("13 VFs")], 4000..4001 + TOLD).await;
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
    let given = [advice("a")];
    rounds(&mut events(&api), &given, 0..TOLD + 1).await;
    rounds(&mut events(&api), &given, 100..200).await;
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
    rounds(&mut events, &[advice("a")], 0..TOLD + 5).await;
    assert_eq!(api.requests().len(), 2);
}

#[tokio::test]
async fn much_advice_floods_nobody() {
    let api = ApiServer::new((0..100).map(|_| made()).collect());
    let mut events = events(&api);
    let given: Vec<Advice> = (0..100).map(|it| advice(&it.to_string())).collect();
    rounds(&mut events, &given, 0..TOLD + 60).await;
    assert_eq!(api.requests().len(), BURST);
    rounds(&mut events, &given, TOLD + 60..TOLD + 61).await;
    assert_eq!(api.requests().len(), 2 * BURST);
}

#[test]
fn long_notes_are_cut_at_a_word() {
    let given = advice(&"restart the device plugin ".repeat(100));
    let event = event(&node(), &given, Timestamp::UNIX_EPOCH);
    let note = event["note"].as_str().unwrap();
    assert!(note.len() <= NOTE_BYTES, "{}", note.len());
    assert!(note.ends_with(" restart…"), "{note}");
}

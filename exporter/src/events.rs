//! What an operator must do, as Events on the Node, where `kubectl describe node` shows them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use vmberth_decide::node::assess::Advice;
use vmberth_decide::node::cluster::Node;

use crate::metrics::{Metrics, Object, Outcome};
use crate::publish::FIELD_MANAGER;

/// Who reports.
pub const CONTROLLER: &str = "vmberth.io/exporter";
/// Where Events of objects without a namespace are.
const NAMESPACE: &str = "default";
/// Longest note that the API server takes.
const NOTE_BYTES: usize = 1024;
/// Advice that lasts is told again so often: as long as the API server keeps an Event.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// Longest time of one attempt: a round must not wait for an API server that is away.
const DEADLINE: Duration = Duration::from_secs(5);
/// Events in a row without a pause of [`PAUSE`]: advice that changes with every round must not flood the cluster.
const BURST: usize = 10;
const PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// Writes the Events of one node.
#[derive(Debug)]
pub struct Events {
    events: Api<Event>,
    metrics: Metrics,
    /// When each advice that lasts was told last.
    told: BTreeMap<Advice, Timestamp>,
    /// Attempts since the last pause, and when the first of them was.
    attempts: usize,
    since: Timestamp,
    failure: String,
}

impl Events {
    /// Nothing was told yet.
    #[must_use]
    pub fn new(client: Client, metrics: Metrics) -> Self {
        Self {
            events: Api::namespaced(client, NAMESPACE),
            metrics,
            told: BTreeMap::new(),
            attempts: 0,
            since: Timestamp::UNIX_EPOCH,
            failure: String::new(),
        }
    }

    /// Tells what is new among this advice, or lasts for an hour. What fails is tried again in the next round.
    pub async fn round(&mut self, node: &Node, advice: &[Advice], now: Timestamp) {
        self.told.retain(|told, _| advice.contains(told));
        let due = |advice: &&Advice| {
            let told = self.told.get(*advice);
            told.is_none_or(|at| now.duration_since(*at) >= AGAIN)
        };
        let due: Vec<&Advice> = advice.iter().filter(due).collect();
        for advice in due {
            if !self.may_try(now) {
                return;
            }
            match self.tell(node, advice, now).await {
                Ok(()) => {
                    self.told.insert(advice.clone(), now);
                    self.failure.clear();
                    self.metrics.wrote(Object::Event, Outcome::Ok);
                }
                Err(error) => {
                    self.metrics.wrote(Object::Event, Outcome::Failed);
                    if self.failure != error {
                        tracing::warn!(
                            error,
                            reason = advice.reason,
                            "no Event about the node yet; tried again"
                        );
                        self.failure = error;
                    }
                    return;
                }
            }
        }
    }

    fn may_try(&mut self, now: Timestamp) -> bool {
        if now.duration_since(self.since) >= PAUSE {
            (self.attempts, self.since) = (0, now);
        }
        self.attempts = self.attempts.saturating_add(1);
        self.attempts <= BURST
    }

    async fn tell(&self, node: &Node, advice: &Advice, now: Timestamp) -> Result<(), String> {
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let event = event(node, advice, now);
        match tokio::time::timeout(DEADLINE, self.events.create(&params, &event)).await {
            Ok(Ok(_)) => Ok(()),
            // Told within this hour, before the agent was started again.
            Ok(Err(kube::Error::Api(status))) if status.is_already_exists() => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(late) => Err(late.to_string()),
        }
    }
}

/// One name for the same advice within the same hour, so that an agent that starts again and again tells it once.
fn event(node: &Node, advice: &Advice, now: Timestamp) -> Event {
    let hour = now.as_second().div_euclid(AGAIN.as_secs());
    let mut hasher = DefaultHasher::new();
    (&node.uid, advice.reason, &advice.message, hour).hash(&mut hasher);
    let regarding = ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Node".to_owned()),
        name: Some(node.name.clone()),
        uid: Some(node.uid.clone()),
        ..ObjectReference::default()
    };
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{:016x}", node.name, hasher.finish())),
            namespace: Some(NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        },
        action: Some("Assess".to_owned()),
        event_time: Some(MicroTime(now)),
        note: Some(cut(&advice.message)),
        reason: Some(advice.reason.to_owned()),
        regarding: Some(regarding),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(node.name.chars().take(128).collect()),
        type_: Some("Warning".to_owned()),
        ..Event::default()
    }
}

/// At most as long as a note may be, and whole characters.
fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(NOTE_BYTES);
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
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
}

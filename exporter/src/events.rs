//! What an operator must do, as Events on the Node, where `kubectl describe node` shows them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Client;
use kube::api::PostParams;
use serde_json::{Value, json};
use vmberth_cluster::objects::Event;
use vmberth_cluster::write::create;
use vmberth_decide::node::assess::Advice;
use vmberth_decide::node::cluster::Node;
use vmberth_decide::words::cut;

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
/// Advice is told when it has lasted so long without a gap: within that time a kubelet or a device plugin that was started
/// again is back, and what heals by itself needs no hand.
const SETTLED: SignedDuration = SignedDuration::from_secs(15);
/// Longest time of one attempt: a round must not wait for an API server that is away.
const DEADLINE: Duration = Duration::from_secs(5);
/// Attempts within a minute: advice that changes with every round must not flood the cluster.
const BURST: usize = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// Writes the Events of one node.
pub struct Events {
    client: Client,
    metrics: Metrics,
    /// Since when there is each advice.
    lasting: BTreeMap<Advice, Timestamp>,
    /// When each advice that lasts was told last.
    told: BTreeMap<Advice, Timestamp>,
    /// Attempts within the minute that began then.
    attempts: usize,
    since: Timestamp,
    failure: String,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events")
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}

impl Events {
    /// Nothing was told yet.
    #[must_use]
    pub fn new(client: Client, metrics: Metrics) -> Self {
        Self {
            client,
            metrics,
            lasting: BTreeMap::new(),
            told: BTreeMap::new(),
            attempts: 0,
            since: Timestamp::UNIX_EPOCH,
            failure: String::new(),
        }
    }

    /// Tells what is new among this advice and has settled, or lasts for an hour. With a time, something is left to tell: again
    /// after so long, even if nothing changes.
    pub async fn round(
        &mut self,
        node: &Node,
        advice: &[Advice],
        now: Timestamp,
    ) -> Option<Duration> {
        self.told.retain(|told, _| advice.contains(told));
        let unsettled = self.settle(advice, now);
        let due = |advice: &&Advice| {
            let told = self.told.get(*advice);
            told.is_none_or(|at| now.duration_since(*at) >= AGAIN)
                && self.left(advice, now).is_none()
        };
        let due: Vec<&Advice> = advice.iter().filter(due).collect();
        for advice in due {
            if !self.may_try(now) {
                return Some(MINUTE);
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
                    return Some(MINUTE);
                }
            }
        }
        unsettled
    }

    /// Brings up to date since when there is each advice; with a time, some of it settles after so long.
    fn settle(&mut self, advice: &[Advice], now: Timestamp) -> Option<Duration> {
        self.lasting.retain(|known, _| advice.contains(known));
        for advice in advice {
            let since = self.lasting.entry(advice.clone()).or_insert(now);
            // A clock that was put back must not keep anything from being told.
            *since = now.min(*since);
        }
        advice
            .iter()
            .filter_map(|advice| self.left(advice, now))
            .min()
    }

    /// How long until this advice has settled.
    fn left(&self, advice: &Advice, now: Timestamp) -> Option<Duration> {
        let lasted = now.duration_since(*self.lasting.get(advice)?);
        let left = SETTLED.saturating_sub(lasted);
        Duration::try_from(left).ok().filter(|left| !left.is_zero())
    }

    fn may_try(&mut self, now: Timestamp) -> bool {
        if now.duration_since(self.since).unsigned_abs() >= MINUTE {
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
        let made = create::<Event>(&self.client, Some(NAMESPACE), &event, &params);
        match tokio::time::timeout(DEADLINE, made).await {
            Ok(Ok(_)) => Ok(()),
            // Told within this hour, before the agent was started again.
            Ok(Err(kube::Error::Api(status))) if status.is_already_exists() => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(late) => Err(late.to_string()),
        }
    }
}

/// One name for the same advice within the same hour, so that an agent that starts again and again tells it once.
fn event(node: &Node, advice: &Advice, now: Timestamp) -> Value {
    let hour = now.as_second().div_euclid(AGAIN.as_secs());
    let mut hasher = DefaultHasher::new();
    (&node.uid, advice.reason, &advice.message, hour).hash(&mut hasher);
    json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": format!("{}.{:016x}", node.name, hasher.finish()),
            "namespace": NAMESPACE,
        },
        "action": "Assess",
        "eventTime": MicroTime(now),
        "note": cut(&advice.message, NOTE_BYTES),
        "reason": advice.reason,
        "regarding": {
            "apiVersion": "v1",
            "kind": "Node",
            "name": node.name,
            "uid": node.uid,
        },
        "reportingController": CONTROLLER,
        "reportingInstance": node.name.chars().take(128).collect::<String>(),
        "type": "Warning",
    })
}

#[cfg(test)]
mod tests;

//! VMs that wait and that no node could ever hold, as Events on them, where `kubectl describe vm` shows why.
//!
//! Beside the calls, and not because of them: kube-scheduler asks only about nodes that would do for itself, so of a VM that wants
//! more functions than any node has nobody would ever ask (facts: scheduler-extender 1). Every replica looks, and says the same
//! under the same name, so that one of them is heard.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ListParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use vmberth_cluster::objects::Event;
use vmberth_cluster::write::create;
use vmberth_decide::feasible::why_never;
use vmberth_decide::fit::counted::VmName;
use vmberth_decide::index::Index;
use vmberth_decide::names;
use vmberth_decide::words::cut;

use crate::lists::Lists;

/// Who reports.
const CONTROLLER: &str = "vmberth-extender";
/// What is reported.
const REASON: &str = "NoNodeCanHoldVM";
/// How often it is looked. What is true at two looks is told: an agent or a device plugin that was started again is back by then.
const LOOK: Duration = Duration::from_secs(5);
/// What lasts is told again so often: as long as the API server keeps an Event.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// Events after one look, so that the loss of a node does not flood the cluster; the others come after the next ones.
const BURST: usize = 20;
/// So many times as long as it has looked at a VM it rests before the next one: calls of the scheduler come first.
const REST: u32 = 9;
/// Longest time of one attempt.
const DEADLINE: Duration = Duration::from_secs(5);
/// Longest note that the API server takes.
const NOTE_BYTES: usize = 1024;
/// So much of a VM's name is in that of its Event, which ends with a number.
const NAME_CHARS: usize = 200;

/// Tells people of VMs.
pub struct Teller {
    client: Client,
    known: Known,
    failure: String,
}

/// What was seen at the last look.
#[derive(Debug, Default)]
struct Known {
    /// The index then.
    revision: Option<u64>,
    vms: BTreeMap<VmName, Seen>,
}

/// A VM that no node could ever hold.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    kind: &'static str,
    why: String,
    /// It was so at the look before, too.
    is_settled: bool,
    told: Option<Timestamp>,
}

impl Seen {
    fn is_due(&self, now: Timestamp) -> bool {
        let told = self.told;
        told.is_none_or(|at| now.duration_since(at) >= AGAIN)
    }
}

impl Known {
    /// Looks at every VM that waits, and returns of whom is to be told now. The index is read for one VM after the other: who
    /// writes to it must not wait for all of them.
    async fn look(&mut self, index: &RwLock<Index>, now: Timestamp) -> Vec<(VmName, Seen)> {
        let (revision, waiting) = {
            let index = read(index);
            let revision = index.revision();
            let is_due = self.vms.values().any(|seen| seen.is_due(now));
            if self.revision == Some(revision) && !is_due {
                return Vec::new();
            }
            (revision, index.waiting())
        };
        self.revision = Some(revision);
        let mut before = std::mem::take(&mut self.vms);
        for vm in waiting {
            let began = Instant::now();
            let why = {
                let index = read(index);
                let why = why_never(&index, &vm);
                why.map(|why| (why.in_full(true), index.kind_of(&vm)))
            };
            if let Some((why, kind)) = why {
                let same = before.remove(&vm).filter(|seen| seen.why == why);
                let seen = Seen {
                    kind,
                    why,
                    is_settled: same.is_some(),
                    told: same.and_then(|seen| seen.told),
                };
                self.vms.insert(vm, seen);
            }
            sleep(began.elapsed().saturating_mul(REST)).await;
        }
        let due = self.vms.iter();
        let due = due.filter(|(_, seen)| seen.is_settled && seen.is_due(now));
        due.take(BURST)
            .map(|(vm, seen)| (vm.clone(), seen.clone()))
            .collect()
    }

    fn told(&mut self, vm: &VmName, now: Timestamp) {
        if let Some(seen) = self.vms.get_mut(vm) {
            seen.told = Some(now);
        }
    }
}

fn read(index: &RwLock<Index>) -> RwLockReadGuard<'_, Index> {
    index.read().unwrap_or_else(PoisonError::into_inner)
}

impl Teller {
    /// Nobody was told of anything yet.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            known: Known::default(),
            failure: String::new(),
        }
    }

    /// Looks and tells, for ever; of a part of the cluster nothing can be said.
    pub async fn run(mut self, index: &RwLock<Index>, lists: &Lists) {
        loop {
            sleep(LOOK).await;
            if lists.missing().is_none() {
                self.round(index, Timestamp::now()).await;
            }
        }
    }

    async fn round(&mut self, index: &RwLock<Index>, now: Timestamp) {
        for (vm, seen) in self.known.look(index, now).await {
            let told = timeout(DEADLINE, self.tell(&vm, &seen, now)).await;
            let (error, is_its_own) = match told {
                Ok(Ok(())) => {
                    self.known.told(&vm, now);
                    self.failure.clear();
                    continue;
                }
                // About this VM alone: its namespace is being deleted, for example.
                Ok(Err(error @ kube::Error::Api(_))) => (error.to_string(), true),
                Ok(Err(error)) => (error.to_string(), false),
                Err(late) => (late.to_string(), false),
            };
            if self.failure != error {
                tracing::warn!(
                    error,
                    reason = REASON,
                    "no Event about a VM yet; tried again"
                );
                self.failure = error;
            }
            if !is_its_own {
                return;
            }
        }
    }

    async fn tell(&self, vm: &VmName, seen: &Seen, now: Timestamp) -> kube::Result<()> {
        let (namespace, name) = (&*vm.0, &*vm.1);
        let kind = GroupVersionKind::gvk(names::KUBEVIRT_GROUP, "v1", seen.kind);
        let api: Api<DynamicObject> = Api::namespaced_with(
            self.client.clone(),
            namespace,
            &ApiResource::from_gvk(&kind),
        );
        // By its uid, or `kubectl describe` would not find the Event. Listed, which the watch has the right to, too.
        let this = ListParams::default().fields(&format!("metadata.name={name}"));
        let found = api.list_metadata(&this).await?.items.pop();
        let Some(uid) = found.and_then(|object| object.metadata.uid) else {
            return Ok(());
        };
        tracing::info!(
            namespace,
            name,
            reason = REASON,
            why = seen.why,
            "VM can run nowhere"
        );
        let event = event(vm, seen, &uid, now);
        let params = PostParams::default();
        match create::<Event>(&self.client, Some(namespace), &event, &params).await {
            Ok(_) => Ok(()),
            // By another replica, or before this one was started again.
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// One name for the same words within the same hour, whoever says them.
fn event(vm: &VmName, seen: &Seen, uid: &str, now: Timestamp) -> Value {
    let hour = now.as_second().div_euclid(AGAIN.as_secs());
    let mut hasher = DefaultHasher::new();
    (uid, REASON, &seen.why, hour).hash(&mut hasher);
    let (namespace, name) = (&*vm.0, &*vm.1);
    let short: String = name.chars().take(NAME_CHARS).collect();
    let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| CONTROLLER.to_owned());
    json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": format!("{}.{:016x}", short.trim_end_matches(['-', '.']), hasher.finish()),
            "namespace": namespace,
        },
        "action": "Place",
        "eventTime": MicroTime(now),
        "note": cut(&seen.why, NOTE_BYTES),
        "reason": REASON,
        "regarding": {
            "apiVersion": format!("{}/v1", names::KUBEVIRT_GROUP),
            "kind": seen.kind,
            "namespace": namespace,
            "name": name,
            "uid": uid,
        },
        "reportingController": CONTROLLER,
        "reportingInstance": instance.chars().take(128).collect::<String>(),
        "type": "Warning",
    })
}

impl std::fmt::Debug for Teller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Teller")
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

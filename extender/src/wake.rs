//! Wakes pods that were refused when something that they might wait for comes free.
//!
//! kube-scheduler asks again for a refused pod when one of the kinds changes that it watches. A NodeInventory is none of them,
//! and the end of a hold is no object at all; without us such a pod would wait for five minutes. A CSIStorageCapacity of our
//! own namespace, which names no class of the cluster, is the cheapest of these kinds: nothing else reads it
//! (docs/adr/0009).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use serde_json::json;
use tokio::time::{Instant, sleep};
use vmberth_decide::index::Index;
use vmberth_decide::names;

use crate::metrics::Metrics;

/// How often it is looked whether something came free.
const LOOK: Duration = Duration::from_millis(200);
/// The shortest time between two writes.
const PAUSE: Duration = Duration::from_secs(1);
/// So long after the last refusal nobody is thought to wait any more: by then the scheduler has asked again by itself.
const PATIENCE: Duration = Duration::from_secs(600);

/// When a pod was refused last.
#[derive(Debug, Clone)]
pub struct Refusals {
    began: Instant,
    /// Milliseconds after the beginning, and one; 0 if none was refused.
    last: Arc<AtomicU64>,
}

/// Whom to write to.
pub struct Waker {
    api: Api<DynamicObject>,
    name: String,
    metrics: Metrics,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            last: Arc::default(),
        }
    }
}

impl Refusals {
    /// No node would do for a pod of ours.
    pub fn happened(&self) {
        self.last.store(self.now(), Ordering::Relaxed);
    }

    /// Whether somebody may still wait.
    fn are_recent(&self) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        let patience = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
        last > 0 && self.now().saturating_sub(last) < patience
    }

    fn now(&self) -> u64 {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        millis.saturating_add(1)
    }
}

impl Waker {
    /// Writes to the object of this name, which the chart makes.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: String, metrics: Metrics) -> Self {
        let kind = GroupVersionKind::gvk("storage.k8s.io", "v1", "CSIStorageCapacity");
        let resource = ApiResource::from_gvk_with_plural(&kind, "csistoragecapacities");
        Self {
            api: Api::namespaced_with(client, namespace, &resource),
            name,
            metrics,
        }
    }

    /// Looks and wakes, for ever.
    pub async fn run(self, index: &RwLock<Index>, refusals: &Refusals) {
        let gains = || {
            let index = index.read().unwrap_or_else(PoisonError::into_inner);
            index.gains()
        };
        let mut told = gains();
        loop {
            sleep(LOOK).await;
            let now = gains();
            if now == told || !refusals.are_recent() {
                continue;
            }
            match self.wake().await {
                Ok(()) => told = now,
                Err(error) => {
                    tracing::warn!(error = error.to_string(), "pods that wait can't be woken");
                }
            }
            sleep(PAUSE).await;
        }
    }

    async fn wake(&self) -> kube::Result<()> {
        // Never twice the same: an object that is as it was is no event.
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since_1970.unwrap_or_default().as_millis().to_string();
        let annotations = json!({names::WOKEN_ANNOTATION: now});
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        let params = PatchParams::default();
        self.api.patch(&self.name, &params, &patch).await?;
        self.metrics.woke();
        Ok(())
    }
}

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waker")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn refusals_are_recent_for_ten_minutes() {
        let refusals = Refusals::default();
        assert!(!refusals.are_recent());
        refusals.happened();
        assert!(refusals.are_recent());
        sleep(PATIENCE).await;
        assert!(!refusals.are_recent());
        refusals.happened();
        assert!(refusals.are_recent());
    }
}

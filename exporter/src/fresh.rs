//! Readiness says whether what the cluster knows of the node is fresh: nobody has to write heartbeats for that.

use std::time::Duration;

use std::sync::{Mutex, PoisonError};
use tokio::time::{Instant, sleep};
use vmberth_serve::ready::Condition;

/// How often the age of the last good round is looked at.
const PERIOD: Duration = Duration::from_secs(5);
/// What a round may take above the time between two, before it is said to hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// When the API server had last what was seen of the node.
#[derive(Debug)]
pub struct Fresh {
    ready: Condition,
    last: Mutex<Option<Instant>>,
    limit: Duration,
}

impl Fresh {
    /// Nothing was looked at yet; `resync` is the longest time between two rounds.
    #[must_use]
    pub fn new(ready: Condition, resync: Duration) -> Self {
        Self {
            ready,
            last: Mutex::default(),
            limit: resync.saturating_add(PATIENCE),
        }
    }

    /// The node was looked at, and the API server has what was seen.
    pub fn told(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.ready.set(true);
    }

    /// Takes readiness away when the last good round is too long ago, as when a disk or the API server does not answer; for
    /// ever.
    pub async fn follow(&self) {
        loop {
            sleep(PERIOD).await;
            let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|last| last.elapsed() > self.limit) {
                self.ready.set(false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use vmberth_serve::ready::Ready;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_node_that_was_not_looked_at_for_long_is_not_ready() {
        let ready = Ready::default();
        let fresh = Fresh::new(ready.condition("scan"), Duration::from_secs(60));
        assert_eq!(ready.missing(), ["scan"]);
        fresh.told();
        let wait = |seconds| tokio::time::timeout(Duration::from_secs(seconds), fresh.follow());
        assert!(wait(85).await.is_err());
        assert!(ready.missing().is_empty());
        assert!(wait(10).await.is_err());
        assert_eq!(ready.missing(), ["scan"]);
        fresh.told();
        assert!(ready.missing().is_empty());
    }
}

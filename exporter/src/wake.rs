//! When to look again: a directory changed, the cluster changed, or the time is up. Never a tight poll.
//!
//! A burst of changes is one round: it begins 200 ms after the first of them, and a second after the round before at the
//! earliest. Writes of a guest to its disk wake nobody.

mod directories;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinError;
use tokio::time::Instant;

use directories::Directories;

pub use directories::directories;

/// A change seldom comes alone: an upload makes a file, changes its mode and owner, renames it.
const SETTLE: Duration = Duration::from_millis(200);
/// The least time between two rounds.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(1);

/// Says when the next round begins.
#[derive(Debug)]
pub struct Wake {
    directories: Directories,
    changed: Arc<Notify>,
    resync: Duration,
    last: Option<Instant>,
}

/// Why a round begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Something changed.
    Change,
    /// The time is up.
    Time,
}

impl Wake {
    /// Wakes on `changed`, and without any change after `resync`. Directories come with [`Wake::watch`].
    #[must_use]
    pub fn new(changed: Arc<Notify>, resync: Duration) -> Self {
        Self {
            directories: Directories::open(Arc::clone(&changed)),
            changed,
            resync,
            last: None,
        }
    }

    /// Watches these directories and no others. Those that are not there yet are tried again with the next call: call it
    /// with every round, before the scan, so that no change falls between.
    ///
    /// # Errors
    /// If a thread ended without a word.
    pub async fn watch(&mut self, paths: BTreeSet<PathBuf>) -> Result<(), JoinError> {
        self.directories.watch(paths).await
    }

    /// Until the next round begins; at most `within`, if something is to be done by then.
    pub async fn next(&mut self, within: Option<Duration>) -> Cause {
        let patience = within.map_or(self.resync, |within| within.min(self.resync));
        let cause = tokio::select! {
            () = self.directories.changed() => Cause::Change,
            () = self.changed.notified() => Cause::Change,
            () = tokio::time::sleep(patience) => Cause::Time,
        };
        let now = Instant::now();
        let settled = match cause {
            Cause::Change => now.checked_add(SETTLE),
            Cause::Time => Some(now),
        };
        let earliest = self.last.and_then(|last| last.checked_add(BETWEEN_ROUNDS));
        if let Some(begin) = settled.max(earliest) {
            tokio::time::sleep_until(begin).await;
        }
        // What came meanwhile is seen by this round.
        self.directories.drain();
        self.changed.notified().now_or_never();
        self.last = Some(Instant::now());
        cause
    }
}

#[cfg(test)]
mod tests;

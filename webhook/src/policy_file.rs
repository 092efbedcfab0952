//! The policy's file: read at start, read again when its content changes.
//!
//! A mounted ConfigMap changes by a swapped link, so contents are compared on a timer.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::MissedTickBehavior;
use vmberth_decide::policy::{Policy, PolicyError};

use crate::event::{PolicyEvents, Untold};
use crate::metrics::Metrics;

/// A policy's file and what was last read from it.
#[derive(Debug)]
pub struct PolicyFile {
    path: PathBuf,
    seen: Option<Vec<u8>>,
}

/// Why a policy's file cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFileError {
    /// It is not there or cannot be read.
    #[error("{path}: cannot be read: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says; told above, so not once more as the source.
        error: io::Error,
    },
    /// It is no text.
    #[error("{path}: expected UTF-8")]
    Text {
        /// The file.
        path: PathBuf,
    },
    /// It holds no valid policy.
    #[error("{path}: {error}")]
    Policy {
        /// The file.
        path: PathBuf,
        /// The field, what was found and what was expected; told above, so not once more as the source.
        error: PolicyError,
    },
}

impl PolicyFile {
    /// A file that was not read yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            seen: None,
        }
    }

    /// The policy, if the file's content is not what was read last; the same bad content is an error once.
    ///
    /// # Errors
    /// If the file cannot be read or holds no valid policy.
    pub fn refresh(&mut self) -> Result<Option<Policy>, PolicyFileError> {
        let path = || self.path.clone();
        // A few KiB from a volume in memory: cheaper than a thread of the blocking pool.
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let path = path();
                self.seen = None;
                return Err(PolicyFileError::Read { path, error });
            }
        };
        if self.seen.as_ref() == Some(&bytes) {
            return Ok(None);
        }
        let policy = match std::str::from_utf8(&bytes) {
            Err(_) => Err(PolicyFileError::Text { path: path() }),
            Ok(text) => Policy::from_yaml(text).map_err(|error| PolicyFileError::Policy {
                path: path(),
                error,
            }),
        };
        self.seen = Some(bytes);
        policy.map(Some)
    }

    /// Keeps the policy in force up to date, for ever. A bad file keeps the old policy and is logged once.
    /// With `events`, it is told there, too, as soon as that is possible.
    pub async fn follow(
        mut self,
        policy: &ArcSwap<Policy>,
        metrics: &Metrics,
        events: Option<&PolicyEvents>,
        every: Duration,
    ) {
        let mut timer = tokio::time::interval(every);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = String::new();
        let mut untold = Untold::default();
        loop {
            timer.tick().await;
            match self.refresh() {
                Ok(None) => {}
                Ok(Some(new)) => {
                    told.clear();
                    untold.accepted();
                    announce(&new);
                    policy.store(Arc::new(new));
                    metrics.policy_loaded();
                }
                Err(error) => {
                    metrics.policy_refused();
                    let text = error.to_string();
                    if told != text {
                        tracing::error!(error = text, "policy refused, the old one stays in force");
                        untold.refused(&text);
                        told = text;
                    }
                }
            }
            if let Some(events) = events {
                untold.tell(events).await;
            }
        }
    }
}

/// Says which policy is in force from now on.
pub fn announce(policy: &Policy) {
    fn list<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
        let all: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
        all.join(", ")
    }
    let sets = policy.daemon_sets.iter();
    tracing::info!(
        tolerations = list(&policy.tolerations),
        exempt_namespaces = list(&policy.exempt_namespaces),
        hugepages = list(policy.hugepages),
        vf_pools = list(policy.vf_pools.iter().map(|pool| &pool.resource)),
        storage_classes = list(policy.storage_classes.iter().map(|class| &class.name)),
        profiles = list(policy.profiles.iter().map(|profile| &profile.name)),
        daemon_sets = list(sets.map(|(namespace, name)| format!("{namespace}/{name}"))),
        scheduler_name = policy.scheduler_name.as_deref().unwrap_or_default(),
        "policy in force"
    );
}

#[cfg(test)]
mod tests;

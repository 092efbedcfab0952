//! The policy's file, for the profiles of disks and the time of holds: the webhook's, and refused as there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::time::interval;
use vmberth_decide::event::Event;
use vmberth_decide::policy::Policy;

/// How often its content is compared with what is in force; a mounted ConfigMap changes by a swapped link.
const POLL: Duration = Duration::from_secs(2);

/// A policy's file and what was last read from it.
#[derive(Debug)]
pub struct PolicyFile {
    path: PathBuf,
    seen: String,
}

impl PolicyFile {
    /// A file that was not read yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            seen: String::new(),
        }
    }

    /// The policy, if the file's content is not what was read last.
    ///
    /// # Errors
    /// If the file can't be read or holds no valid policy: with its path, and the field's.
    pub fn refresh(&mut self) -> anyhow::Result<Option<Arc<Policy>>> {
        let path = || self.path.display().to_string();
        let text = std::fs::read_to_string(&self.path).with_context(path)?;
        if text == self.seen {
            return Ok(None);
        }
        self.seen = text;
        let policy = Policy::from_yaml(&self.seen).with_context(path)?;
        Ok(Some(Arc::new(policy)))
    }

    /// Tells of each new policy, for ever; a bad one is logged once, and the old one stays in force.
    pub async fn follow(mut self, tell: impl Fn(Event)) {
        let mut timer = interval(POLL);
        let mut told = String::new();
        loop {
            timer.tick().await;
            match self.refresh() {
                Ok(None) => {}
                Ok(Some(policy)) => {
                    told.clear();
                    tracing::info!("policy in force");
                    tell(Event::Policy(policy));
                }
                Err(error) => {
                    let text = format!("{error:#}");
                    if told != text {
                        tracing::error!(error = text, "policy refused, the old one stays in force");
                        told = text;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: vmberth.io/v1alpha1\nkind: Policy\n";

    #[test]
    fn content_counts_and_what_is_wrong_is_told_with_both_paths() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.yaml");
        let mut file = PolicyFile::new(&path);
        assert!(file.refresh().is_err());
        std::fs::write(&path, format!("{HEAD}holdSeconds: 5\n")).unwrap();
        assert_eq!(file.refresh().unwrap().unwrap().hold_seconds, 5);
        assert!(file.refresh().unwrap().is_none());
        std::fs::write(&path, format!("{HEAD}holdSeconds: 100000\n")).unwrap();
        let error = format!("{:#}", file.refresh().unwrap_err());
        assert!(error.contains("policy.yaml: holdSeconds: found"), "{error}");
        // The same bad content is an error once.
        assert!(file.refresh().unwrap().is_none());
    }
}

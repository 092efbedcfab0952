//! What became of actions, in the log and the metrics: what fails again and again is told once.

use std::collections::BTreeMap;

use crate::local_volumes::{ActionError, Done, Outcome};
use crate::metrics::{Metrics, Object, Outcome as Counted};

/// What was told last of each thing that fails.
#[derive(Debug, Default)]
pub struct Told {
    volumes: BTreeMap<String, String>,
    binder: String,
}

impl Told {
    /// An action on a volume is done, or not.
    pub fn volume(&mut self, outcome: &Outcome, metrics: &Metrics) {
        let volume = &outcome.volume;
        match &outcome.result {
            Ok(done) => {
                self.volumes.remove(volume);
                metrics.wrote(Object::PersistentVolume, Counted::Ok);
                succeeded(volume, done, metrics);
            }
            Err(error) => {
                count(error, metrics);
                let text = error.to_string();
                if self.volumes.get(volume) != Some(&text) {
                    tracing::warn!(volume, error = text, "not done; tried again");
                    self.volumes.insert(volume.clone(), text);
                }
            }
        }
    }

    /// The binder has nothing left to do.
    pub fn bound(&mut self) {
        self.binder.clear();
    }

    /// A step of the binder failed.
    pub fn not_bound(&mut self, text: &str) {
        if self.binder != text {
            tracing::warn!(error = text, "virtual functions not changed; tried again");
            text.clone_into(&mut self.binder);
        }
    }
}

fn succeeded(volume: &str, done: &Done, metrics: &Metrics) {
    match done {
        Done::Created => tracing::info!(volume, "PersistentVolume made"),
        Done::AlreadyThere => tracing::info!(volume, "PersistentVolume is there already"),
        Done::Mended => {
            tracing::debug!(volume, "labels and annotations of the PersistentVolume set")
        }
        Done::Offered(wiped) => {
            metrics.wiped(Counted::Ok);
            tracing::info!(
                volume,
                removed = wiped.removed,
                "PersistentVolume is empty and offered again"
            );
        }
    }
}

fn count(error: &ActionError, metrics: &Metrics) {
    match error {
        ActionError::Wipe(_) | ActionError::NotWritable { .. } | ActionError::Thread(_) => {
            metrics.wiped(Counted::Failed);
        }
        ActionError::Changed(_) => metrics.wiped(Counted::Refused),
        ActionError::Api(_)
        | ActionError::Deadline
        | ActionError::NameTaken(_)
        | ActionError::Patch(_) => {
            metrics.wrote(Object::PersistentVolume, Counted::Failed);
        }
    }
}

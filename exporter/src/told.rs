//! What became of actions, in the log and the metrics: what fails again and again is told once.

use std::collections::{BTreeMap, BTreeSet};

use vmberth_decide::node::assess::VolumeVerdict;
use vmberth_decide::node::local_volumes::Action;

use crate::local_volumes::{ActionError, Done, Outcome, name_of};
use crate::metrics::{Metrics, Object, Outcome as Counted};

/// Bytes of an error in the reason of a volume.
const SHOWN: usize = 200;

/// What was told last of each thing that fails.
#[derive(Debug, Default)]
pub struct Told {
    volumes: BTreeMap<String, String>,
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
                let told = self.volumes.get(volume).map(|told| shape(told));
                if told.as_ref() != Some(&shape(&text)) {
                    tracing::warn!(volume, error = text, "not done; tried again");
                    self.volumes.insert(volume.clone(), text);
                }
            }
        }
    }

    /// What is not planned any longer has no error.
    pub fn keep(&mut self, planned: &[Action]) {
        let planned: BTreeSet<&str> = planned.iter().map(name_of).collect();
        self.volumes
            .retain(|volume, _| planned.contains(volume.as_str()));
    }

    /// Adds the last error of each volume to its reason, where people read it.
    pub fn explain(&self, verdicts: &mut [VolumeVerdict], planned: &[Action]) {
        for verdict in verdicts {
            let to_be_made = planned.iter().find_map(|action| match action {
                Action::Create(new) if new.path == verdict.path => Some(&new.name),
                Action::Create(_) | Action::Mend(_) | Action::Reclaim(_) => None,
            });
            let volume = verdict.persistent_volume.as_ref().or(to_be_made);
            let Some(error) = volume.and_then(|volume| self.volumes.get(volume)) else {
                continue;
            };
            let attempt = format!("last attempt: {}", shown(error));
            verdict.reason = Some(match verdict.reason.take() {
                Some(reason) => format!("{reason}; {attempt}"),
                None => attempt,
            });
        }
    }
}

/// A text without its numbers: an error of another process, port or time is the same error, and must not make a write each
/// time that it is met.
pub(crate) fn shape(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// On one line, and short.
pub(crate) fn shown(error: &str) -> String {
    let mut text = String::new();
    for character in error.chars() {
        if text.len().saturating_add(character.len_utf8()) > SHOWN {
            break;
        }
        text.push(if character.is_control() {
            '?'
        } else {
            character
        });
    }
    text
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
        ActionError::NotMade(_) => metrics.wrote(Object::PersistentVolume, Counted::Refused),
        ActionError::Api(_)
        | ActionError::Deadline
        | ActionError::NameTaken(_)
        | ActionError::Patch(_) => {
            metrics.wrote(Object::PersistentVolume, Counted::Failed);
        }
    }
}

#[cfg(test)]
mod tests;

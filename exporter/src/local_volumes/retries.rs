//! Which actions are due: what failed waits longer each time, and the others go on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use vmberth_decide::node::local_volumes::Action;

use super::Outcome;

/// Wait after the first failure of a volume, and after each one of kube-apiserver.
const FIRST: Duration = Duration::from_secs(10);
/// The longest wait of a volume.
const LONGEST: Duration = Duration::from_secs(600);

/// What failed lately, by PersistentVolume.
#[derive(Debug, Default)]
pub struct Retries {
    volumes: BTreeMap<String, Retry>,
    /// Not before then: kube-apiserver did not do what it was asked.
    server: Option<Instant>,
}

#[derive(Debug)]
struct Retry {
    wait: Duration,
    until: Option<Instant>,
}

impl Retries {
    /// An action has ended.
    pub fn ended(&mut self, outcome: &Outcome, now: Instant) {
        let Err(error) = &outcome.result else {
            self.volumes.remove(&outcome.volume);
            return;
        };
        if error.is_of_the_server() {
            self.server = now.checked_add(FIRST);
        }
        let before = self.volumes.get(&outcome.volume);
        let wait = before.map_or(FIRST, |retry| retry.wait.saturating_mul(2).min(LONGEST));
        let until = now.checked_add(wait);
        self.volumes
            .insert(outcome.volume.clone(), Retry { wait, until });
    }

    /// What is not planned any longer is forgotten.
    pub fn keep(&mut self, planned: &[Action]) {
        let planned: BTreeSet<&str> = planned.iter().map(name_of).collect();
        self.volumes
            .retain(|volume, _| planned.contains(volume.as_str()));
    }

    /// How long it had to wait since it failed last; nothing if it did not.
    fn failed(&self, action: &Action) -> Duration {
        let lately = self.volumes.get(name_of(action));
        lately.map_or(Duration::ZERO, |retry| retry.wait)
    }

    /// How long this one still waits.
    fn wait(&self, action: &Action, now: Instant) -> Option<Duration> {
        let until = self.volumes.get(name_of(action)).and_then(|it| it.until);
        let left = until.max(self.server)?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

/// What is being done already.
#[derive(Debug, Default)]
pub(super) struct Busy {
    /// A directory is being emptied.
    pub(super) is_emptying: bool,
    /// Volumes are being made or mended.
    pub(super) is_writing: bool,
    /// PersistentVolumes that all of this is about.
    pub(super) volumes: BTreeSet<String>,
}

/// What is to be done now.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// One directory to be emptied: a config that says `retain` meanwhile is heard before the next one. What is to be mended
    /// of its PersistentVolume comes before that, since the offer fits only the version that was looked at.
    pub(super) emptying: Vec<Action>,
    /// Volumes to be mended and made.
    pub(super) writing: Vec<Action>,
    /// How long the first of those that failed waits.
    pub(super) wait: Option<Duration>,
}

/// What did not fail lately goes first: what fails each time, and ends a batch if kube-apiserver is the matter, must not
/// keep all else from being tried. Then what is mended, which takes no time.
pub(super) fn batch(actions: Vec<Action>, retries: &Retries, busy: &Busy, now: Instant) -> Due {
    let wait = actions.iter().filter_map(|it| retries.wait(it, now)).min();
    let is_due =
        |it: &Action| retries.wait(it, now).is_none() && !busy.volumes.contains(name_of(it));
    let mut due: Vec<Action> = actions.into_iter().filter(is_due).collect();
    due.sort_by_key(|it| (retries.failed(it), rank(it)));
    let first = due
        .iter()
        .find(|it| matches!(it, Action::Reclaim(_)) && !busy.is_emptying)
        .map(|it| name_of(it).to_owned());
    let (emptying, mut writing): (Vec<_>, Vec<_>) = due
        .into_iter()
        .partition(|it| first.as_deref() == Some(name_of(it)));
    writing.retain(|it| !busy.is_writing && !matches!(it, Action::Reclaim(_)));
    Due {
        emptying,
        writing,
        wait,
    }
}

/// Of actions that failed alike; those of a kind stay in the order of the plan.
fn rank(action: &Action) -> u8 {
    match action {
        Action::Mend(_) => 0,
        Action::Create(_) => 1,
        Action::Reclaim(_) => 2,
    }
}

/// The PersistentVolume that an action is about.
#[must_use]
pub fn name_of(action: &Action) -> &str {
    match action {
        Action::Create(new) => &new.name,
        Action::Mend(mend) => &mend.name,
        Action::Reclaim(order) => &order.name,
    }
}

#[cfg(test)]
mod tests;

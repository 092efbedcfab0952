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

    /// How long this one still waits.
    fn wait(&self, action: &Action, now: Instant) -> Option<Duration> {
        let until = self.volumes.get(name_of(action)).and_then(|it| it.until);
        let left = until.max(self.server)?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

/// What is to be done now, and how long the first of the others waits. One directory at a time is emptied, and last: a config
/// that says `retain` meanwhile is heard before the next one.
#[must_use]
pub fn batch(
    actions: Vec<Action>,
    retries: &Retries,
    now: Instant,
) -> (Vec<Action>, Option<Duration>) {
    let waits = actions.iter().filter_map(|it| retries.wait(it, now)).min();
    let due = actions
        .into_iter()
        .filter(|action| retries.wait(action, now).is_none());
    let (reclaims, mut batch): (Vec<_>, Vec<_>) =
        due.partition(|action| matches!(action, Action::Reclaim(_)));
    batch.extend(reclaims.into_iter().next());
    (batch, waits)
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

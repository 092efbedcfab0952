//! What is being done to the volumes of the node, beside the rounds: one task empties, the other does all else, so that
//! neither waits for the other. Removing much data takes long, and making the volumes of a new node, too.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;
use vmberth_decide::node::local_volumes::Action;

use super::retries::{Busy, batch};
use super::{Outcome, Retries, name_of};

/// The two tasks.
#[derive(Debug, Default)]
pub struct Work {
    emptying: Option<Task>,
    writing: Option<Task>,
}

#[derive(Debug)]
struct Task {
    /// PersistentVolumes that it is about: nobody else touches them meanwhile.
    volumes: BTreeSet<String>,
    outcomes: JoinHandle<Vec<Outcome>>,
}

impl Work {
    /// What became of the actions of each task that has ended.
    ///
    /// # Errors
    /// If a task ended without a word.
    pub async fn ended(&mut self) -> Result<Vec<Outcome>, JoinError> {
        let mut outcomes = Vec::new();
        for task in [&mut self.emptying, &mut self.writing] {
            if let Some(task) = task.take_if(|task| task.outcomes.is_finished()) {
                outcomes.extend(task.outcomes.await?);
            }
        }
        Ok(outcomes)
    }

    /// Begins what is due and what there is a task for; tells how long the first of those that failed waits.
    pub fn begin(
        &mut self,
        planned: Vec<Action>,
        retries: &Retries,
        start: impl Fn(Vec<Action>) -> JoinHandle<Vec<Outcome>>,
    ) -> Option<Duration> {
        let due = batch(planned, retries, &self.busy(), Instant::now());
        let begun = |actions: Vec<Action>| {
            (!actions.is_empty()).then(|| Task {
                volumes: actions.iter().map(|it| name_of(it).to_owned()).collect(),
                outcomes: start(actions),
            })
        };
        if let Some(task) = begun(due.emptying) {
            self.emptying = Some(task);
        }
        if let Some(task) = begun(due.writing) {
            self.writing = Some(task);
        }
        due.wait
    }

    /// Waits for what was begun.
    pub async fn end(self) {
        for task in [self.emptying, self.writing].into_iter().flatten() {
            let _ended = task.outcomes.await;
        }
    }

    fn busy(&self) -> Busy {
        let tasks = [&self.emptying, &self.writing].into_iter().flatten();
        Busy {
            is_emptying: self.emptying.is_some(),
            is_writing: self.writing.is_some(),
            volumes: tasks.flat_map(|task| task.volumes.clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests;

//! Carries out the binder's steps and tells what became of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout};
use vmberth_decide::node::binder::{Plan, Standing, Step};

use crate::metrics::{Metrics, Outcome};
use crate::sysfs::{self, SysfsError};
use crate::told::{shape, shown};

/// sysfs tells nobody of a change, so the next round has to look.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A device whose step failed is left alone for so long, then twice as long, and so on: a driver seldom changes its mind.
const FIRST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// A write may block in the kernel, as of a driver that waits for its card or for whoever has the device open.
const PATIENCE: Duration = Duration::from_secs(30);

type Working = JoinHandle<Result<(), SysfsError>>;

/// What became of earlier steps.
#[derive(Debug, Default)]
pub struct Binder {
    troubles: BTreeMap<String, Trouble>,
}

/// A device whose last step failed or hangs.
#[derive(Debug, Default)]
struct Trouble {
    wait: Duration,
    until: Option<Instant>,
    told: String,
    /// Still in the kernel; nothing else is done to the device before it returns.
    hangs: Option<Working>,
}

impl Binder {
    /// Does the steps of `plan` below `root` that are also in the plan `again`, which is made of a look directly before: in
    /// between a pod may have got a function. What fails keeps no other device waiting. Returns when to look again.
    ///
    /// # Errors
    /// If a thread ended without a word.
    pub async fn round(
        &mut self,
        root: &Path,
        plan: Plan,
        again: impl Future<Output = Result<Plan, JoinError>>,
        metrics: &Metrics,
    ) -> Result<Option<Duration>, JoinError> {
        self.hear(metrics).await?;
        self.forget(&plan, Instant::now());
        let due: Vec<Step> = plan
            .steps
            .into_iter()
            .filter(|step| self.may_be_tried(step))
            .collect();
        if due.is_empty() {
            return Ok(self.next());
        }
        let again = again.await?;
        for step in due.iter().filter(|step| again.steps.contains(step)) {
            let unprobed = again.unprobed.contains(step.address());
            self.try_step(root.to_owned(), step, unprobed, metrics)
                .await?;
            let hangs = |trouble: &Trouble| trouble.hangs.is_some();
            if self.troubles.get(step.address()).is_some_and(hangs) {
                // The round has waited long enough.
                break;
            }
        }
        Ok(Some(LOOK_AGAIN))
    }

    /// What people should know of it. Without a root nothing is ever done.
    #[must_use]
    pub fn standing(&self, root: Option<&Path>, plan: &Plan) -> Standing {
        match root {
            None => Standing::ReadOnly,
            Some(_) => Standing::Works(self.troubles(plan)),
        }
    }

    /// Why devices are still not as `plan` wants them, by address. What nobody wants any longer is no trouble.
    fn troubles(&self, plan: &Plan) -> BTreeMap<String, String> {
        let is_wanted = |address: &str| plan.steps.iter().any(|step| step.address() == address);
        let troubles = self.troubles.iter();
        troubles
            .filter(|(address, trouble)| trouble.hangs.is_some() || is_wanted(address))
            .map(|(address, trouble)| (address.clone(), shown(&trouble.told)))
            .collect()
    }

    async fn try_step(
        &mut self,
        root: PathBuf,
        step: &Step,
        unprobed: bool,
        metrics: &Metrics,
    ) -> Result<(), JoinError> {
        let tried = step.clone();
        let mut working = spawn_blocking(move || sysfs::carry_out(&root, &tried, unprobed));
        match timeout(PATIENCE, &mut working).await {
            Ok(result) => self.ended(step.address(), result?, metrics),
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                let trouble = self.troubles.entry(step.address().to_owned()).or_default();
                trouble.hangs = Some(working);
                trouble.tell(
                    step.address(),
                    &format!(
                        "no answer from the kernel within {seconds} s; see its log, and who has the device open"
                    ),
                );
            }
        }
        Ok(())
    }

    /// What became of steps that hung.
    async fn hear(&mut self, metrics: &Metrics) -> Result<(), JoinError> {
        let mut back = Vec::new();
        for (address, trouble) in &mut self.troubles {
            if let Some(working) = trouble.hangs.take_if(|working| working.is_finished()) {
                back.push((address.clone(), working));
            }
        }
        for (address, working) in back {
            self.ended(&address, working.await?, metrics);
        }
        Ok(())
    }

    fn ended(&mut self, address: &str, result: Result<(), SysfsError>, metrics: &Metrics) {
        match result {
            Ok(()) => {
                metrics.binder_stepped(Outcome::Ok);
                self.troubles.remove(address);
                tracing::info!(device = address, "virtual functions changed");
            }
            Err(error) => {
                metrics.binder_stepped(Outcome::Failed);
                let trouble = self.troubles.entry(address.to_owned()).or_default();
                trouble.tell(address, &error.to_string());
                trouble.wait = trouble
                    .wait
                    .saturating_mul(2)
                    .clamp(FIRST_WAIT, LONGEST_WAIT);
                trouble.until = Instant::now().checked_add(trouble.wait);
            }
        }
    }

    /// A device that needs nothing any longer starts anew.
    fn forget(&mut self, plan: &Plan, now: Instant) {
        self.troubles.retain(|address, trouble| {
            let is_planned = plan.steps.iter().any(|step| step.address() == address);
            is_planned || trouble.hangs.is_some() || trouble.until.is_some_and(|until| now < until)
        });
    }

    fn may_be_tried(&self, step: &Step) -> bool {
        let trouble = self.troubles.get(step.address());
        trouble.is_none_or(|trouble| {
            let is_over = |until: Instant| until <= Instant::now();
            trouble.hangs.is_none() && trouble.until.is_none_or(is_over)
        })
    }

    /// How long until a device may be tried again, or a hanging one be asked after.
    fn next(&self) -> Option<Duration> {
        let wait = |trouble: &Trouble| {
            if trouble.hangs.is_some() {
                return Some(FIRST_WAIT);
            }
            Some(trouble.until?.saturating_duration_since(Instant::now()))
        };
        self.troubles.values().filter_map(wait).min()
    }
}

impl Trouble {
    /// The same trouble is told once, and in the same words: each change of a condition is a write to the API server.
    fn tell(&mut self, device: &str, error: &str) {
        if shape(&self.told) != shape(error) {
            tracing::warn!(
                device,
                error,
                "virtual functions not changed; tried again later"
            );
            error.clone_into(&mut self.told);
        }
    }
}

#[cfg(test)]
mod tests;

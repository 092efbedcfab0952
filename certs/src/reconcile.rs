//! The loop: look, plan one step, carry it out, look again; then sleep until something changes, a
//! date is due, or the Lease wants renewing.

use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep_until, timeout};
use vmberth_serve::ready::Condition;
use vmberth_serve::shutdown::Shutdown;

use crate::install::{Configurations, bundles};
use crate::issue::IssueError;
use crate::lease::Candidate;
use crate::metrics::Metrics;
use crate::owner::Owner;
use crate::plan::{Plan, Settings, Step, Write, carry_out, plan};
use crate::store::Store;

/// Renewal of the Lease: a third of its duration, so that two lost renewals cost nothing.
const LEASE_EVERY: Duration = Duration::from_secs(5);
/// One look and one write; far more than a healthy kube-apiserver needs.
const STEP_DEADLINE: Duration = Duration::from_secs(10);
/// Looks even if no watch says anything, in case one died silently.
const RESYNC: Duration = Duration::from_secs(300);
/// A whole rotation is nine steps; more in one go means that two writers fight.
const MOST_STEPS: usize = 32;
/// Pause after a failure; doubled up to the second number.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Everything that the loop reads and writes.
#[derive(Debug)]
pub struct Reconciler {
    /// The Secrets.
    pub store: Store,
    /// The webhook configurations.
    pub configurations: Configurations,
    /// Lifetimes and names.
    pub settings: Settings,
    /// Whom all of it belongs to.
    pub owner: Option<Owner>,
    /// Our side of the Lease.
    pub candidate: Candidate,
    /// What Prometheus sees.
    pub metrics: Metrics,
    /// What the kubelet sees.
    pub ready: Condition,
}

/// Why a round was given up; it is tried again.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("kube-apiserver: {}", words(.0))]
    Api(#[from] kube::Error),
    #[error("certificate: {0}")]
    Issue(#[from] IssueError),
    #[error("no answer from kube-apiserver in time")]
    Deadline(#[from] tokio::time::error::Elapsed),
    #[error("no rest after {MOST_STEPS} steps, somebody else changes the same objects")]
    Restless,
    #[error("the CA's Secret is removed as soon as it is made; find out who removes it")]
    Removed,
    #[error(transparent)]
    Orphaned(#[from] Orphaned),
}

/// Nothing is written for a Deployment that is gone: the garbage collector would remove it at once, and what belongs to the
/// next one with it.
#[derive(Debug, thiserror::Error)]
#[error(
    "Deployment {0} is gone or going, or another one has its name by now; a pod that is started again belongs to that one"
)]
pub struct Orphaned(String);

/// What came of one look.
enum Looked {
    /// Nothing is to be done until then.
    Rests(Timestamp),
    /// Something was done.
    Did(Step),
    /// Objects got their owner.
    Adopted,
}

impl Reconciler {
    /// Runs until the shutdown begins; every item of `changes` says that something may have changed.
    ///
    /// # Errors
    /// When the Deployment that we began with is not there any longer.
    pub async fn run(
        mut self,
        changes: impl Stream<Item = ()>,
        shutdown: &Shutdown,
    ) -> Result<(), Orphaned> {
        let mut changes = pin!(changes);
        let mut leads = false;
        let mut pause = PAUSE.0;
        let (mut lease_due, mut look_due) = (Instant::now(), Instant::now());
        let ended = loop {
            tokio::select! {
                () = shutdown.begun() => break Ok(()),
                Some(()) = changes.next() => look_due = Instant::now(),
                () = sleep_until(lease_due) => {
                    let led = leads;
                    leads = self.hold(led).await;
                    lease_due = Instant::now() + LEASE_EVERY;
                    if leads && !led {
                        look_due = Instant::now();
                    }
                }
                () = sleep_until(look_due), if leads => match self.round(pause).await {
                    Ok(next) => (look_due, pause) = next,
                    Err(orphaned) => break Err(orphaned),
                },
            }
        };
        if leads {
            self.give_back().await;
        }
        ended
    }

    async fn give_back(&mut self) {
        let text = match timeout(LEASE_EVERY, self.candidate.release()).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(late) => late.to_string(),
        };
        tracing::warn!(
            error = text,
            "lease not given back, the next replica waits for its end"
        );
    }

    /// Takes or renews the Lease. A failure changes nothing: writes carry resource versions, so the
    /// worst of two leaders is a conflict.
    async fn hold(&mut self, led: bool) -> bool {
        let held = timeout(LEASE_EVERY, self.candidate.hold(Timestamp::now())).await;
        let leads = match held
            .map_err(Failure::from)
            .and_then(|held| held.map_err(Failure::from))
        {
            Ok(leads) => leads,
            Err(failure) => {
                tracing::warn!(error = %failure, "lease not renewed");
                self.metrics.failed("lease");
                return led;
            }
        };
        if leads != led {
            tracing::info!(leads, "lease");
        }
        self.metrics.leads(leads);
        if !leads {
            self.ready.set(true);
        }
        leads
    }

    /// All steps that are due; when to look again and how long to pause after the next failure.
    async fn round(&self, pause: Duration) -> Result<(Instant, Duration), Orphaned> {
        match self.settle().await {
            Ok(until) => {
                self.ready.set(true);
                let due = Instant::now() + wait(Timestamp::now(), until);
                Ok((due, PAUSE.0))
            }
            Err(Failure::Orphaned(orphaned)) => Err(orphaned),
            Err(failure) => {
                tracing::warn!(error = %failure, retry_in_ms = pause.as_millis(), "round failed");
                self.metrics.failed("round");
                Ok((Instant::now() + pause, (pause * 2).min(PAUSE.1)))
            }
        }
    }

    async fn settle(&self) -> Result<Timestamp, Failure> {
        let mut has_founded = false;
        for _ in 0..MOST_STEPS {
            match timeout(STEP_DEADLINE, self.step(has_founded)).await?? {
                Looked::Rests(until) => return Ok(until),
                Looked::Did(step) => has_founded |= step == Step::Found,
                Looked::Adopted => {}
            }
        }
        Err(Failure::Restless)
    }

    /// One look and one step. Each CA that is founded leaves one in the `caBundle` that is still trusted, and those count
    /// against rotations; so a second one in a row has to wait.
    async fn step(&self, has_founded: bool) -> Result<Looked, Failure> {
        let stored = self.store.read().await?;
        let configurations = self.configurations.read().await?;
        let seen = stored.observed(configurations.iter().flat_map(bundles).collect());
        self.metrics.show(&seen);
        let now = Timestamp::now();
        let step = match plan(&seen, &self.settings, now) {
            Plan::Now(Step::Found) if has_founded => return Err(Failure::Removed),
            Plan::Now(step) => step,
            Plan::IdleUntil(until) => {
                let strange = self.store.not_ours(stored);
                if strange.is_empty() {
                    return Ok(Looked::Rests(until));
                }
                self.belongs_to_somebody().await?;
                self.store.adopt(strange).await?;
                return Ok(Looked::Adopted);
            }
        };
        self.belongs_to_somebody().await?;
        match carry_out(step, &seen, &self.settings, now)? {
            Some(Write::Authorities(authorities)) => {
                self.store
                    .write_authorities(stored.authorities, &authorities)
                    .await?;
            }
            Some(Write::Serving(leaf, bundle, rotated)) => {
                self.store
                    .write_serving(stored.serving, &leaf, bundle, rotated)
                    .await?;
            }
            Some(Write::Bundle(bundle)) => {
                self.configurations
                    .install(&configurations, &bundle)
                    .await?;
            }
            None => {}
        }
        tracing::info!(?step, "done");
        self.metrics.stepped(step);
        Ok(Looked::Did(step))
    }

    /// Asked before each write; they are few.
    async fn belongs_to_somebody(&self) -> Result<(), Failure> {
        let Some(owner) = &self.owner else {
            return Ok(());
        };
        if owner.lives().await? {
            return Ok(());
        }
        Err(Orphaned(owner.reference.name.clone()).into())
    }
}

/// The server's own sentence, where there is one; kube adds its whole status to it otherwise.
fn words(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return format!("{} ({})", status.message, status.code);
    }
    error.to_string()
}

fn wait(now: Timestamp, until: Timestamp) -> Duration {
    // A little late rather than a little early, so that the date is due when we look.
    let left = now
        .duration_until(until)
        .saturating_add(SignedDuration::from_millis(50));
    Duration::try_from(left).map_or(PAUSE.0, |left| left.min(RESYNC))
}

#[cfg(test)]
mod tests;

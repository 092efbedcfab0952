//! Metrics of this program, in a registry that is handed in.

use prometheus::core::Collector;
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use vmberth_serve::metrics::register_all;

use crate::plan::{Observed, Step};

/// Prefix of every metric of this binary.
pub const PREFIX: &str = "vmberth_certs";

/// Handles of all metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    expiry: IntGaugeVec,
    trusted: IntGauge,
    steps: IntCounterVec,
    failures: IntCounterVec,
    leader: IntGauge,
}

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// When a name is taken already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let name = |name: &str| format!("{PREFIX}_{name}");
        let metrics = Self {
            expiry: IntGaugeVec::new(
                Opts::new(
                    name("certificate_expiry_timestamp_seconds"),
                    "Unix time at which a certificate ends: kind ca (the one that signs) or leaf.",
                ),
                &["kind"],
            )?,
            trusted: IntGauge::new(
                name("trusted_authorities"),
                "CAs in the trust bundle; more than one while a rotation is under way.",
            )?,
            steps: IntCounterVec::new(
                Opts::new(name("steps_total"), "Changes made, by step."),
                &["step"],
            )?,
            failures: IntCounterVec::new(
                Opts::new(
                    name("failures_total"),
                    "What failed and is tried again, by part.",
                ),
                &["part"],
            )?,
            leader: IntGauge::new(
                name("leader"),
                "1 if this replica holds the Lease and acts.",
            )?,
        };
        register_all(registry, metrics.collectors())?;
        Ok(metrics)
    }

    /// Every metric of certificates; the page in docs is compared with it.
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.expiry.clone()),
            Box::new(self.trusted.clone()),
            Box::new(self.steps.clone()),
            Box::new(self.failures.clone()),
            Box::new(self.leader.clone()),
        ]
    }

    /// Shows what was seen in the cluster.
    pub fn show(&self, seen: &Observed) {
        if let Some(ours) = &seen.authorities {
            let ends = ours.signing.certificate.not_after().as_second();
            self.expiry.with_label_values(&["ca"]).set(ends);
            let count = 1 + usize::from(ours.incoming.is_some()) + ours.retiring.len();
            self.trusted.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        if let Some(leaf) = &seen.leaf {
            let ends = leaf.certificate().not_after().as_second();
            self.expiry.with_label_values(&["leaf"]).set(ends);
        }
    }

    /// Counts a change.
    pub fn stepped(&self, step: Step) {
        self.steps.with_label_values(&[step_label(step)]).inc();
    }

    /// Counts a failure.
    pub fn failed(&self, part: &str) {
        self.failures.with_label_values(&[part]).inc();
    }

    /// Says whether we act. Who does not act sees nothing, and what it saw last would grow old: an alert would
    /// find a certificate that is long renewed.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
        if !leads {
            self.expiry.reset();
            self.trusted.set(0);
        }
    }
}

fn step_label(step: Step) -> &'static str {
    match step {
        Step::Found => "found",
        Step::Install => "install",
        Step::Introduce(_) => "introduce",
        Step::NoteTrusted => "note_trusted",
        Step::Issue(_) => "issue",
        Step::IssueFromIncoming => "issue_from_incoming",
        Step::Promote => "promote",
        Step::Retire => "retire",
        Step::Publish => "publish",
    }
}

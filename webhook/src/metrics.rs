//! What is counted of reviews.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use vmberth_cluster::{AllWatches, WatchMetrics};
use vmberth_decide::subject::{Kind, Operation};
use vmberth_serve::metrics::register_all;

/// Prefix of every metric of this binary.
pub const PREFIX: &str = "vmberth_webhook";

/// Handles; registered once in the registry that is handed in.
#[derive(Debug, Clone)]
pub struct Metrics {
    admissions: IntCounterVec,
    duration: Histogram,
    rejected_bodies: IntCounterVec,
    policy_valid: IntGauge,
    policy_loads: IntCounter,
    watches: AllWatches,
}

/// How a review ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Admitted as it was.
    Allowed,
    /// Admitted with edits.
    Patched,
    /// Refused by policy.
    Denied,
    /// Our own bug.
    Error,
}

/// Why a body was no review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The header does not say JSON.
    ContentType,
    /// More bytes than one review may have.
    TooLarge,
    /// More bytes than all reviews together may have.
    Busy,
    /// The connection broke.
    Broken,
    /// No bytes.
    Empty,
    /// No JSON, or none of that shape.
    Malformed,
    /// Another version or kind.
    Version,
    /// A part is missing or unknown.
    Incomplete,
    /// The object cannot be read.
    Object,
}

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// If a name is already taken in this registry.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let name = |name: &str| format!("{PREFIX}_{name}");
        let counters = |of: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name(of), help), labels)
        };
        let metrics = Self {
            admissions: counters(
                "admissions_total",
                "Reviews by kind, operation and verdict.",
                &["kind", "operation", "verdict"],
            )?,
            duration: Histogram::with_opts(
                HistogramOpts::new(
                    name("admission_duration_seconds"),
                    "Time from the first byte of the body to the answer.",
                )
                .buckets(vec![
                    2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 2e-2, 0.1, 1.0,
                ]),
            )?,
            rejected_bodies: counters(
                "rejected_bodies_total",
                "Bodies that were no review, by reason.",
                &["reason"],
            )?,
            policy_valid: IntGauge::new(
                name("policy_valid"),
                "1 if the policy file as it is now is in force, 0 if an older one is.",
            )?,
            policy_loads: IntCounter::new(
                name("policy_loads_total"),
                "Policies that came into force, the one at start included.",
            )?,
            watches: AllWatches::new(PREFIX)?,
        };
        register_all(registry, metrics.collectors())?;
        Ok(metrics)
    }

    /// Every metric of reviews; the page in docs is compared with it.
    #[must_use]
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        let own: [Box<dyn Collector>; 5] = [
            Box::new(self.admissions.clone()),
            Box::new(self.duration.clone()),
            Box::new(self.rejected_bodies.clone()),
            Box::new(self.policy_valid.clone()),
            Box::new(self.policy_loads.clone()),
        ];
        own.into_iter().chain(self.watches.collectors()).collect()
    }

    /// Counts a review.
    pub fn decided(&self, kind: Kind, operation: Operation, verdict: Verdict, took: Duration) {
        let labels = [kind.as_str(), operation.as_str(), verdict.as_str()];
        self.admissions.with_label_values(&labels).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts a body that was no review.
    pub fn rejected(&self, reason: Rejection) {
        self.rejected_bodies
            .with_label_values(&[reason.as_str()])
            .inc();
    }

    /// A policy came into force.
    pub fn policy_loaded(&self) {
        self.policy_loads.inc();
        self.policy_valid.set(1);
    }

    /// The policy file is not what is in force.
    pub fn policy_refused(&self) {
        self.policy_valid.set(0);
    }

    /// Those of watches.
    #[must_use]
    pub fn watches(&self) -> &AllWatches {
        &self.watches
    }

    /// A watch of this resource begins.
    #[must_use]
    pub fn watch(&self, resource: &'static str) -> WatchMetrics {
        self.watches.of(resource)
    }
}

impl Verdict {
    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Patched => "patched",
            Self::Denied => "denied",
            Self::Error => "error",
        }
    }
}

impl Rejection {
    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ContentType => "content_type",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::Broken => "broken",
            Self::Empty => "empty",
            Self::Malformed => "malformed",
            Self::Version => "version",
            Self::Incomplete => "incomplete",
            Self::Object => "object",
        }
    }
}

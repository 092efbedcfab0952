//! What is counted of the scheduler's calls.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};
use vmberth_cluster::AllWatches;
use vmberth_serve::metrics::register_all;

/// Prefix of every metric of this binary.
pub const PREFIX: &str = "vmberth_extender";

/// Handles; registered once in the registry that is handed in.
#[derive(Debug, Clone)]
pub struct Metrics {
    calls: IntCounterVec,
    duration: HistogramVec,
    wakes: IntCounter,
    holds: IntGauge,
    promises: IntGauge,
    watches: AllWatches,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Which nodes can hold the pod.
    Filter,
    /// Which of them is best.
    Prioritize,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The pod works for no VM: all nodes pass.
    Foreign,
    /// At least one node can hold the VM.
    Placed,
    /// None can.
    Refused,
    /// Nobody can say yet what the VM needs.
    Unclear,
    /// It could not be answered.
    Error,
}

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// If a name is already taken in this registry.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let name = |name: &str| format!("{PREFIX}_{name}");
        let metrics = Self {
            calls: IntCounterVec::new(
                Opts::new(
                    name("calls_total"),
                    "Calls of kube-scheduler by verb and outcome.",
                ),
                &["verb", "outcome"],
            )?,
            duration: HistogramVec::new(
                HistogramOpts::new(
                    name("call_duration_seconds"),
                    "Time from the first byte of the body to the answer.",
                )
                .buckets(vec![
                    1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 2e-2, 0.1, 1.0,
                ]),
                &["verb"],
            )?,
            wakes: IntCounter::new(
                name("wakes_total"),
                "Times that pods were woken which had been refused, since something had changed.",
            )?,
            holds: IntGauge::new(
                name("holds"),
                "VMs for which functions, pages or volumes of a node are kept until their pod is there.",
            )?,
            promises: IntGauge::new(
                name("promises"),
                "Pods that were answered, and whose place was not seen yet; what their VMs will need is kept meanwhile.",
            )?,
            watches: AllWatches::new(PREFIX)?,
        };
        register_all(registry, metrics.collectors())?;
        Ok(metrics)
    }

    /// Every metric of calls; the page in docs is compared with it.
    #[must_use]
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        let own: [Box<dyn Collector>; 5] = [
            Box::new(self.calls.clone()),
            Box::new(self.duration.clone()),
            Box::new(self.wakes.clone()),
            Box::new(self.holds.clone()),
            Box::new(self.promises.clone()),
        ];
        own.into_iter().chain(self.watches.collectors()).collect()
    }

    /// Counts a call.
    pub fn called(&self, verb: Verb, outcome: Outcome, took: Duration) {
        let labels = [verb.as_str(), outcome.as_str()];
        self.calls.with_label_values(&labels).inc();
        let duration = self.duration.with_label_values(&[verb.as_str()]);
        duration.observe(took.as_secs_f64());
    }

    /// So many VMs have something kept for them.
    pub fn holds(&self, vms: usize) {
        self.holds.set(i64::try_from(vms).unwrap_or(i64::MAX));
    }

    /// So many pods were answered and not seen placed yet.
    pub fn promises(&self, pods: usize) {
        self.promises.set(i64::try_from(pods).unwrap_or(i64::MAX));
    }

    /// Pods were woken.
    pub fn woke(&self) {
        self.wakes.inc();
    }

    /// Those of watches.
    #[must_use]
    pub fn watches(&self) -> &AllWatches {
        &self.watches
    }
}

impl Verb {
    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Prioritize => "prioritize",
        }
    }
}

impl Outcome {
    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Placed => "placed",
            Self::Refused => "refused",
            Self::Unclear => "unclear",
            Self::Error => "error",
        }
    }
}

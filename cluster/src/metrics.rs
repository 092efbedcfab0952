//! What is counted of watches.

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};

/// Handles of all watches of a program.
#[derive(Debug, Clone)]
pub struct AllWatches {
    failing: IntGaugeVec,
    interruptions: IntCounterVec,
}

/// Handles of one watch.
#[derive(Debug, Clone)]
pub struct WatchMetrics {
    resource: &'static str,
    failing: IntGauge,
    interruptions: IntCounter,
}

impl AllWatches {
    /// Metrics whose names begin with `prefix`; not registered yet.
    ///
    /// # Errors
    /// If the prefix makes no name of a metric.
    pub fn new(prefix: &str) -> prometheus::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(format!("{prefix}_{name}"), help);
        let failing = opts(
            "watch_failing",
            "1 from an interruption of a watch until the API server answers it again; what is known gets old.",
        );
        let interruptions = opts(
            "watch_interruptions_total",
            "Interruptions of a watch, and attempts to begin it again that failed.",
        );
        Ok(Self {
            failing: IntGaugeVec::new(failing, &["resource"])?,
            interruptions: IntCounterVec::new(interruptions, &["resource"])?,
        })
    }

    /// What is to be registered.
    #[must_use]
    pub fn collectors(&self) -> [Box<dyn Collector>; 2] {
        [
            Box::new(self.failing.clone()),
            Box::new(self.interruptions.clone()),
        ]
    }

    /// A watch of this resource begins.
    #[must_use]
    pub fn of(&self, resource: &'static str) -> WatchMetrics {
        WatchMetrics {
            resource,
            failing: self.failing.with_label_values(&[resource]),
            interruptions: self.interruptions.with_label_values(&[resource]),
        }
    }
}

impl WatchMetrics {
    /// What is watched, as its label says.
    #[must_use]
    pub fn resource(&self) -> &'static str {
        self.resource
    }

    /// The API server gave what was asked for.
    pub fn answered(&self) {
        self.failing.set(0);
    }

    /// It did not, or the connection broke.
    pub fn interrupted(&self) {
        self.failing.set(1);
        self.interruptions.inc();
    }
}

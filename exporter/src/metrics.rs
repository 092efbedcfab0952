//! What is counted of the agent, and what the node has: the same numbers as the assessment.
//!
//! `assessment.rs` makes the gauges of the node at scrape time from the last assessment, so none of them can be left
//! over from an earlier one; `families.rs` and its files list them.

mod assessment;
mod families;
mod handles;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};
use vmberth_cluster::{AllWatches, WatchMetrics};
use vmberth_decide::node::Assessment;
use vmberth_serve::metrics::register_all;

use assessment::NodeCollector;

pub use handles::{Object, Outcome};

/// Prefix of every metric of this binary.
pub const PREFIX: &str = "vmberth_exporter";

/// The last assessment; none before the first round.
type Shown = Arc<Mutex<Option<Arc<Assessment>>>>;

/// Handles; registered once in the registry that is handed in.
#[derive(Debug, Clone)]
pub struct Metrics {
    shown: Shown,
    node: NodeCollector,
    last_good_scan: Gauge,
    scan: Histogram,
    rounds: IntCounter,
    writes: IntCounterVec,
    wipes: IntCounterVec,
    binder_steps: IntCounterVec,
    config_valid: IntGauge,
    config_loaded: Gauge,
    inventory_served: IntGauge,
    watches: AllWatches,
}

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// If a name is already taken in this registry.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let name = |name: &str| format!("{PREFIX}_{name}");
        let gauge = |of: &str, help: &str| IntGauge::new(name(of), help);
        let counters = |of: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name(of), help), labels)
        };
        let shown = Shown::default();
        let metrics = Self {
            node: NodeCollector::new(Arc::clone(&shown))?,
            shown,
            last_good_scan: Gauge::new(
                name("last_good_scan_timestamp_seconds"),
                "Unix time of the last scan that could be completed; 0 before the first.",
            )?,
            scan: Histogram::with_opts(scan_opts(name("scan_seconds")))?,
            rounds: IntCounter::new(
                name("rounds_total"),
                "Rounds: a scan, a verdict, and what follows from it.",
            )?,
            writes: counters(
                "writes_total",
                "Writes to the API server by object and result.",
                &["object", "result"],
            )?,
            wipes: counters(
                "wipes_total",
                "Volumes that were emptied to be offered again, by result.",
                &["result"],
            )?,
            binder_steps: counters(
                "binder_steps_total",
                "Changes of virtual functions in sysfs, by result.",
                &["result"],
            )?,
            config_valid: gauge(
                "config_valid",
                "1 if the config file as it is now is in force, 0 if an older one is.",
            )?,
            config_loaded: Gauge::new(
                name("config_loaded_timestamp_seconds"),
                "Time since 1970 at which the config in force was read: a changed ConfigMap takes up to 90 s to come.",
            )?,
            inventory_served: gauge(
                "inventory_served",
                "0 if the API server does not know the kind NodeInventory: its CustomResourceDefinition is missing.",
            )?,
            watches: AllWatches::new(PREFIX)?,
        };
        metrics.inventory_served.set(1);
        register_all(registry, metrics.collectors())?;
        Ok(metrics)
    }

    /// Every metric of the agent; the page in docs is compared with it.
    #[must_use]
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        let own: [Box<dyn Collector>; 10] = [
            Box::new(self.node.clone()),
            Box::new(self.last_good_scan.clone()),
            Box::new(self.scan.clone()),
            Box::new(self.rounds.clone()),
            Box::new(self.writes.clone()),
            Box::new(self.wipes.clone()),
            Box::new(self.binder_steps.clone()),
            Box::new(self.config_valid.clone()),
            Box::new(self.config_loaded.clone()),
            Box::new(self.inventory_served.clone()),
        ];
        own.into_iter().chain(self.watches.collectors()).collect()
    }

    /// Shows this assessment from now on, and nothing of the one before.
    pub fn set(&self, assessment: &Assessment) {
        let fresh = Some(Arc::new(assessment.clone()));
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
    }

    /// A scan is complete; `at` is the time since 1970.
    pub fn scanned(&self, took: Duration, at: Duration) {
        self.scan.observe(took.as_secs_f64());
        self.last_good_scan.set(at.as_secs_f64());
    }

    /// Counts a round.
    pub fn round(&self) {
        self.rounds.inc();
    }

    /// Counts a write to the API server.
    pub fn wrote(&self, object: Object, outcome: Outcome) {
        let labels = [object.as_str(), outcome.as_str()];
        self.writes.with_label_values(&labels).inc();
    }

    /// Counts a volume that was to be emptied.
    pub fn wiped(&self, outcome: Outcome) {
        self.wipes.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Counts a write to sysfs.
    pub fn binder_stepped(&self, outcome: Outcome) {
        self.binder_steps
            .with_label_values(&[outcome.as_str()])
            .inc();
    }

    /// The config file as it is now is in force, or it was refused.
    pub fn config(&self, valid: bool) {
        self.config_valid.set(i64::from(valid));
    }

    /// Another config is in force; `at` is the time since 1970.
    pub fn config_loaded(&self, at: Duration) {
        self.config_loaded.set(at.as_secs_f64());
    }

    /// The API server knows our kind, or it does not.
    pub fn inventory_served(&self, served: bool) {
        self.inventory_served.set(i64::from(served));
    }

    /// A watch of this resource begins.
    #[must_use]
    pub fn watch(&self, resource: &'static str) -> WatchMetrics {
        self.watches.of(resource)
    }
}

/// A scan of 64 volumes and 64 virtual functions is to take less than 20 ms.
fn scan_opts(name: String) -> HistogramOpts {
    HistogramOpts::new(name, "Time that a scan of the node took.")
        .buckets(vec![1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 1.0, 10.0])
}

#[cfg(test)]
mod tests;

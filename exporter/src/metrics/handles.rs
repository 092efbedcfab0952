//! Label values of what is counted, and the handles of watches.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};

use super::PREFIX;

/// Handles of all watches.
#[derive(Debug, Clone)]
pub(super) struct AllWatches {
    pub(super) failing: IntGaugeVec,
    pub(super) interruptions: IntCounterVec,
}

/// Handles of one watch.
#[derive(Debug, Clone)]
pub struct WatchMetrics {
    failing: IntGauge,
    interruptions: IntCounter,
}

/// What is written to the API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// The node's NodeInventory.
    Inventory,
    /// An Event on the Node.
    Event,
    /// A PersistentVolume of ours.
    PersistentVolume,
    /// The device plugin's pod, which is deleted.
    Pod,
}

/// How something that was done ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Ok,
    /// Not done, because it was not the time: another was quicker, or a check said no.
    Refused,
    /// It failed, and is tried again.
    Failed,
}

impl AllWatches {
    pub(super) fn new() -> prometheus::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(format!("{PREFIX}_{name}"), help);
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

    pub(super) fn of(&self, resource: &'static str) -> WatchMetrics {
        WatchMetrics {
            failing: self.failing.with_label_values(&[resource]),
            interruptions: self.interruptions.with_label_values(&[resource]),
        }
    }
}

impl WatchMetrics {
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

impl Object {
    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Event => "event",
            Self::PersistentVolume => "persistentvolume",
            Self::Pod => "pod",
        }
    }
}

impl Outcome {
    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

//! Label values of what is counted, and the handles of a watch.

use prometheus::{IntCounter, IntGauge};

/// Handles of one watch.
#[derive(Debug, Clone)]
pub struct WatchMetrics {
    pub(super) failing: IntGauge,
    pub(super) interruptions: IntCounter,
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

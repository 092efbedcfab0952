//! Label values of what is counted.

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

//! What a volume is worth, in one word.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a volume is worth now.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum VolumeState {
    /// For the taking.
    Available,
    /// A claim has it.
    Bound,
    /// Its claim is gone and its data will be removed as soon as that is safe.
    Released,
    /// Its claim is gone and its data is kept.
    Retained,
    /// Healthy, but no PersistentVolume is made of it: nobody asked for one, or there is data in it.
    Unoffered,
    /// It can't be used.
    #[default]
    Unhealthy,
}

impl VolumeState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Available,
        Self::Bound,
        Self::Released,
        Self::Retained,
        Self::Unoffered,
        Self::Unhealthy,
    ];

    /// As it is published.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "Available",
            Self::Bound => "Bound",
            Self::Released => "Released",
            Self::Retained => "Retained",
            Self::Unoffered => "Unoffered",
            Self::Unhealthy => "Unhealthy",
        }
    }
}

//! DataVolumes and claims.

use serde::Deserialize;

use super::Object;
use super::basic::{Present, Text, fields};
use super::instance::Resources;

/// Spec of a DataVolume.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataVolumeSpec<'a> {
    /// What fills it.
    #[serde(default, deserialize_with = "fields")]
    pub source: Option<Source>,
    /// The claim as it will be, to the byte.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub pvc: Option<ClaimSpec<'a>>,
    /// The claim as CDI makes it: modes from the class's profile, size with the file system's overhead.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub storage: Option<ClaimSpec<'a>>,
}

/// What fills a DataVolume.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Source {
    /// A client sends it.
    pub upload: Option<Present>,
    /// It is fetched.
    pub http: Option<Present>,
}

/// A PersistentVolumeClaim.
pub type Claim<'a> = Object<'a, ClaimSpec<'a>>;

/// Spec of a PersistentVolumeClaim, or what a DataVolume says of its claim.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimSpec<'a> {
    /// The class; empty means none, absent the cluster's default.
    #[serde(borrow)]
    pub storage_class_name: Option<Text<'a>>,
    /// Who may mount it.
    #[serde(borrow)]
    pub access_modes: Option<Vec<Text<'a>>>,
    /// File system or block device.
    #[serde(borrow)]
    pub volume_mode: Option<Text<'a>>,
    /// A certain volume.
    #[serde(borrow)]
    pub volume_name: Option<Text<'a>>,
    /// How much.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub resources: Option<Resources<'a>>,
}

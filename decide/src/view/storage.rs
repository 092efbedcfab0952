//! DataVolumes and claims.

use serde::Deserialize;

use super::Object;
use super::affinity::Requirement;
use super::basic::{Amount, Present, Text, fields, list, texts};
use super::metadata::Labels;

/// A DataVolume that will be made for a VM. There are as many of them as volumes, so of their metadata no more is read
/// than what tells them apart.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DataVolumeTemplate<'a> {
    #[serde(borrow, default, deserialize_with = "fields")]
    metadata: Option<Named<'a>>,
    /// What is wanted.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub spec: Option<DataVolumeSpec<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
}

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
    /// It is an image of a registry.
    pub registry: Option<Present>,
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
    #[serde(borrow, default, deserialize_with = "texts")]
    pub access_modes: Option<Vec<Text<'a>>>,
    /// File system or block device.
    #[serde(borrow)]
    pub volume_mode: Option<Text<'a>>,
    /// A certain volume.
    #[serde(borrow)]
    pub volume_name: Option<Text<'a>>,
    /// Labels that its volume must have.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub selector: Option<LabelSelector<'a>>,
    /// How much.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub resources: Option<ClaimResources<'a>>,
}

/// Kubernetes' label selector.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector<'a> {
    /// Labels that must have these values.
    #[serde(borrow)]
    pub match_labels: Option<Labels<'a>>,
    /// Further requirements, which look like those of nodes.
    #[serde(borrow, default, deserialize_with = "list")]
    pub match_expressions: Option<Vec<Requirement<'a>>>,
}

/// What a claim asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ClaimResources<'a> {
    /// At least that much.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub requests: Option<ClaimRequests<'a>>,
}

/// The one resource that a claim has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ClaimRequests<'a> {
    /// Bytes.
    #[serde(borrow)]
    pub storage: Option<Amount<'a>>,
}

impl DataVolumeTemplate<'_> {
    /// The name; empty if there is none, which KubeVirt refuses.
    #[must_use]
    pub fn name(&self) -> &str {
        let metadata = self.metadata.as_ref();
        metadata
            .and_then(|metadata| metadata.name.as_deref())
            .unwrap_or("")
    }
}

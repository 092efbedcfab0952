//! Who and whose an object is.

use serde::Deserialize;
use serde::de::Deserializer;

use crate::names;

use super::basic::{NAMES_MAX, Pairs, Text, fields, list, pairs};

/// Metadata and spec of any object.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
pub struct Object<'a, S> {
    /// Who and whose it is.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub metadata: Option<Metadata<'a>>,
    /// What is wanted.
    #[serde(default, deserialize_with = "fields")]
    pub spec: Option<S>,
}

/// Metadata of an object or of a template.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Metadata<'a> {
    /// Absent while the name is still to be generated.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// What a generated name starts with.
    #[serde(borrow, rename = "generateName")]
    pub generate_name: Option<Text<'a>>,
    /// Where it is; a review says that itself.
    #[serde(borrow)]
    pub namespace: Option<Text<'a>>,
    /// UID.
    #[serde(borrow)]
    pub uid: Option<Text<'a>>,
    /// All labels: profiles select by any of them.
    #[serde(borrow)]
    pub labels: Option<Labels<'a>>,
    /// The annotations that decide something.
    #[serde(borrow)]
    pub annotations: Option<Annotations<'a>>,
    /// Whose object this is.
    #[serde(borrow, rename = "ownerReferences", default, deserialize_with = "list")]
    pub owners: Option<Vec<Owner<'a>>>,
}

/// Labels by name.
pub type Labels<'a> = Pairs<'a, Text<'a>, NAMES_MAX>;

/// The annotations of vmberth, KubeVirt, CDI and the network plumbing; every other one is skipped, since
/// `last-applied-configuration` alone can be larger than the object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations<'a>(Vec<(Text<'a>, Text<'a>)>);

impl Annotations<'_> {
    /// The annotation of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(known, _)| &**known == name)
            .map(|(_, value)| &**value)
    }
}

impl<'a> Annotations<'a> {
    /// The names of those that are kept.
    pub fn names(&self) -> impl Iterator<Item = &str> + use<'_, 'a> {
        self.0.iter().map(|(name, _)| &**name)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const PREFIXES: [&str; 4] = [
            names::OWN_PREFIX,
            "cdi.kubevirt.io/",
            "k8s.v1.cni.cncf.io/",
            "v1.multus-cni.io/",
        ];
        let wanted = |name: &str| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        pairs::<_, _, NAMES_MAX>(deserializer, wanted).map(Self)
    }
}

/// One owner of an object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Owner<'a> {
    /// Group and version of the owner.
    #[serde(borrow, rename = "apiVersion")]
    pub api_version: Option<Text<'a>>,
    /// Kind of the owner.
    #[serde(borrow)]
    pub kind: Option<Text<'a>>,
    /// Name of the owner.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// Whether it is the one that manages this object.
    pub controller: Option<bool>,
}

impl<S> Object<'_, S> {
    /// The label's value on this object.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.metadata.as_ref()?.label(name)
    }

    /// The annotation's value on this object.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.as_ref()?.annotation(name)
    }

    /// The name, or what the generated name will start with; empty if there is neither.
    #[must_use]
    pub fn name(&self) -> &str {
        let Some(metadata) = &self.metadata else {
            return "";
        };
        metadata
            .own_name()
            .or(metadata.generate_name.as_deref())
            .unwrap_or("")
    }
}

impl Metadata<'_> {
    /// The name, unless it is still to be generated.
    #[must_use]
    pub fn own_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| !name.is_empty())
    }

    /// The label's value.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.as_ref()?.get(name).map(|value| &**value)
    }

    /// The annotation's value.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name)
    }

    /// The owner that manages the object.
    #[must_use]
    pub fn controller(&self) -> Option<&Owner<'_>> {
        let owners = self.owners.as_deref()?;
        owners.iter().find(|owner| owner.controller == Some(true))
    }
}

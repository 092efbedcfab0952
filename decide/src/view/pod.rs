//! Pods, and the templates of DaemonSets.

use serde::Deserialize;

use super::Pod;
use super::basic::{Text, fields, list};
use super::instance::Resources;

/// Spec of a pod.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec<'a> {
    /// Taints that are put up with.
    #[serde(borrow, default, deserialize_with = "list")]
    pub tolerations: Option<Vec<Toleration<'a>>>,
    /// Who places it; the API server has filled it in already.
    #[serde(borrow)]
    pub scheduler_name: Option<Text<'a>>,
    /// What runs in it.
    #[serde(borrow, default, deserialize_with = "list")]
    pub containers: Option<Vec<Container<'a>>>,
    /// What runs before.
    #[serde(borrow, default, deserialize_with = "list")]
    pub init_containers: Option<Vec<Container<'a>>>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Container<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// What it asks for.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub resources: Option<Resources<'a>>,
}

/// A toleration as somebody else wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Toleration<'a> {
    #[serde(borrow)]
    key: Option<Text<'a>>,
    #[serde(borrow)]
    operator: Option<Text<'a>>,
    #[serde(borrow)]
    value: Option<Text<'a>>,
    #[serde(borrow)]
    effect: Option<Text<'a>>,
    #[serde(rename = "tolerationSeconds")]
    seconds: Option<i64>,
}

/// Spec of a DaemonSet.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DaemonSetSpec<'a> {
    /// The pods that will be made.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub template: Option<Pod<'a>>,
}

impl Toleration<'_> {
    /// Empty means every key.
    #[must_use]
    pub fn key(&self) -> &str {
        self.key.as_deref().unwrap_or("")
    }

    /// Empty means `Equal`.
    #[must_use]
    pub fn operator(&self) -> &str {
        self.operator.as_deref().unwrap_or("")
    }

    /// The value that `Equal` compares.
    #[must_use]
    pub fn value(&self) -> &str {
        self.value.as_deref().unwrap_or("")
    }

    /// Empty means every effect.
    #[must_use]
    pub fn effect(&self) -> &str {
        self.effect.as_deref().unwrap_or("")
    }
}

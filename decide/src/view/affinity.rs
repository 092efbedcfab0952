//! What a node must be for a pod or VM.

use serde::Deserialize;

use super::basic::{Text, fields, list, texts};

/// Affinity of a pod or an instance; that between pods is left to kube-scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Affinity<'a> {
    /// To nodes.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub node_affinity: Option<NodeAffinity<'a>>,
}

/// Affinity to nodes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NodeAffinity<'a> {
    /// What must be.
    #[serde(
        borrow,
        rename = "requiredDuringSchedulingIgnoredDuringExecution",
        default,
        deserialize_with = "fields"
    )]
    pub required: Option<NodeSelector<'a>>,
}

/// Terms, one of which is enough.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSelector<'a> {
    /// The terms.
    #[serde(borrow, default, deserialize_with = "list")]
    pub node_selector_terms: Option<Vec<Term<'a>>>,
}

/// Requirements, all of which a node has to meet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Term<'a> {
    /// Of its labels.
    #[serde(borrow, default, deserialize_with = "list")]
    pub match_expressions: Option<Vec<Requirement<'a>>>,
    /// Of its name.
    #[serde(borrow, default, deserialize_with = "list")]
    pub match_fields: Option<Vec<Requirement<'a>>>,
}

/// A requirement of one label, or of a field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Requirement<'a> {
    /// The label.
    #[serde(borrow)]
    pub key: Option<Text<'a>>,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt` or `Lt`.
    #[serde(borrow)]
    pub operator: Option<Text<'a>>,
    /// What it is compared with.
    #[serde(borrow, default, deserialize_with = "texts")]
    pub values: Option<Vec<Text<'a>>>,
}

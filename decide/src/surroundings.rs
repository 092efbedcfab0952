//! What a decision has to know of other objects of the cluster.
//!
//! Watched by the webhook, written down by tests, unknown to the offline command. Nothing is ever asked while a
//! review is decided.

use std::fmt;

/// Other objects, as far as they are known.
pub trait Surroundings {
    /// A NetworkAttachmentDefinition.
    fn network(&self, namespace: &str, name: &str) -> NetworkKnown<'_>;

    /// The class of a claim.
    fn class_of_claim(&self, namespace: &str, name: &str) -> ClaimKnown<'_>;
}

/// A NetworkAttachmentDefinition by namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NetworkName {
    namespace: String,
    name: String,
}

impl NetworkName {
    /// A name as VMs write it: without a namespace it is in the VM's own.
    #[must_use]
    pub fn of(written: &str, namespace: &str) -> Self {
        let (namespace, name) = written.split_once('/').unwrap_or((namespace, written));
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Whether this is it.
    #[must_use]
    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    /// What is known of it.
    #[must_use]
    pub fn known<'s>(&self, surroundings: &'s dyn Surroundings) -> NetworkKnown<'s> {
        surroundings.network(&self.namespace, &self.name)
    }
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What is known of a NetworkAttachmentDefinition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkKnown<'a> {
    /// Networks are not watched, or not yet.
    Unwatched,
    /// There is none of that name.
    Missing,
    /// It names no resource of a device plugin.
    WithoutResource,
    /// Its pods need one of this resource.
    Resource(&'a str),
}

/// What is known of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimKnown<'a> {
    /// Claims are not watched, or not yet.
    Unwatched,
    /// There is none of that name.
    Missing,
    /// It is of this class; empty if of none.
    Class(&'a str),
}

/// Nothing is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Surroundings for Nothing {
    fn network(&self, _: &str, _: &str) -> NetworkKnown<'_> {
        NetworkKnown::Unwatched
    }

    fn class_of_claim(&self, _: &str, _: &str) -> ClaimKnown<'_> {
        ClaimKnown::Unwatched
    }
}

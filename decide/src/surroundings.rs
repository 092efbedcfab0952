//! What a decision has to know of other objects of the cluster.
//!
//! Watched by the webhook, written down by tests, unknown to the offline command. Nothing is ever asked while a
//! review is decided.

/// Other objects, as far as they are known.
pub trait Surroundings {
    /// A NetworkAttachmentDefinition.
    fn network(&self, namespace: &str, name: &str) -> NetworkKnown<'_>;

    /// The class of a claim.
    fn class_of_claim(&self, namespace: &str, name: &str) -> ClaimKnown<'_>;
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

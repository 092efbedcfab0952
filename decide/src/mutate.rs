//! From a review and a policy to the edits, or to the reason why there are none.
//!
//! Idempotent: a review of the edited object yields no edit. The API server relies on it
//! (`reinvocationPolicy: IfNeeded`), and so does `kubectl apply` of an unchanged manifest.

mod metadata;
mod opt_out;
mod record;
mod target;
mod tolerations;

use std::fmt;

use crate::denial::Denial;
use crate::edit::{Edit, Why};
use crate::policy::Policy;
use crate::subject::{Operation, Review};

use opt_out::OptOut;
use target::Target;

/// What becomes of an admitted object.
#[derive(Debug, Clone, PartialEq)]
pub enum Mutation {
    /// Nothing is changed.
    LeftAlone(LeftAlone),
    /// These are applied, in this order; never empty.
    Edits(Vec<Edit>),
}

/// Why nothing is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftAlone {
    /// Not an object of a VM, or nothing that we change at this operation.
    NotOurs,
    /// Its namespace is exempt by policy.
    ExemptNamespace,
    /// Its label says so.
    OptedOut,
    /// KubeVirt would take it back: what the owner's template says wins.
    OwnedByMachine,
    /// The user did not touch what we would change, and a running VM would have to be restarted.
    NotTouched,
    /// Everything is there already.
    Complete,
}

/// Decides about one review.
///
/// # Errors
/// If the object carries a wish of its user that we cannot follow.
pub fn mutate(review: &Review<'_>, policy: &Policy) -> Result<Mutation, Denial> {
    let Some(target) = Target::of(&review.object, review.operation) else {
        return Ok(Mutation::LeftAlone(LeftAlone::NotOurs));
    };
    if policy.exempts(&review.namespace) {
        return Ok(Mutation::LeftAlone(LeftAlone::ExemptNamespace));
    }
    let opted_out = || Mutation::LeftAlone(LeftAlone::OptedOut);
    match opt_out::of(review)? {
        OptOut::No => {}
        OptOut::Yes => return Ok(opted_out()),
        OptOut::ToTemplate => {
            let copy = opt_out::to_template(&target);
            return Ok(copy.map_or_else(opted_out, |edit| recorded(vec![edit], &target)));
        }
    }
    if target.owned_by_machine {
        return Ok(Mutation::LeftAlone(LeftAlone::OwnedByMachine));
    }
    if review.operation == Operation::Update && !touched(review, &target) {
        return Ok(Mutation::LeftAlone(LeftAlone::NotTouched));
    }
    let edits = tolerations::inject(&target, policy);
    if edits.is_empty() {
        return Ok(Mutation::LeftAlone(LeftAlone::Complete));
    }
    Ok(recorded(edits, &target))
}

fn recorded(mut edits: Vec<Edit>, target: &Target<'_>) -> Mutation {
    edits.extend(record::of(&edits, target.metadata));
    Mutation::Edits(edits)
}

/// Whether this update changes what we would change. Changing a running VM's template beyond that would raise
/// RestartRequired (facts: kubevirt-cdi 0.3).
fn touched(review: &Review<'_>, target: &Target<'_>) -> bool {
    let old = review
        .old
        .as_ref()
        .and_then(|old| Target::of(old, review.operation));
    old.is_none_or(|old| {
        // An empty list is as good as none: a client that writes one has not touched it.
        old.tolerations.unwrap_or_default() != target.tolerations.unwrap_or_default()
    })
}

impl Mutation {
    /// What the user should know, if anything.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        let Self::Edits(edits) = self else {
            return None;
        };
        edits.iter().any(|edit| edit.why == Why::OptOut).then_some(
            "vmberth.io/inject=false was copied to the template, where pods inherit it; \
             tolerations that are there already stay",
        )
    }
}

impl fmt::Display for LeftAlone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOurs => "not an object of a VM",
            Self::ExemptNamespace => "namespace is exempt by policy",
            Self::OptedOut => "label vmberth.io/inject says false",
            Self::OwnedByMachine => "the VirtualMachine that owns it decides",
            Self::NotTouched => "the update does not touch what would be changed",
            Self::Complete => "everything is there already",
        })
    }
}

#[cfg(test)]
mod tests;

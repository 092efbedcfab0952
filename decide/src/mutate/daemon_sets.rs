//! DaemonSets that opted in: their controller decides by the template whether a node gets a pod, so a toleration on the
//! pod alone comes too late (facts: domain 0.7). The SR-IOV CNI and device plugin need it on tainted nodes.

use crate::edit::Token;
use crate::names;
use crate::policy::Policy;
use crate::subject::View;
use crate::view::{DaemonSet, PodSpec};

use super::{Context, LeftAlone, Mutation, tolerations};

/// Whether a person asked for it, by label or in the policy.
pub(super) fn is_opted_in(set: &DaemonSet<'_>, namespace: &str, policy: &Policy) -> bool {
    let listed = || {
        let listed = |(space, name): &(String, String)| space == namespace && name == set.name();
        policy.daemon_sets.iter().any(listed)
    };
    pods(set).is_some() && (set.label(names::INJECT_LABEL) == Some("true") || listed())
}

/// Decides about a DaemonSet that is opted in.
pub(super) fn decide(
    set: &DaemonSet<'_>,
    before: Option<&View<'_>>,
    context: Context<'_>,
) -> Mutation {
    let Some(spec) = pods(set) else {
        return Mutation::left_alone(LeftAlone::NotOurs);
    };
    // A changed template rolls the pods, so an update is followed only where the user changed the same or has just
    // opted in.
    if let Some(View::DaemonSet(before)) = before
        && is_opted_in(before, context.namespace, context.policy)
        && pods(before).map(|pods| &pods.tolerations) == Some(&spec.tolerations)
    {
        return Mutation::left_alone(LeftAlone::NotTouched);
    }
    let path = ["spec", "template", "spec", "tolerations"].map(Token::Borrowed);
    Mutation {
        edits: tolerations::missing(&path, spec.tolerations.as_deref(), context.policy),
        ..Mutation::default()
    }
}

fn pods<'v>(set: &'v DaemonSet<'v>) -> Option<&'v PodSpec<'v>> {
    set.spec.as_ref()?.template.as_ref()?.spec.as_ref()
}

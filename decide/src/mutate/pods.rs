//! Pods of KubeVirt and CDI.

use crate::edit::Token;
use crate::subject::PodRole;
use crate::view::Pod;

use super::{Context, Mutation, berth, scheduler, tolerations, vf_resources};

/// What a pod is for.
pub(super) fn role(pod: &Pod<'_>) -> PodRole {
    PodRole::of(
        pod.metadata
            .as_ref()
            .and_then(|metadata| metadata.labels.as_ref()),
    )
}

/// Decides about a pod of ours.
pub(super) fn decide(pod: &Pod<'_>, context: Context<'_>) -> Mutation {
    let mut out = Mutation::default();
    let Some(spec) = &pod.spec else {
        return out;
    };
    let path = ["spec", "tolerations"].map(Token::Borrowed);
    out.edits = tolerations::missing(&path, spec.tolerations.as_deref(), context.policy);
    let role = role(pod);
    if role == PodRole::Launcher {
        vf_resources::inject(pod, context, &mut out);
    } else if role.works_on_claim() {
        scheduler::of_claim_worker(pod, context, &mut out);
    }
    berth::inject(pod, role, context, &mut out);
    out
}

//! One `vmberth.io/berth` on each pod that the cluster's own scheduler has to ask the extender about: a resource that no node has, the
//! extender manages and kube-scheduler ignores (facts: scheduler-extender 1.2). Other pods cost no call, and don't wait for the extender.
//!
//! The kubelet takes pods whose extended resource its node does not have (Kubernetes 1.35, pkg/kubelet/lifecycle/predicate.go,
//! `removeMissingExtendedResources`).

use crate::edit::Why;
use crate::names;
use crate::policy::Policy;
use crate::subject::PodRole;
use crate::view::Pod;

use super::resources::{Lists, of_container};
use super::{Context, Mutation, scheduler};

/// Adds it to the container that runs the guest, of other pods to the first. Of CDI's pods those get it that fill a volume of a
/// managed class: the others go where their volume is, or need none ([`crate::whose`]).
pub(super) fn inject(pod: &Pod<'_>, role: PodRole, context: Context<'_>, out: &mut Mutation) {
    if !context.policy.request_berth || !knows_of_extender(pod, context.policy) {
        return;
    }
    let is_placed = match role {
        PodRole::Launcher | PodRole::Hotplug => Ok(true),
        PodRole::Import | PodRole::Upload | PodRole::PopulatorPrep => {
            scheduler::works_on_managed(pod, context)
        }
        PodRole::CloneSource | PodRole::Export | PodRole::ImportPoller | PodRole::Foreign => {
            Ok(false)
        }
    };
    match is_placed {
        Ok(true) => {}
        Ok(false) => return,
        Err(unknown) => {
            if !out.notes.contains(&unknown) {
                out.notes.push(unknown);
            }
            return;
        }
    }
    let spec = pod.spec.as_ref();
    let containers = spec.and_then(|spec| spec.containers.as_deref());
    let containers = containers.unwrap_or_default();
    let is_compute = |name: Option<&str>| name == Some(names::COMPUTE_CONTAINER);
    let compute = containers
        .iter()
        .position(|container| is_compute(container.name.as_deref()));
    let at = compute.unwrap_or_default();
    if let Some(container) = containers.get(at) {
        let count = of_container(container, names::BERTH_RESOURCE).max(1);
        let mut lists = Lists::of(at, container, &out.edits);
        let why = Why::Policy("requestBerth");
        let edits = lists.set(names::BERTH_RESOURCE, count, &why);
        out.edits.extend(edits);
    }
}

/// Any other scheduler would look for a node that has the resource, for ever.
fn knows_of_extender(pod: &Pod<'_>, policy: &Policy) -> bool {
    match scheduler::name_of(pod) {
        None | Some("" | names::DEFAULT_SCHEDULER) => true,
        Some(name) => policy.scheduler_name.as_deref() == Some(name),
    }
}

#[cfg(test)]
mod tests;

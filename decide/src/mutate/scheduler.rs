//! Who places the pods of VMs, and those of CDI that fill managed volumes. A name that the user set stays.

use crate::edit::{Edit, Token, Why};
use crate::names;
use crate::policy::Policy;
use crate::surroundings::ClaimKnown;
use crate::view::Pod;

use super::guest::controller;
use super::machines::Change;
use super::{Context, Mutation, Note};

/// On a guest's template, or a bare instance: its pods inherit it (facts: kubevirt-cdi 2).
pub(super) fn of_guest(change: Change<'_>, context: Context<'_>, out: &mut Mutation) {
    let name = |asked: &super::machines::Asked<'_>| {
        let name = asked.guest.spec.scheduler_name.as_deref();
        name.unwrap_or_default().to_owned()
    };
    if !change.touches(name) || !name(change.now).is_empty() {
        return;
    }
    let path = change.now.guest.path(&["spec", "schedulerName"]);
    out.edits.extend(edit(path, context.policy));
}

/// On a pod of CDI whose claim is of a managed class. The API server has filled in the cluster's default by now, so
/// that name counts as none.
pub(super) fn of_claim_worker(pod: &Pod<'_>, context: Context<'_>, out: &mut Mutation) {
    let name = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.scheduler_name.as_deref());
    let set_by_user = !matches!(name, None | Some("" | names::DEFAULT_SCHEDULER));
    if set_by_user || context.policy.scheduler_name.is_none() {
        return;
    }
    let owner = controller(pod.metadata.as_ref());
    let claim = owner
        .filter(|owner| {
            owner.kind.as_deref() == Some("PersistentVolumeClaim")
                && owner.api_version.as_deref() == Some("v1")
        })
        .and_then(|owner| owner.name.as_deref());
    let known = claim.map(|claim| {
        context
            .surroundings
            .class_of_claim(context.namespace, claim)
    });
    match known {
        Some(ClaimKnown::Class(class)) if context.policy.managed(class).is_some() => {
            let path = ["spec", "schedulerName"].map(Token::Borrowed).to_vec();
            out.edits.extend(edit(path, context.policy));
        }
        Some(ClaimKnown::Class(_)) => {}
        Some(ClaimKnown::Missing | ClaimKnown::Unwatched) | None => {
            let claim = claim.unwrap_or("no claim owns the pod").to_owned();
            out.notes.push(Note::ClaimUnknown { claim });
        }
    }
}

fn edit(path: Vec<Token>, policy: &Policy) -> Option<Edit> {
    let name = policy.scheduler_name.as_ref()?;
    Some(Edit {
        path,
        value: name.clone().into(),
        what: name.clone(),
        why: Why::Policy("schedulerName"),
    })
}

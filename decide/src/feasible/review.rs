//! What follows when a VM comes, or is changed, that no node could ever hold.

use super::{Feasible, Infeasible, feasible};
use crate::denial::Denial;
use crate::fit::counted::VmName;
use crate::guest::Guest;
use crate::index::Index;
use crate::mutate::Mutation;
use crate::policy::{OnInfeasible, Policy};
use crate::subject::{Kind, Operation, Review};
use crate::warning::Warning;

/// A VM or an instance that is made or changed.
#[derive(Debug, Clone, Copy)]
pub struct Change<'c> {
    /// Its namespace and name.
    pub vm: &'c VmName,
    /// Where it says what it needs.
    pub path: &'static str,
    /// As it will be.
    pub now: &'c Guest,
    /// As it was, on UPDATE.
    pub before: Option<&'c Guest>,
}

/// Where this object says what it needs, if anything is to be said of that: a VM, or an instance that is nobody's template, which
/// the policy looks after. Those of pools and replica sets are asked about one by one, as they are made.
#[must_use]
pub fn asked_at(policy: &Policy, review: &Review<'_>, mutation: &Mutation) -> Option<&'static str> {
    if !mutation.is_of_ours() || policy.infeasible == OnInfeasible::Ignore {
        return None;
    }
    match (review.kind, review.operation) {
        (Kind::VirtualMachine, Operation::Create | Operation::Update) => Some("spec.template.spec"),
        (Kind::VirtualMachineInstance, Operation::Create) => Some("spec"),
        _ => None,
    }
}

/// Nothing, a warning or a refusal, as the policy says. A VM that needs what it needed before is not looked at: it has to be
/// stopped and deleted, whatever the nodes are by now. For the same reason one that was infeasible already is never refused.
///
/// # Errors
/// If the policy refuses it.
pub fn review(
    index: &Index,
    policy: &Policy,
    change: Change<'_>,
) -> Result<Option<Warning>, Denial> {
    let Change {
        vm,
        path,
        now,
        before,
    } = change;
    if policy.infeasible == OnInfeasible::Ignore || before.is_some_and(|it| it.needs_as(now)) {
        return Ok(None);
    }
    let Some(why) = never(index, vm, now) else {
        return Ok(None);
    };
    let was = || before.is_some_and(|before| never(index, vm, before).is_some());
    let exists = before.is_some();
    let path = path.to_owned();
    if policy.infeasible == OnInfeasible::Deny && !was() {
        let why = why.in_full(exists);
        return Err(Denial::Infeasible { path, why });
    }
    let why = why.in_full(true);
    Ok(Some(Warning::Infeasible { path, why }))
}

fn never(index: &Index, vm: &VmName, guest: &Guest) -> Option<Infeasible> {
    match feasible(index, vm, guest) {
        Feasible::Never(why) => Some(why),
        Feasible::On(_) | Feasible::Unknown => None,
    }
}

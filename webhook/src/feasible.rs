//! One more step of a review: whether any node could ever hold the VM as it will be after our edits. What can't be read here is
//! not spoken of: KubeVirt will refuse it in its own words.

use std::sync::Arc;

use vmberth_decide::denial::Denial;
use vmberth_decide::feasible::{Change, asked_at, review};
use vmberth_decide::fit::counted::VmName;
use vmberth_decide::guest::Guest;
use vmberth_decide::mutate::Mutation;
use vmberth_decide::policy::Policy;
use vmberth_decide::subject::Kind;
use vmberth_decide::view::Fields;
use vmberth_decide::view::placed::{Instance, Machine};

use crate::decode::Request;
use crate::edited;
use crate::placement::Seen;

/// Adds a warning if no node could ever hold the VM.
///
/// # Errors
/// If the policy refuses such a VM.
pub fn check(
    seen: &Seen<'_>,
    policy: &Policy,
    (request, body): (&Request<'_>, &[u8]),
    mut mutation: Mutation,
) -> Result<Mutation, Denial> {
    let asked = asked_at(policy, &request.review, &mutation).zip(seen.whole());
    let Some((path, index)) = asked else {
        return Ok(mutation);
    };
    let Some((now, before)) = guests(request, body, &mutation) else {
        return Ok(mutation);
    };
    let namespace = Arc::from(&*request.review.namespace);
    let vm: VmName = (namespace, Arc::from(request.name.as_str()));
    let change = Change {
        vm: &vm,
        path,
        now: &now,
        before: before.as_ref(),
    };
    mutation.warnings.extend(review(index, policy, change)?);
    Ok(mutation)
}

/// As it will be, and as it was on UPDATE.
fn guests(
    request: &Request<'_>,
    body: &[u8],
    mutation: &Mutation,
) -> Option<(Guest, Option<Guest>)> {
    let objects = edited::objects(body)?;
    let now = edited::now(&objects, mutation)?;
    let old = match &request.review.old {
        None => None,
        Some(_) => Some(guest(request, edited::before(&objects)?)?),
    };
    Some((guest(request, &now)?, old))
}

fn guest(request: &Request<'_>, object: &str) -> Option<Guest> {
    let namespace = &request.review.namespace;
    if request.review.kind == Kind::VirtualMachine {
        let machine: Fields<Machine<'_>> = serde_json::from_str(object).ok()?;
        return Some(Guest::of_machine(&machine.0, namespace));
    }
    let instance: Fields<Instance<'_>> = serde_json::from_str(object).ok()?;
    Some(Guest::of_instance(&instance.0, namespace, false))
}

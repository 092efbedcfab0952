//! VMs, replica sets and pools by their template, and bare instances: one injection after the other.

use crate::denial::Denial;
use crate::edit::Why;
use crate::policy::Policy;
use crate::subject::{Kind, Operation, Review};

use super::guest::{Guest, owned_by_machine};
use super::networks::Plug;
use super::wishes::{self, Wishes};
use super::{
    Context, LeftAlone, Mutation, addresses, cloud_init, cmk_cores, hugepages, networks, opt_out,
    restore, scheduler, ssh_keys, storage, tolerations, vfs,
};

/// A guest as it is asked for: the object, and what its annotations and profiles add.
#[derive(Debug)]
pub(super) struct Asked<'v> {
    /// Where and what it is.
    pub(super) guest: Guest<'v>,
    /// What is wanted of it.
    pub(super) wishes: Wishes,
}

/// What each injection looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'c> {
    /// As it will be.
    pub(super) now: &'c Asked<'c>,
    /// As it was, on UPDATE.
    pub(super) before: Option<&'c Asked<'c>>,
}

impl<'c> Change<'c> {
    /// Whether the user touched what `look` sees. An object that is new was touched everywhere.
    pub(super) fn touches<T: PartialEq>(&self, look: impl Fn(&'c Asked<'c>) -> T) -> bool {
        self.before
            .is_none_or(|before| look(before) != look(self.now))
    }

    /// Whether an injection has to be made: the object is new, the user changed what is wished for, or the object `had`
    /// it before. The last brings back what a client drops that writes whole lists without our part of them, as
    /// `kubectl apply` of an unchanged manifest does.
    ///
    /// A VM that is older than a policy or profile is never touched, whatever else its user changes: if it runs, our
    /// edit would raise RestartRequired (facts: kubevirt-cdi 0.3).
    pub(super) fn follows<T: PartialEq>(
        &self,
        wish: impl Fn(&'c Asked<'c>) -> T,
        had: impl Fn(&'c Asked<'c>) -> bool,
    ) -> bool {
        self.touches(wish) || self.before.is_some_and(had)
    }
}

/// Decides about an object that describes an instance.
pub(super) fn decide(review: &Review<'_>, context: Context<'_>) -> Result<Mutation, Denial> {
    let many = matches!(review.kind, Kind::ReplicaSet | Kind::Pool);
    let Some(guest) = Guest::of(&review.object, many) else {
        return Ok(Mutation::left_alone(LeftAlone::NotOurs));
    };
    if !guest.is_template() && owned_by_machine(guest.metadata) {
        return Ok(Mutation::left_alone(LeftAlone::OwnedByMachine));
    }
    // Of an object that was opted out nothing was ever looked at: opting in again is as good as creating it.
    let old = review.old.as_ref().filter(|old| !opt_out::is_out(old));
    let before = old.and_then(|old| Guest::of(old, many));
    let before = before.map(|guest| asked(guest, context.policy));
    let (now, denial) = asked(guest, context.policy);
    let (before, denied_before) = before.unzip();
    // What was refused before the update already is nobody's to mend at this moment: the VM must be stopped and
    // deleted whatever the policy says today.
    if let Some(denial) = denial
        && denied_before.flatten().as_ref() != Some(&denial)
    {
        return Err(denial);
    }
    let change = Change {
        now: &now,
        before: before.as_ref(),
    };
    let mut mutation = Mutation::default();
    wishes::warn_of_idle(change, &mut mutation);
    tolerations::of_guest(change, context, &mut mutation);
    scheduler::of_guest(change, context, &mut mutation);
    hugepages::inject(change, &mut mutation)?;
    of_networks(change, context, &mut mutation)?;
    ssh_keys::inject(change, &mut mutation)?;
    cloud_init::check(change, context, &mut mutation)?;
    cmk_cores::check(change, &mut mutation);
    storage::of_templates(change, context, &mut mutation);
    if mutation.edits.is_empty() && review.operation == Operation::Update {
        mutation.left_alone = Some(LeftAlone::NotTouched);
    }
    Ok(mutation)
}

/// Interfaces, networks and the addresses on them: one plan, since an address needs the MAC of an interface.
fn of_networks(change: Change<'_>, context: Context<'_>, out: &mut Mutation) -> Result<(), Denial> {
    let Change { now, before } = change;
    vfs::warn(change, context, out);
    let mut plugs = if change.touches(|asked| (&asked.wishes.named, &asked.wishes.vfs)) {
        vfs::plan(now, context)?
    } else {
        Plug::all_of(&now.guest)
    };
    if let Some(before) = before {
        plugs.extend(restore::functions(&before.guest, &plugs));
    }
    match before {
        Some(before) if !change.touches(|asked| &asked.wishes.addresses) => {
            let data = restore::addresses(&before.guest, &now.guest, &mut plugs);
            let plugged = networks::edits(&now.guest, &plugs, &Why::Restored);
            out.edits.extend(plugged.into_iter().chain(data));
            Ok(())
        }
        _ => addresses::inject(now, context, plugs, out),
    }
}

/// The guest with its wishes; with none of them and the refusal, if one cannot be followed.
fn asked<'v>(guest: Guest<'v>, policy: &Policy) -> (Asked<'v>, Option<Denial>) {
    let (wishes, denial) = match Wishes::of(&guest, policy) {
        Ok(wishes) => (wishes, None),
        Err(denial) => (Wishes::default(), Some(denial)),
    };
    (Asked { guest, wishes }, denial)
}

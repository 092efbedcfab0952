//! VMs, their instances and networks, and which claims are theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Index, join, leave, replace};
use crate::event::{Network, ObjectName};
use crate::fit::counted::VmName;
use crate::guest::Guest;
use crate::placing::Placing;

/// Where VMs or their instances are kept.
type Guests = BTreeMap<VmName, Box<Guest>>;

impl Index {
    pub(super) fn guest_is(
        &mut self,
        vm: &VmName,
        guest: Option<Box<Guest>>,
        kept: fn(&mut Self) -> &mut Guests,
    ) {
        if kept(self).get(vm) == guest.as_ref() {
            return;
        }
        let before = self.mentions(vm);
        replace(kept(self), vm, guest);
        let now = self.mentions(vm);
        for claim in before.difference(&now) {
            leave(&mut self.users, claim, vm);
        }
        for claim in now.difference(&before) {
            join(&mut self.users, claim.clone(), vm.clone());
        }
        self.has_gained();
        self.hold_again(vm);
    }

    pub(super) fn network_is(&mut self, name: &ObjectName, network: Option<Network>) {
        if self.networks.get(name) == network.as_ref() {
            return;
        }
        replace(&mut self.networks, name, network);
        self.has_gained();
        let guests = self.machines.iter().chain(&self.instances);
        let vms: BTreeSet<VmName> = guests
            .filter(|(_, guest)| guest.needs.names(name))
            .map(|(vm, _)| vm.clone())
            .collect();
        for vm in &vms {
            self.hold_again(vm);
        }
    }

    /// The VM as it runs, or as it will: an instance has what its VM took from elsewhere, too.
    pub(crate) fn guest(&self, vm: &VmName) -> Option<&Guest> {
        let guest = self.instances.get(vm).or_else(|| self.machines.get(vm));
        guest.map(Box::as_ref)
    }

    /// Where a guest's launcher may be: with what the policy lets it tolerate.
    pub(crate) fn placing(&self, guest: &Guest) -> Placing {
        guest.placing.clone().tolerating(&self.policy.tolerations)
    }

    /// Whether a VM runs or should; one that is started by hand does as long as it has an instance.
    pub(super) fn wants_to_run(&self, vm: &VmName) -> bool {
        let guests = [self.machines.get(vm), self.instances.get(vm)];
        guests.into_iter().flatten().any(|guest| guest.wants_to_run)
    }

    /// Disks of a VM as it runs, or as it will, in order.
    pub(crate) fn claims_of(&self, vm: &VmName) -> BTreeSet<ObjectName> {
        claims(vm, self.guest(vm).into_iter())
    }

    /// The same, and those that it will have only when it starts again.
    fn mentions(&self, vm: &VmName) -> BTreeSet<ObjectName> {
        let guests = [self.machines.get(vm), self.instances.get(vm)];
        claims(vm, guests.into_iter().flatten().map(Box::as_ref))
    }

    /// The VM that a claim is a disk of: of several, one that wants to run.
    pub(crate) fn user_of(&self, claim: &ObjectName) -> Option<&VmName> {
        let users = self.users.get(claim)?;
        let runs = |vm: &&VmName| self.wants_to_run(vm);
        users.iter().find(runs).or_else(|| users.first())
    }

    /// VMs that have this claim among their disks.
    pub(super) fn users(&self, claim: &ObjectName) -> BTreeSet<VmName> {
        self.users.get(claim).cloned().unwrap_or_default()
    }
}

fn claims<'g>(vm: &VmName, guests: impl Iterator<Item = &'g Guest>) -> BTreeSet<ObjectName> {
    let names = guests.flat_map(|it| &it.claims);
    names
        .map(|name| (Arc::clone(&vm.0), Arc::clone(name)))
        .collect()
}

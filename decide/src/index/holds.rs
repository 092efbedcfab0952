//! What is held for VMs whose disks lie on a node and whose launcher pod is still to come.
//!
//! Between the two there are minutes in which the disk is filled and nothing else says that the VM will need functions, pages
//! and further volumes there, and nowhere else (facts: kubevirt-cdi 0.7). Nothing of it is remembered: it follows from the
//! objects, so that every replica and every restart comes to the same. A hold may delay others, and ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Index;
use super::kept::Kept;
use super::nodes::Known;
use crate::event::ObjectName;
use crate::fit::Offer;
use crate::fit::counted::{Counted, VmName, When};
use crate::fit::volumes::ClaimDemand;
use crate::policy::Policy;
use crate::scratch;

/// What is held for a VM.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hold {
    /// Where its disks lie.
    pub(super) node: Arc<str>,
    /// What is counted, less what its own pods have there already.
    pub(super) counted: BTreeMap<Counted, u64>,
    /// Claims without a volume.
    pub(super) claims: Vec<ClaimDemand>,
    /// Since when it is kept, and when that ends, in seconds since 1970.
    since: u64,
    pub(super) until: u64,
}

/// A node that a VM can no longer choose.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) node: Arc<str>,
    /// In seconds since 1970.
    pub(super) since: u64,
    pub(super) until: u64,
}

impl Index {
    /// How many VMs something is held for.
    #[must_use]
    pub fn holds(&self) -> usize {
        self.holds.len()
    }

    pub(super) fn policy_is(&mut self, policy: Arc<Policy>) {
        let held_as_long = self.policy.hold_seconds == policy.hold_seconds;
        let looks_after = self.policy.storage_classes == policy.storage_classes;
        self.policy = policy;
        self.history.scoring_changes();
        self.has_gained();
        if !held_as_long || !looks_after {
            self.hold_again_of_all();
        }
    }

    /// Time never goes back.
    pub(super) fn time_is(&mut self, now: u64) {
        if now <= self.now {
            return;
        }
        self.now = now;
        while let Some((until, vm)) = self.ends.first().cloned() {
            if until > now {
                break;
            }
            self.hold_again(&vm);
        }
        self.end_promises();
    }

    /// Of VMs that have this claim among their disks, or the one for which this is scratch space.
    pub(super) fn hold_again_of_users(&mut self, claim: &ObjectName) {
        let target = scratch::target_of(&claim.1);
        let target = target.map(|target| (Arc::clone(&claim.0), target.into()));
        let of_target = target.map(|target| self.users(&target));
        for vm in self.users(claim).union(&of_target.unwrap_or_default()) {
            self.hold_again(vm);
        }
    }

    /// Of VMs that have a disk on a node with this hostname.
    pub(super) fn hold_again_at(&mut self, hostname: &Arc<str>) {
        let volumes = || self.tied_to.get(hostname).into_iter().flatten();
        let known = volumes().filter_map(|name| self.volumes.get(name));
        let mut claims: BTreeSet<_> = known.filter_map(|volume| volume.claim.clone()).collect();
        let claimants = volumes().filter_map(|name| self.claimants.get(name));
        claims.extend(claimants.flatten().cloned());
        for claim in &claims {
            self.hold_again_of_users(claim);
        }
    }

    pub(super) fn hold_again_of_all(&mut self) {
        let vms: BTreeSet<VmName> = self
            .machines
            .keys()
            .chain(self.instances.keys())
            .cloned()
            .collect();
        for vm in &vms {
            self.hold_again(vm);
        }
    }

    /// Finds out anew what is held for a VM, and of what kind it is: both follow from the same objects.
    pub(super) fn hold_again(&mut self, vm: &VmName) {
        self.kind_again(vm);
        let now = self.hold_of(vm);
        if self.holds.get(vm) == now.as_ref() {
            return;
        }
        let before = super::replace(&mut self.holds, vm, now.clone());
        if let Some(hold) = &before {
            self.ends.remove(&(hold.until, vm.clone()));
            if let Some(known) = self.nodes.get_mut(&hold.node) {
                known.holders.remove(vm);
            }
        }
        if let Some(hold) = &now {
            self.ends.insert((hold.until, vm.clone()));
            let known = self.nodes.or_new(&hold.node);
            known.holders.insert(vm.clone());
        }
        let nodes: BTreeSet<Arc<str>> = (before.into_iter().chain(now))
            .map(|hold| hold.node)
            .collect();
        for node in &nodes {
            self.offer_again(node);
        }
    }

    fn hold_of(&self, vm: &VmName) -> Option<Hold> {
        // Before time is known, all would be held.
        if self.policy.hold_seconds == 0 {
            return None;
        }
        let guest = self.guest(vm)?;
        if !self.wants_to_run(vm) || self.runs_on(vm).is_some() {
            return None;
        }
        let Settled { node, since, until } = self.settled(vm)?;
        let mut counted: BTreeMap<Counted, u64> = (guest.needs.known(self, When::Later))
            .into_iter()
            .map(|(of, (amount, _))| (of, amount))
            .collect();
        self.subtract_own_pods(vm, &node, &mut counted);
        let mut claims = self.open_claims(vm);
        claims.extend(self.scratch_of(vm, false));
        if counted.is_empty() && claims.is_empty() {
            return None;
        }
        Some(Hold {
            node,
            counted,
            claims,
            since,
            until,
        })
    }

    /// Where the VM's disks lie, else where a pod is just binding the first of them, and how long that counts.
    fn settled(&self, vm: &VmName) -> Option<Settled> {
        let seconds = self.policy.hold_seconds.into();
        let home = self.home_of(vm).map(|(node, since)| Settled {
            until: since.saturating_add(seconds),
            node,
            since,
        });
        let nominated = self.nominated_to(vm, seconds);
        let lasts = |it: &Settled| it.until > self.now;
        match (home, nominated) {
            (Some(home), Some(nominated)) if home.node == nominated.node => Some(Settled {
                until: home.until.max(nominated.until),
                ..home
            })
            .filter(lasts),
            (home, nominated) => home.filter(lasts).or_else(|| nominated.filter(lasts)),
        }
    }

    /// The one node on which the VM's disks lie, and since when the last of them does.
    pub(super) fn home_of(&self, vm: &VmName) -> Option<(Arc<str>, u64)> {
        let claims = self.claims_of(vm);
        let volumes = claims.iter().filter_map(|claim| self.volume_of(claim));
        let tied = volumes.filter(|volume| !volume.hostnames.is_empty());
        let mut hostnames: Option<BTreeSet<&Arc<str>>> = None;
        let mut since = 0;
        for volume in tied {
            let own: BTreeSet<&Arc<str>> = volume.hostnames.iter().collect();
            hostnames = Some(match hostnames {
                None => own,
                Some(all) => &all & &own,
            });
            since = since.max(volume.since.unwrap_or(0));
        }
        let nodes = hostnames?
            .into_iter()
            .filter_map(|it| self.by_hostname.get(it));
        let mut nodes = nodes.flatten();
        let node = nodes.next()?;
        nodes.next().is_none().then(|| (Arc::clone(node), since))
    }

    /// Takes what is held here out of an offer: for who was first here first.
    pub(super) fn subtract_holds(&self, known: &Known, offer: &mut Offer) {
        let holders = known.holders.iter();
        let holders = holders.filter_map(|vm| Some((vm, self.holds.get(vm)?)));
        let mut in_order: Vec<(&VmName, &Hold)> = holders.collect();
        in_order.sort_by_key(|(vm, hold)| (hold.since, *vm));
        offer.keep(in_order.into_iter().map(|(vm, hold)| Kept {
            vm,
            counted: hold.counted.clone(),
            claims: hold.claims.clone(),
            until: hold.until,
        }));
    }
}

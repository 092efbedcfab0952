//! PersistentVolumes, claims and classes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Index, join, leave, replace};
use crate::event::{Claim, Class, ObjectName, Volume};

impl Index {
    pub(super) fn volume_is(&mut self, name: &Arc<str>, volume: Option<&Volume>) {
        if self.volumes.get(name) == volume {
            return;
        }
        let before = replace(&mut self.volumes, name, volume.cloned());
        if let Some(volume) = &before {
            for hostname in &volume.hostnames {
                leave(&mut self.tied_to, hostname, name);
            }
            leave(&mut self.untied, &volume.class, name);
            if let Some(claim) = &volume.claim {
                leave(&mut self.claimed, claim, name);
            }
        }
        if let Some(volume) = volume {
            for hostname in &volume.hostnames {
                join(&mut self.tied_to, Arc::clone(hostname), Arc::clone(name));
            }
            if volume.hostnames.is_empty() {
                join(
                    &mut self.untied,
                    Arc::clone(&volume.class),
                    Arc::clone(name),
                );
            }
            if let Some(claim) = &volume.claim {
                join(&mut self.claimed, claim.clone(), Arc::clone(name));
            }
        }
        let both = || before.iter().chain(volume);
        let hostnames: BTreeSet<_> = both().flat_map(|it| it.hostnames.iter().cloned()).collect();
        let mut claims: BTreeSet<_> = both().filter_map(|it| it.claim.clone()).collect();
        claims.extend(self.claimants.get(name).into_iter().flatten().cloned());
        for claim in &claims {
            self.hold_again_of_users(claim);
        }
        if both().any(|it| it.hostnames.is_empty()) {
            // Its whole class may be another matter now.
            self.has_gained();
            self.hold_again_of_all();
        }
        self.offer_again_at(&hostnames);
    }

    fn offer_again_at(&mut self, hostnames: &BTreeSet<Arc<str>>) {
        let nodes = hostnames.iter().filter_map(|it| self.by_hostname.get(it));
        let nodes: BTreeSet<Arc<str>> = nodes.flatten().cloned().collect();
        for node in nodes {
            self.offer_again(&node);
        }
    }

    pub(super) fn claim_is(&mut self, name: &ObjectName, claim: Option<Claim>) {
        if self.claims.get(name) == claim.as_ref() {
            return;
        }
        let now = claim.as_ref().and_then(|claim| claim.volume.clone());
        let before = replace(&mut self.claims, name, claim).and_then(|claim| claim.volume);
        if let Some(volume) = before {
            leave(&mut self.claimants, &volume, name);
        }
        if let Some(volume) = now {
            join(&mut self.claimants, volume, name.clone());
        }
        self.has_gained();
        self.hold_again_of_users(name);
        // A disk that is still to come is as large as its claim.
        let volumes = self.claimed.get(name).into_iter().flatten();
        let volumes = volumes.filter_map(|volume| self.volumes.get(volume));
        let hostnames = volumes
            .flat_map(|it| it.hostnames.iter().cloned())
            .collect();
        self.offer_again_at(&hostnames);
    }

    pub(super) fn class_is(&mut self, name: &Arc<str>, class: Option<Class>) {
        if self.classes.get(name) == class.as_ref() {
            return;
        }
        replace(&mut self.classes, name, class);
        self.has_gained();
        self.hold_again_of_all();
    }

    pub(super) fn scratch_class_is(&mut self, class: Option<Arc<str>>) {
        if self.scratch_class != class {
            self.scratch_class = class;
            self.has_gained();
            self.hold_again_of_all();
        }
    }

    /// A claim, if it is known.
    pub(crate) fn claim(&self, name: &ObjectName) -> Option<&Claim> {
        self.claims.get(name)
    }

    /// The volume of a claim, once either of them says so.
    pub(crate) fn volume_of(&self, name: &ObjectName) -> Option<&Volume> {
        let says = self
            .claims
            .get(name)
            .and_then(|claim| claim.volume.as_ref());
        let claimed = || self.claimed.get(name)?.first();
        self.volumes.get(says.or_else(claimed)?)
    }

    /// Whether a claim has a volume, known or not.
    pub(crate) fn is_bound(&self, name: &ObjectName) -> bool {
        let says = self
            .claims
            .get(name)
            .and_then(|claim| claim.volume.as_ref());
        says.is_some() || self.claimed.contains_key(name)
    }

    /// Whether volumes of this class are nodes' own, and nobody makes one on demand. Claims of other classes are left to
    /// kube-scheduler.
    pub(crate) fn is_local(&self, class: &Arc<str>) -> bool {
        let made_on_demand = self.classes.get(class).is_some_and(|it| !it.is_static);
        // What the policy names is local, whatever volume somebody put among its own.
        let is_managed = || self.policy.managed(class).is_some();
        !made_on_demand && (is_managed() || !self.untied.contains_key(class))
    }
}

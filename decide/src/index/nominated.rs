//! Pods that kube-scheduler says it is about to place: it writes the node's name while it binds their volumes (Kubernetes 1.35,
//! `NominatedNodeNameForExpectation` in pkg/scheduler/schedule_one.go).
//!
//! From then on the VM can be nowhere else, and no volume says so yet. A promise covers the time, and is forgotten by a
//! restart; what the pod says follows from the objects, for every replica. An attempt that fails takes the name away again at the
//! next one at the latest, and the time since when it is there bounds it if there is none.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::holds::Settled;
use super::promises::NOMINATED;
use super::{Index, join, leave};
use crate::event::{ObjectName, Pod};
use crate::fit::counted::VmName;

impl Index {
    /// The one node to which pods of the VM are nominated that run it, bind volumes for it or fill one of its disks; a hold on it
    /// lasts as long as kube-scheduler waits for volumes, and not longer than other holds do.
    pub(super) fn nominated_to(&self, vm: &VmName, hold_seconds: u64) -> Option<Settled> {
        let all = self.nominated_pods(vm).filter_map(|(_, pod)| told(pod));
        let since = all.clone().map(|(_, since)| since).max()?;
        let nodes: BTreeSet<&Arc<str>> = all.map(|(node, _)| node).collect();
        let node = nodes.first().filter(|_| nodes.len() == 1)?;
        Some(Settled {
            node: Arc::clone(node),
            since,
            until: since.saturating_add(hold_seconds.min(NOMINATED)),
        })
    }

    /// The nodes to which pods of the VM are nominated now, but for this pod.
    pub(super) fn nominations(&self, vm: &VmName, but: Option<&ObjectName>) -> BTreeSet<Arc<str>> {
        let pods = self
            .nominated_pods(vm)
            .filter(|(name, _)| Some(*name) != but);
        let told = pods.filter_map(|(_, pod)| told(pod));
        let lasts = told.filter(|(_, since)| since.saturating_add(NOMINATED) > self.now);
        lasts.map(|(node, _)| Arc::clone(node)).collect()
    }

    fn nominated_pods(&self, vm: &VmName) -> impl Iterator<Item = (&ObjectName, &Pod)> + Clone {
        let own = self.pods_of.get(vm).into_iter().flatten();
        let disks = self.claims_of(vm);
        let filling = disks.iter().filter_map(|claim| self.fillers.get(claim));
        let filling: Vec<&ObjectName> = filling.flatten().collect();
        let names = own.chain(filling);
        names.filter_map(|name| Some((name, self.pods.get(name)?)))
    }

    /// A pod fills another claim than before.
    pub(super) fn fills_again(
        &mut self,
        name: &ObjectName,
        before: Option<&Pod>,
        now: Option<&Pod>,
    ) {
        if let Some(claim) = before.and_then(|pod| claim_of(name, pod)) {
            leave(&mut self.fillers, &claim, name);
        }
        if let Some(claim) = now.and_then(|pod| claim_of(name, pod)) {
            join(&mut self.fillers, claim, name.clone());
        }
    }

    /// Of the VMs whose disk this pod fills, or filled.
    pub(super) fn hold_again_of_filled(
        &mut self,
        name: &ObjectName,
        before: Option<&Pod>,
        now: Option<&Pod>,
    ) {
        let says = |pod: &Pod| {
            (
                pod.fills.clone(),
                told(pod).map(|(node, at)| (node.clone(), at)),
            )
        };
        if before.map(says) == now.map(says) {
            return;
        }
        let pods = before.into_iter().chain(now);
        let claims: BTreeSet<_> = pods.filter_map(|pod| claim_of(name, pod)).collect();
        let vms: BTreeSet<VmName> = claims.iter().flat_map(|it| self.users(it)).collect();
        for vm in &vms {
            self.hold_again(vm);
        }
    }
}

/// Whether a pod was nominated, and is not placed there: others may follow it elsewhere now.
pub(super) fn left(before: Option<&Pod>, now: Option<&Pod>) -> bool {
    let Some((node, _)) = before.and_then(told) else {
        return false;
    };
    let is_there = now.and_then(|pod| pod.node.as_ref().or(pod.nominated.as_ref()));
    is_there != Some(node)
}

/// Where the pod will be, and since when it says so.
fn told(pod: &Pod) -> Option<(&Arc<str>, u64)> {
    let nominated = pod.nominated.as_ref().filter(|_| pod.node.is_none());
    nominated.zip(pod.nominated_since)
}

fn claim_of(name: &ObjectName, pod: &Pod) -> Option<ObjectName> {
    Some((Arc::clone(&name.0), Arc::clone(pod.fills.as_ref()?)))
}

//! Pods of VMs, and what pods have of what is counted.

use std::sync::Arc;

use super::{Index, join, leave, nominated, replace};
use crate::event::{ObjectName, Pod};
use crate::fit::counted::VmName;

impl Index {
    pub(super) fn pod_is(&mut self, name: &ObjectName, pod: Option<&Pod>) {
        if self.pods.get(name) == pod {
            return;
        }
        self.promised_pod_is(name, pod);
        let before = replace(&mut self.pods, name, pod.cloned());
        if self.unties(name, before.as_ref(), pod) || nominated::left(before.as_ref(), pod) {
            self.has_gained();
        } else {
            self.has_changed();
        }
        if let Some(vm) = before.as_ref().and_then(|pod| vm_of(name, pod)) {
            leave(&mut self.pods_of, &vm, name);
        }
        if let Some(vm) = pod.and_then(|pod| vm_of(name, pod)) {
            join(&mut self.pods_of, vm, name.clone());
        }
        self.fills_again(name, before.as_ref(), pod);
        let was_on = before.as_ref().and_then(counted_on);
        let is_on = pod.and_then(counted_on);
        for node in was_on.iter().filter(|_| was_on != is_on) {
            if let Some(known) = self.nodes.get_mut(node) {
                known.pods.remove(name);
            }
        }
        if let Some(node) = &is_on {
            let known = self.nodes.or_new(node);
            known.pods.insert(name.clone());
        }
        for vm in before.iter().chain(pod).filter_map(|pod| vm_of(name, pod)) {
            self.hold_again(&vm);
        }
        self.hold_again_of_filled(name, before.as_ref(), pod);
        for node in was_on.iter().chain(&is_on) {
            self.offer_again(node);
        }
    }

    /// Whether disks of a VM may be elsewhere than before, or need less: its pod has left its node, or has come to one while a disk
    /// still has no volume. Else who comes only takes; what that is, and what goes, is in the offers.
    fn unties(&self, name: &ObjectName, before: Option<&Pod>, now: Option<&Pod>) -> bool {
        let place = |pod: &Pod| Some((vm_of(name, pod)?, pod.node.clone()?));
        let (before, now) = (before.and_then(place), now.and_then(place));
        let is_open = |claim: &ObjectName| !self.is_bound(claim);
        let has_open = |vm: &VmName| self.claims_of(vm).iter().any(is_open);
        before != now && (before.is_some() || now.is_some_and(|(vm, _)| has_open(&vm)))
    }

    /// The node on which a VM runs, or is about to: its launcher pod is there. Of a VM that migrates, the first by name.
    pub(crate) fn runs_on(&self, vm: &VmName) -> Option<&Arc<str>> {
        let mut pods = self.pods_of_vm(vm).filter(|pod| !pod.is_provisioning);
        pods.find_map(|pod| pod.node.as_ref())
    }

    pub(super) fn pods_of_vm(&self, vm: &VmName) -> impl Iterator<Item = &Pod> {
        let names = self.pods_of.get(vm).into_iter().flatten();
        names.filter_map(|name| self.pods.get(name))
    }
}

fn vm_of(name: &ObjectName, pod: &Pod) -> Option<VmName> {
    Some((Arc::clone(&name.0), Arc::clone(pod.vm.as_ref()?)))
}

/// The node on which it has something that is counted.
fn counted_on(pod: &Pod) -> Option<Arc<str>> {
    pod.node.clone().filter(|_| !pod.requests.is_empty())
}

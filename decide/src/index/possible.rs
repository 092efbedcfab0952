//! What each node could have for a VM if all others were gone: what is asked before anything is to be placed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Index;
use super::nodes::Known;
use crate::event::{Node, ObjectName, Volume};
use crate::fit::Offer;
use crate::fit::counted::VmName;
use crate::guest::Guest;
use crate::names;
use crate::policy::OnInfeasible;

/// A node, and what it could have.
pub(crate) struct Possible<'i> {
    pub(crate) name: &'i Arc<str>,
    pub(crate) node: &'i Node,
    /// `None` if its agent has not told.
    pub(crate) offer: Option<Offer>,
}

impl Index {
    /// Every node with all of its healthy volumes and functions, whoever has them now; but for the volumes of the VM's `own`
    /// claims, since these stay theirs. Of the space on file systems nothing is said: who has it may be gone.
    pub(crate) fn possible<'i>(
        &'i self,
        own: &'i BTreeSet<ObjectName>,
    ) -> impl Iterator<Item = Possible<'i>> {
        self.nodes.iter().filter_map(move |(name, known)| {
            let node = known.node.as_ref()?;
            let offer = self.possible_offer(known, name, node, own);
            Some(Possible { name, node, offer })
        })
    }

    fn possible_offer(
        &self,
        known: &Known,
        name: &str,
        node: &Node,
        own: &BTreeSet<ObjectName>,
    ) -> Option<Offer> {
        let names = self.tied_to.get(&node.hostname).into_iter().flatten();
        let volumes = names.filter_map(|name| Some((name, self.volumes.get(name)?)));
        let is_own = |volume: &Volume| volume.claim.as_ref().is_some_and(|it| own.contains(it));
        let stock = known.stock.as_ref()?;
        let of_node = Arc::new([(names::NODE_LABEL.to_owned(), name.to_owned())].into());
        let is_free = |name: &str| self.volumes.get(name).is_some_and(|it| it.is_free);
        let mut offer = stock.offer(volumes.filter(|(_, volume)| !is_own(volume)));
        for volume in &mut offer.volumes {
            volume.file_system = None;
            // Labels of a volume that somebody has are not kept; this one all of ours have.
            if volume.labels.is_empty() && !is_free(&volume.name) {
                volume.labels = Arc::clone(&of_node);
            }
        }
        Some(offer)
    }

    /// Whether enough is known of this class to say which of its volumes there are.
    pub(crate) fn knows_class(&self, class: &str) -> bool {
        self.classes.contains_key(class) || self.policy.managed(class).is_some()
    }

    /// Whether the policy leaves this guest to us: its namespace is not exempt, and it names our scheduler, if we have one.
    pub(crate) fn looks_after(&self, vm: &VmName, guest: &Guest) -> bool {
        let ours = self.policy.scheduler_name.as_deref();
        let names_ours = ours.is_none() || guest.scheduler.as_deref() == ours;
        names_ours && !self.policy.exempts(&vm.0)
    }

    /// VMs, and instances without one, that want to run and have no node yet; none if the policy says that nobody is to hear of
    /// them.
    #[must_use]
    pub fn waiting(&self) -> Vec<VmName> {
        if self.policy.infeasible == OnInfeasible::Ignore {
            return Vec::new();
        }
        let vms: BTreeSet<&VmName> = self.machines.keys().chain(self.instances.keys()).collect();
        let waits = |vm: &&VmName| self.wants_to_run(vm) && self.runs_on(vm).is_none();
        vms.into_iter().filter(waits).cloned().collect()
    }

    /// Kind of the object that stands for this VM to a person.
    #[must_use]
    pub fn kind_of(&self, vm: &VmName) -> &'static str {
        if self.machines.contains_key(vm) {
            names::VIRTUAL_MACHINE_KIND
        } else {
            names::INSTANCE_KIND
        }
    }
}

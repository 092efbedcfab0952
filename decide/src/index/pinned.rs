//! Claims that were given a node by their selector before they have a volume, as the webhook does it for classes that bind at
//! once, and what their VMs will need there, until they run.
//!
//! It follows from the objects, as holds do: a VM is known within milliseconds of its admission, and says which node its claims
//! were given, so that the next VM is not given the same volume.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::kept::Kept;
use super::{Index, join};
use crate::event::{Claim, ObjectName};
use crate::fit::Offer;
use crate::fit::counted::{VmName, When};
use crate::fit::volumes::ClaimDemand;
use crate::names;

/// VMs that do not run yet, and disks without one, by the node that their open claims were given, or on which their disks are.
pub(crate) type Pinned = BTreeMap<Arc<str>, BTreeSet<VmName>>;

impl Index {
    /// Names of all nodes, in order.
    pub(crate) fn node_names(&self) -> Vec<&Arc<str>> {
        let known = self.nodes.iter().filter(|(_, known)| known.node.is_some());
        let mut names: Vec<&Arc<str>> = known.map(|(name, _)| name).collect();
        names.sort();
        names
    }

    /// The one node on which this claim is, or has to be.
    pub(crate) fn node_of(&self, claim: &ObjectName) -> Option<Arc<str>> {
        let Some(volume) = self.volume_of(claim) else {
            return self.claim(claim).and_then(given_node);
        };
        let nodes = volume.hostnames.iter();
        let mut nodes = nodes.filter_map(|it| self.by_hostname.get(it)).flatten();
        let node = nodes.next()?;
        nodes.next().is_none().then(|| Arc::clone(node))
    }

    /// Hostnames that a volume is tied to.
    pub(crate) fn hostnames_of(&self, volume: &str) -> Option<&BTreeSet<Arc<str>>> {
        self.volumes.get(volume).map(|it| &it.hostnames)
    }

    /// Who will be on which node, others than this VM and this claim.
    pub(crate) fn pinned(&self, vm: Option<&VmName>, claim: &ObjectName) -> Pinned {
        let mut pinned = Pinned::new();
        let open = self.claims.iter().filter(|(name, _)| !self.is_bound(name));
        for (name, node) in open.filter_map(|(name, claim)| Some((name, given_node(claim)?))) {
            let of = self.user_of(name).unwrap_or(name);
            join(&mut pinned, node, of.clone());
        }
        for (of, machine) in &self.machines {
            let name = |claim: &Arc<str>| (Arc::clone(&of.0), Arc::clone(claim));
            let templates = machine.templates.iter();
            let open = templates.filter(|(claim, _)| self.claim(&name(claim)).is_none());
            for node in open.filter_map(|(_, template)| given_node(&template.claim)) {
                join(&mut pinned, node, of.clone());
            }
            // The index of the webhook has no holds.
            let is_to_come = self.wants_to_run(of) && self.runs_on(of).is_none();
            if let Some((node, _)) = is_to_come.then(|| self.home_of(of)).flatten() {
                join(&mut pinned, node, of.clone());
            }
        }
        for all in pinned.values_mut() {
            all.retain(|of| Some(of) != vm && of != claim);
        }
        pinned
    }

    /// The offer of a node, less what these will need there. `None` if that is nothing.
    pub(crate) fn less_pinned(&self, node: &str, offer: &Offer, pinned: &Pinned) -> Option<Offer> {
        let all = pinned.get(node)?;
        let mut less = offer.clone();
        less.keep(all.iter().filter_map(|of| self.needed_on(node, of)));
        Some(less)
    }

    fn needed_on<'v>(&self, node: &str, of: &'v VmName) -> Option<Kept<'v>> {
        if self.runs_on(of).is_some() {
            return None;
        }
        let mut claims: BTreeSet<ObjectName> = self.claims_of(of);
        if self.guest(of).is_none() {
            claims.insert(of.clone());
        }
        let templates = self.templates_of(of);
        let open = claims.iter().filter(|name| !self.is_bound(name));
        let mut demands: Vec<ClaimDemand> = self.demands(open, templates);
        demands.extend(self.scratch_among(&claims, templates, false));
        // A VM that is stopped keeps its volumes only.
        let guest = self.guest(of).filter(|_| self.wants_to_run(of));
        let needs = guest.map(|guest| &guest.needs);
        let counted = needs.map(|it| it.known(self, When::Later));
        let counted = counted.unwrap_or_default().into_iter();
        let mut counted = counted.map(|(of, (amount, _))| (of, amount)).collect();
        self.subtract_own_pods(of, node, &mut counted);
        Some(Kept {
            vm: of,
            counted,
            claims: demands,
            until: u64::MAX,
        })
    }
}

/// The node that the selector of a claim asks for.
fn given_node(claim: &Claim) -> Option<Arc<str>> {
    let labels = &claim.selector.as_ref()?.match_labels;
    labels
        .get(names::NODE_LABEL)
        .map(|node| node.as_str().into())
}

//! Nodes, what their agents tell of them, and the offers that both make.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::gains::has_more;
use super::stock::Stock;
use super::{Index, join, leave};
use crate::event::{Node, ObjectName};
use crate::fit::Offer;
use crate::fit::counted::{Counted, VmName};
use crate::inventory::NodeInventoryStatus;

/// What is known of a node.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Known {
    /// `None` if there is an inventory of this name, or a pod on it, and no node, or not yet.
    pub(super) node: Option<Node>,
    pub(super) stock: Option<Stock>,
    /// Pods on it that have something that is counted.
    pub(super) pods: BTreeSet<ObjectName>,
    /// VMs for which something is held here.
    pub(super) holders: BTreeSet<VmName>,
    pub(super) offer: Option<Offer>,
}

/// Why nothing can be said of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Unknown {
    /// There is no such node, or not yet.
    #[error("node is not known yet")]
    Node,
    /// Its agent has not told what it has.
    #[error(
        "node(s) without a NodeInventory, so nobody knows what a VM could have there: is vmberth's exporter running on them \
         (kubectl get pods -A -l app.kubernetes.io/component=exporter -o wide)?"
    )]
    Inventory,
}

impl Known {
    fn is_nothing(&self) -> bool {
        self.node.is_none()
            && self.stock.is_none()
            && self.pods.is_empty()
            && self.holders.is_empty()
    }
}

impl Index {
    pub(super) fn node_is(&mut self, name: &Arc<str>, mut node: Option<Node>) {
        if let Some(node) = &mut node {
            node.offered.share(&mut self.history.offered);
        }
        let known = self.nodes.or_new(name);
        // Most of what happens to a node is its heartbeat.
        if known.node == node {
            self.forget_if_nothing(name);
            return;
        }
        let now = node.as_ref().map(|node| Arc::clone(&node.hostname));
        let is_there = node.is_some();
        let before = std::mem::replace(&mut known.node, node).map(|node| node.hostname);
        self.nodes.changed(name);
        if before != now {
            if let Some(before) = &before {
                leave(&mut self.by_hostname, before, name);
            }
            if let Some(now) = &now {
                join(&mut self.by_hostname, Arc::clone(now), Arc::clone(name));
            }
            for hostname in before.iter().chain(&now) {
                self.hold_again_at(hostname);
            }
        }
        if is_there {
            self.has_gained();
        } else {
            self.has_changed();
        }
        self.offer_again(name);
    }

    pub(super) fn inventory_is(
        &mut self,
        name: &Arc<str>,
        inventory: Option<&NodeInventoryStatus>,
    ) {
        let mut stock = inventory.map(Stock::of);
        if let Some(stock) = &mut stock {
            stock.each_resource(|resource| self.history.one(resource));
        }
        let known = self.nodes.or_new(name);
        if known.stock == stock {
            self.forget_if_nothing(name);
            return;
        }
        let pools = |stock: &Option<Stock>| {
            let counted = stock.iter().flat_map(|stock| stock.counted.keys());
            let resources = counted.filter_map(|of| match of {
                Counted::Vfs(resource) => Some(Arc::clone(resource)),
                Counted::Pages(_) => None,
            });
            resources.collect::<BTreeSet<_>>()
        };
        let (before, now) = (pools(&known.stock), pools(&stock));
        known.stock = stock;
        for resource in before.difference(&now) {
            self.fewer(resource);
        }
        for resource in now.difference(&before) {
            let nodes = self.pools.entry(Arc::clone(resource)).or_default();
            *nodes = nodes.saturating_add(1);
            if *nodes == 1 {
                self.history.scoring_changes();
            }
        }
        self.offer_again(name);
    }

    fn fewer(&mut self, resource: &Arc<str>) {
        let left = self
            .pools
            .get(resource)
            .map(|nodes| nodes.saturating_sub(1));
        match left {
            // From now on nobody is refused for it: it is kube-scheduler's.
            Some(0) | None => {
                self.pools.remove(resource);
                self.history.scoring_changes();
                self.has_gained();
            }
            Some(nodes) => {
                self.pools.insert(Arc::clone(resource), nodes);
            }
        }
    }

    fn forget_if_nothing(&mut self, name: &Arc<str>) {
        if self.nodes.get(name).is_some_and(Known::is_nothing)
            && let Some(place) = self.nodes.remove(name)
        {
            self.nothing_is_promised_at(place);
        }
    }

    /// Makes the offer of this node from all that is known now. Of a node of which nothing is left, nothing is kept.
    pub(super) fn offer_again(&mut self, name: &Arc<str>) {
        self.forget_if_nothing(name);
        let Some(known) = self.nodes.get(name) else {
            return;
        };
        let offer = known.stock.as_ref().zip(known.node.as_ref());
        let offer = offer.map(|(stock, node)| {
            let names = self.tied_to.get(&node.hostname).into_iter().flatten();
            let volumes = names.filter_map(|name| Some((name, self.volumes.get(name)?)));
            let mut offer = stock.offer(volumes.clone().filter(|(_, volume)| volume.is_free));
            for (name, volume) in volumes {
                let claim = volume
                    .claim
                    .as_ref()
                    .and_then(|claim| self.claims.get(claim));
                let bytes = claim.map_or(volume.bytes, |claim| claim.bytes);
                if !volume.is_free && volume.claim.is_some() {
                    stock.subtract_disk_to_come(name, bytes, &mut offer);
                }
            }
            self.subtract_pods(known, &mut offer);
            self.subtract_holds(known, &mut offer);
            offer
        });
        if let Some(known) = self.nodes.get_mut(name)
            && known.offer != offer
        {
            let has_more = has_more(offer.as_ref(), known.offer.as_ref());
            known.offer = offer;
            self.nodes.changed(name);
            if has_more {
                self.has_gained();
            } else {
                self.has_changed();
            }
        }
    }

    /// What pods on this node have: the agent sees it a moment after the API server.
    fn subtract_pods(&self, known: &Known, offer: &mut Offer) {
        let mut sums: BTreeMap<&Counted, u64> = BTreeMap::new();
        let pods = known.pods.iter().filter_map(|name| self.pods.get(name));
        for (of, amount) in pods.flat_map(|pod| &pod.requests) {
            let sum = sums.entry(of).or_default();
            *sum = sum.saturating_add(*amount);
        }
        for (of, sum) in sums {
            if let Some(supply) = offer.counted.get_mut(of) {
                supply.allocated = supply.allocated.max(sum);
            }
        }
    }
}

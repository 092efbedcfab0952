//! All that is known of the cluster, ready to be asked: what each node has for VMs.
//!
//! One writer applies [`Event`]s; an offer is made anew when something of its node changes, so that asking costs nothing.
//! What is known depends on the objects as they are, never on the order in which they were told of.

mod stock;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::{Event, Volume};
use crate::fit::Offer;

use stock::Stock;

/// The cluster, as the watches have told it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Index {
    nodes: BTreeMap<Arc<str>, Known>,
    /// Nodes by their hostname label; nobody keeps two from having the same.
    by_hostname: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    volumes: BTreeMap<Arc<str>, Volume>,
    /// Names of the volumes that ask for a hostname.
    tied_to: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

/// What is known of a node.
#[derive(Debug, Clone, Default, PartialEq)]
struct Known {
    /// `None` if there is an inventory of this name and no node, or not yet.
    hostname: Option<Arc<str>>,
    stock: Option<Stock>,
    offer: Option<Offer>,
}

/// Why nothing can be said of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Unknown {
    /// There is no such node, or not yet.
    #[error("node is not known yet")]
    Node,
    /// Its agent has not told what it has.
    #[error("node has no NodeInventory; is vmberth's exporter running there?")]
    Inventory,
}

impl Index {
    /// What a node has for VMs.
    ///
    /// # Errors
    /// If too little is known of it.
    pub fn offer(&self, node: &str) -> Result<&Offer, Unknown> {
        let known = self.nodes.get(node).ok_or(Unknown::Node)?;
        known.hostname.as_ref().ok_or(Unknown::Node)?;
        known.offer.as_ref().ok_or(Unknown::Inventory)
    }

    /// Takes in what happened to one object.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Node(name, node) => {
                let hostname = node.map(|node| node.hostname);
                let known = self.nodes.get(&name);
                // Most of what happens to a node is its heartbeat.
                if known.and_then(|known| known.hostname.as_ref()) != hostname.as_ref() {
                    self.rename(&name, hostname);
                    self.offer_again(&name);
                }
            }
            Event::Inventory(name, inventory) => {
                let stock = inventory.map(|inventory| Stock::of(&inventory));
                let known = self.nodes.get(&name);
                if known.and_then(|known| known.stock.as_ref()) != stock.as_ref() {
                    self.nodes.entry(Arc::clone(&name)).or_default().stock = stock;
                    self.offer_again(&name);
                }
            }
            Event::Volume(name, volume) => self.volume(&name, volume),
        }
    }

    fn rename(&mut self, name: &Arc<str>, hostname: Option<Arc<str>>) {
        let known = self.nodes.entry(Arc::clone(name)).or_default();
        let before = std::mem::replace(&mut known.hostname, hostname.clone());
        if let Some(before) = before {
            leave(&mut self.by_hostname, &before, name);
        }
        if let Some(hostname) = hostname {
            let names = self.by_hostname.entry(hostname).or_default();
            names.insert(Arc::clone(name));
        }
    }

    fn volume(&mut self, name: &Arc<str>, volume: Option<Volume>) {
        if self.volumes.get(name) == volume.as_ref() {
            return;
        }
        let now = volume.as_ref().map(|volume| volume.hostnames.clone());
        let before = match volume {
            Some(volume) => self.volumes.insert(Arc::clone(name), volume),
            None => self.volumes.remove(name),
        };
        let before = before.map(|volume| volume.hostnames).unwrap_or_default();
        let now = now.unwrap_or_default();
        for hostname in before.difference(&now) {
            leave(&mut self.tied_to, hostname, name);
        }
        for hostname in &now {
            let names = self.tied_to.entry(Arc::clone(hostname)).or_default();
            names.insert(Arc::clone(name));
        }
        let hostnames = before.union(&now);
        let nodes = hostnames.filter_map(|hostname| self.by_hostname.get(hostname));
        let nodes: BTreeSet<Arc<str>> = nodes.flatten().cloned().collect();
        for node in nodes {
            self.offer_again(&node);
        }
    }

    /// Of a node of which nothing is left, nothing is kept.
    fn offer_again(&mut self, node: &Arc<str>) {
        let Some(known) = self.nodes.get_mut(node) else {
            return;
        };
        if known.hostname.is_none() && known.stock.is_none() {
            self.nodes.remove(node);
            return;
        }
        known.offer = known
            .stock
            .as_ref()
            .zip(known.hostname.as_ref())
            .map(|(stock, hostname)| {
                let names = self.tied_to.get(hostname).into_iter().flatten();
                let volumes = names.filter_map(|name| Some((name, self.volumes.get(name)?)));
                stock.offer(volumes.filter(|(_, volume)| volume.is_free))
            });
    }
}

/// Takes a name out of those under a key, and the key with the last one.
fn leave(names: &mut BTreeMap<Arc<str>, BTreeSet<Arc<str>>>, key: &Arc<str>, name: &Arc<str>) {
    if let Some(under) = names.get_mut(key) {
        under.remove(name);
        if under.is_empty() {
            names.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;

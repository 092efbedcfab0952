//! All that is known of the cluster, ready to be asked: what each node has for VMs, and which VM needs what.
//!
//! One writer applies [`Event`]s; an offer is made anew when something of its node changes, so that asking costs nothing.
//! What is known depends on the objects as they are, never on the order in which they were told of.

mod claims;
mod guests;
mod holds;
mod nodes;
mod pods;
mod stock;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::{Claim, Class, Event, Network, Node, ObjectName, Pod, Volume};
use crate::fit::Offer;
use crate::fit::counted::VmName;
use crate::guest::Guest;
use crate::policy::Policy;
use crate::surroundings::{ClaimKnown, NetworkKnown, Surroundings};

use holds::Hold;
use nodes::Known;
pub use nodes::Unknown;

/// The cluster, as the watches have told it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Index {
    nodes: BTreeMap<Arc<str>, Known>,
    /// Nodes by their hostname label; nobody keeps two from having the same.
    by_hostname: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// On how many nodes there are functions of this resource.
    pools: BTreeMap<Arc<str>, usize>,
    volumes: BTreeMap<Arc<str>, Volume>,
    /// Names of the volumes that ask for a hostname.
    tied_to: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Names of the volumes of a class that are no node's.
    untied: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// The volume that says it is this claim's; the claim says so a moment later.
    claimed: BTreeMap<ObjectName, Arc<str>>,
    claims: BTreeMap<ObjectName, Claim>,
    classes: BTreeMap<Arc<str>, Class>,
    networks: BTreeMap<ObjectName, Network>,
    machines: BTreeMap<VmName, Box<Guest>>,
    instances: BTreeMap<VmName, Box<Guest>>,
    /// VMs that have this claim among their disks.
    users: BTreeMap<ObjectName, BTreeSet<VmName>>,
    pods: BTreeMap<ObjectName, Pod>,
    pods_of: BTreeMap<VmName, BTreeSet<ObjectName>>,
    holds: BTreeMap<VmName, Hold>,
    /// When each hold ends.
    ends: BTreeSet<(u64, VmName)>,
    policy: Arc<Policy>,
    now: u64,
    revision: Revision,
}

/// How often an offer has changed. Two that know the same are equal, however they came to it.
#[derive(Debug, Clone, Copy, Default)]
struct Revision(u64);

impl PartialEq for Revision {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Index {
    /// Takes in what happened to one object.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Node(name, node) => self.node_is(&name, node),
            Event::Inventory(name, inventory) => self.inventory_is(&name, inventory.as_deref()),
            Event::Volume(name, volume) => self.volume_is(&name, volume),
            Event::Claim(name, claim) => self.claim_is(&name, claim),
            Event::Class(name, class) => self.class_is(&name, class),
            Event::Network(name, network) => self.network_is(&name, network),
            Event::Machine(name, guest) => self.guest_is(&name, guest, |index| &mut index.machines),
            Event::Instance(name, guest) => {
                self.guest_is(&name, guest, |index| &mut index.instances);
            }
            Event::Pod(name, pod) => self.pod_is(&name, pod),
            Event::Policy(policy) => self.policy_is(policy),
            Event::Time(now) => self.time_is(now),
        }
    }

    /// What a node is.
    ///
    /// # Errors
    /// If it is not known.
    pub fn node(&self, name: &str) -> Result<&Node, Unknown> {
        let known = self.nodes.get(name).ok_or(Unknown::Node)?;
        known.node.as_ref().ok_or(Unknown::Node)
    }

    /// What a node has for VMs.
    ///
    /// # Errors
    /// If too little is known of it.
    pub fn offer(&self, name: &str) -> Result<&Offer, Unknown> {
        let known = self.nodes.get(name).ok_or(Unknown::Node)?;
        known.node.as_ref().ok_or(Unknown::Node)?;
        known.offer.as_ref().ok_or(Unknown::Inventory)
    }

    /// A number that grows when a node's offer changes: who was refused before may fit now.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision.0
    }

    /// Whether a node somewhere has functions of this resource; all other resources are left to kube-scheduler.
    #[must_use]
    pub fn is_pool(&self, resource: &str) -> bool {
        self.pools.contains_key(resource)
    }
}

/// Networks and claims, as decisions ask for them.
impl Surroundings for Index {
    fn network(&self, namespace: &str, name: &str) -> NetworkKnown<'_> {
        match self.networks.get(&(namespace.into(), name.into())) {
            None => NetworkKnown::Missing,
            Some(Network { resource: None }) => NetworkKnown::WithoutResource,
            Some(Network {
                resource: Some(resource),
            }) => NetworkKnown::Resource(resource),
        }
    }

    fn class_of_claim(&self, namespace: &str, name: &str) -> ClaimKnown<'_> {
        let claim = self.claims.get(&(namespace.into(), name.into()));
        claim.map_or(ClaimKnown::Missing, |claim| ClaimKnown::Class(&claim.class))
    }
}

/// Puts a name among those under a key.
fn join<K: Ord, N: Ord>(names: &mut BTreeMap<K, BTreeSet<N>>, key: K, name: N) {
    names.entry(key).or_default().insert(name);
}

/// Takes a name out of those under a key, and the key with the last one.
fn leave<K: Ord, N: Ord>(names: &mut BTreeMap<K, BTreeSet<N>>, key: &K, name: &N) {
    if let Some(under) = names.get_mut(key) {
        under.remove(name);
        if under.is_empty() {
            names.remove(key);
        }
    }
}

/// Puts what is there now in the place of what was, and returns that.
fn replace<K: Ord + Clone, V>(all: &mut BTreeMap<K, V>, key: &K, now: Option<V>) -> Option<V> {
    match now {
        Some(now) => all.insert(key.clone(), now),
        None => all.remove(key),
    }
}

#[cfg(test)]
mod tests;

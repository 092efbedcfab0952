//! All that is known of the cluster, ready to be asked: what each node has for VMs, and which VM needs what.
//!
//! One writer applies [`Event`]s; an offer is made anew when something of its node changes, so that asking costs nothing.
//! What is known depends on the objects as they are, never on the order in which they were told of.

mod cells;
mod claims;
mod gains;
mod guests;
mod holds;
mod kept;
mod kinds;
mod namespaces;
mod nodes;
mod nominated;
mod pinned;
mod pods;
pub(crate) mod possible;
mod promises;
mod stock;
mod table;
mod told;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::{Claim, Class, Event, Namespace, Network, Node, ObjectName, Pod, Volume};
use crate::fit::Offer;
use crate::fit::counted::{Counted, VmName};
use crate::guest::Guest;
use crate::placing::Offered;
use crate::policy::{Policy, ScoreWeights};
use crate::surroundings::{ClaimKnown, NetworkKnown, Surroundings};

use holds::Hold;
pub(crate) use kinds::Kind;
use kinds::Kinds;
pub use nodes::Unknown;
pub(crate) use pinned::Pinned;
pub use promises::Promise;
use promises::Promises;
use table::Table;
pub(crate) use table::{NodeSet, Place};
pub use told::Told;

/// The cluster, as the watches have told it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Index {
    nodes: Table,
    /// Nodes by their hostname label; nobody keeps two from having the same.
    by_hostname: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// On how many nodes there are functions of this resource.
    pools: BTreeMap<Arc<str>, usize>,
    volumes: BTreeMap<Arc<str>, Volume>,
    /// Names of the volumes that ask for a hostname.
    tied_to: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Names of the volumes of a class that are no node's.
    untied: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Volumes that say they are this claim's; the claim says which one a moment later.
    claimed: BTreeMap<ObjectName, BTreeSet<Arc<str>>>,
    claims: BTreeMap<ObjectName, Claim>,
    namespaces: BTreeMap<Arc<str>, Namespace>,
    /// Claims that say this volume is theirs; the volume may not have been heard to say so yet.
    claimants: BTreeMap<Arc<str>, BTreeSet<ObjectName>>,
    classes: BTreeMap<Arc<str>, Class>,
    networks: BTreeMap<ObjectName, Network>,
    machines: BTreeMap<VmName, Box<Guest>>,
    instances: BTreeMap<VmName, Box<Guest>>,
    /// VMs that have this claim among their disks.
    users: BTreeMap<ObjectName, BTreeSet<VmName>>,
    pods: BTreeMap<ObjectName, Pod>,
    pods_of: BTreeMap<VmName, BTreeSet<ObjectName>>,
    /// Pods that fill this claim.
    fillers: BTreeMap<ObjectName, BTreeSet<ObjectName>>,
    holds: BTreeMap<VmName, Hold>,
    /// When each hold ends.
    ends: BTreeSet<(u64, VmName)>,
    kinds: Kinds,
    scratch_class: Option<Arc<str>>,
    policy: Arc<Policy>,
    now: u64,
    history: History,
}

/// What depends on how the index came to know what it knows. Two that know the same are equal, however they came to it.
#[derive(Debug, Clone, Default)]
struct History {
    /// How often something has changed.
    revision: u64,
    /// How often something came free, or became another.
    gains: u64,
    /// How often something has changed that the scores of all nodes depend on.
    scoring: u64,
    /// One text for each class of volumes and each resource, so that comparing those of many nodes stays in the processor's cache.
    texts: BTreeSet<Arc<str>>,
    /// What was answered and is not seen yet.
    promises: Promises,
    /// One list for all nodes that can do the same.
    offered: BTreeSet<Offered>,
}

impl PartialEq for History {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl History {
    fn scoring_changes(&mut self) {
        self.scoring = self.scoring.wrapping_add(1);
    }

    /// Puts the one text that there is of this in its place.
    fn one(&mut self, text: &mut Arc<str>) {
        self.known(text);
        self.texts.insert(Arc::clone(text));
    }

    /// The same, and a new one is not kept: of what tenants write there may be any number.
    fn known(&self, text: &mut Arc<str>) {
        if let Some(known) = self.texts.get(text) {
            *text = Arc::clone(known);
        }
    }
}

impl Index {
    /// Takes in what happened to one object.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Node(name, node) => self.node_is(&name, node),
            Event::Inventory(name, inventory) => self.inventory_is(&name, inventory.as_deref()),
            Event::Volume(name, mut volume) => {
                if let Some(volume) = &mut volume {
                    self.history.one(&mut volume.class);
                }
                self.volume_is(&name, volume.as_ref());
            }
            Event::Claim(name, mut claim) => {
                if let Some(claim) = &mut claim {
                    self.history.known(&mut claim.class);
                }
                self.claim_is(&name, claim);
            }
            Event::Namespace(name, namespace) => self.namespace_is(&name, namespace),
            Event::Class(name, class) => self.class_is(&name, class),
            Event::Network(name, network) => self.network_is(&name, network),
            Event::Machine(name, guest) => self.guest_is(&name, guest, |index| &mut index.machines),
            Event::Instance(name, guest) => {
                self.guest_is(&name, guest, |index| &mut index.instances);
            }
            Event::Pod(name, pod) => self.pod_is(&name, pod.as_ref()),
            Event::ScratchClass(class) => self.scratch_class_is(class),
            Event::Policy(policy) => self.policy_is(policy),
            Event::Time(now) => self.time_is(now),
        }
    }

    /// What a node is, and what it has for VMs if that is known.
    ///
    /// # Errors
    /// If there is no such node.
    pub fn node(&self, name: &str) -> Result<(&Node, Result<&Offer, Unknown>), Unknown> {
        let known = self.nodes.get(name).ok_or(Unknown::Node)?;
        let node = known.node.as_ref().ok_or(Unknown::Node)?;
        Ok((node, known.offer.as_ref().ok_or(Unknown::Inventory)))
    }

    /// What a node has for VMs.
    ///
    /// # Errors
    /// If too little is known of it.
    pub fn offer(&self, name: &str) -> Result<&Offer, Unknown> {
        self.node(name)?.1
    }

    /// A number that grows when something changes that placements depend on.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.history.revision
    }

    /// A number that grows when who was refused before may fit now: a node has more, or an object is another. It stays when there is
    /// only less.
    #[must_use]
    pub fn gains(&self) -> u64 {
        self.history.gains
    }

    /// A number that grows when something changes that the score of every node depends on: the policy, of which resources there are
    /// pools, which kinds of VMs there are.
    pub(crate) fn scoring(&self) -> u64 {
        self.history.scoring
    }

    /// Where in the table a node is.
    pub(crate) fn place(&self, name: &str) -> Option<Place> {
        self.nodes.place(name)
    }

    /// A number that changes when something changes of the node at this place; never 0.
    pub(crate) fn stamp(&self, place: Place) -> u64 {
        self.nodes.stamp(place)
    }

    /// What counts how much among nodes that fit.
    pub(crate) fn score_weights(&self) -> ScoreWeights {
        self.policy.score_weights
    }

    fn has_changed(&mut self) {
        self.history.revision = self.history.revision.wrapping_add(1);
    }

    fn has_gained(&mut self) {
        self.has_changed();
        self.history.gains = self.history.gains.wrapping_add(1);
    }

    /// Whether a node somewhere has functions of this resource; all other resources are left to kube-scheduler.
    #[must_use]
    pub fn is_pool(&self, resource: &str) -> bool {
        self.pools.contains_key(resource)
    }

    /// Whether somebody counts it for us: pages on every node, functions where there is a pool of them.
    pub(crate) fn is_counted(&self, of: &Counted) -> bool {
        match of {
            Counted::Vfs(resource) => self.is_pool(resource),
            Counted::Pages(_) => true,
        }
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

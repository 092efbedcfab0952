//! What is known of the cluster, by one writer for each table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use vmberth_cluster::Key;
use vmberth_decide::names;
use vmberth_decide::node::cluster::{Cluster, Node, PersistentVolume, Pod};
use vmberth_decide::node::reclaim::scratch;
use vmberth_decide::node::volumes::owners::is_of_any_node;

/// Objects of one kind.
pub(super) type Table<V> = BTreeMap<Key, V>;

/// Everything that is watched, as of now.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) nodes: Table<Node>,
    pub(super) pods: Table<Pod>,
    pub(super) volumes: Table<PersistentVolume>,
    /// Written here after each change: a round may come later than CDI's pod goes.
    scratch: BTreeSet<String>,
}

/// The cluster, seen from one node; a change of it wakes the agent.
#[derive(Debug)]
pub struct ClusterState {
    node_name: String,
    known: Mutex<Known>,
    hostname: watch::Sender<Option<String>>,
    changed: Arc<Notify>,
}

impl ClusterState {
    /// Nothing is known of the node of this name yet; `changed` is told of every change.
    #[must_use]
    pub fn new(node_name: &str, changed: Arc<Notify>) -> Self {
        Self {
            node_name: node_name.to_owned(),
            known: Mutex::default(),
            hostname: watch::Sender::new(None),
            changed,
        }
    }

    /// Name of the node.
    #[must_use]
    pub fn node_name(&self) -> &str {
        &self.node_name
    }

    /// The cluster as of now: equal for equal objects, whatever the order in which they came, but for what was seen of
    /// scratch space.
    #[must_use]
    pub fn snapshot(&self) -> Cluster {
        let known = self.lock();
        Cluster {
            node: known.nodes.values().next().cloned(),
            volumes: known.volumes.values().cloned().collect(),
            pods: known.pods.values().cloned().collect(),
            scratch: known.scratch.clone(),
        }
    }

    /// A volume that says so, that only this node can use, or with a path that may be of any node: whoever makes one by
    /// hand and forgets the node still gives away a directory of this one.
    pub(super) fn is_of_this_node(&self, volume: &PersistentVolume) -> bool {
        let hostname = self.hostname.borrow();
        let label = volume.labels.get(names::NODE_LABEL);
        let of_any_node = is_of_any_node(volume) && !volume.path.is_empty();
        label == Some(&self.node_name)
            || of_any_node
            || hostname
                .as_ref()
                .is_some_and(|it| volume.hostnames.contains(it))
    }

    /// The node's hostname label, as it is now and as it will be; its name while it has none.
    pub(super) fn hostname(&self) -> watch::Receiver<Option<String>> {
        self.hostname.subscribe()
    }

    /// Changes what is known; `edit` says whether it did.
    pub(super) fn change(&self, edit: impl FnOnce(&mut Known) -> bool) {
        let mut known = self.lock();
        if !edit(&mut known) {
            return;
        }
        let (volumes, pods) = (known.volumes.values(), known.pods.values());
        known.scratch = scratch::seen(&known.scratch, volumes, pods);
        // Told before the lock is free: of two writers, the later one must have the last word.
        if let Some(node) = known.nodes.values().next() {
            let hostname = node.hostname.as_ref().unwrap_or(&self.node_name);
            self.hostname.send_if_modified(|told| {
                let differs = told.as_ref() != Some(hostname);
                if differs {
                    *told = Some(hostname.clone());
                }
                differs
            });
        }
        drop(known);
        self.changed.notify_one();
    }

    /// The API server told of the node.
    #[cfg(test)]
    pub(crate) fn knows(&self, node: Node) {
        let key = (String::new(), node.name.clone());
        self.change(|known| known.nodes.insert(key, node).is_none());
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What the API server says of this node: the node itself, its pods, its local volumes; watched, so that a round asks
//! for nothing.
//!
//! Objects become [`vmberth_decide::node::cluster`]'s types at once and are dropped. While the API server is away, what
//! was known last stays.

mod state;
mod translate;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kube::runtime::watcher;
use kube::{Api, Client, Config, Resource};
use serde::de::DeserializeOwned;
use vmberth_cluster::objects::{Node, PersistentVolume, Pod};
use vmberth_cluster::{Change, Key, WatchMetrics, for_ever, heard_by};
use vmberth_decide::names;
use vmberth_decide::node::cluster;
use vmberth_serve::ready::{Condition, Ready};

use crate::metrics::Metrics;

pub use state::ClusterState;
use state::{Known, Table};
pub(crate) use translate::claims_of;

/// Objects of one page of a list: of the volumes without our label, few are of this node, and only a page at a time is in
/// memory.
const PAGE: u32 = 100;

/// How long the node may be unknown before that is told, and told again.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of the cluster that this program runs in, or of the kubeconfig.
///
/// # Errors
/// If there is neither.
pub async fn client() -> anyhow::Result<Client> {
    let config = Config::infer()
        .await
        .context("no cluster to watch: neither in a pod nor with a kubeconfig")?;
    Ok(Client::try_from(config)?)
}

/// The watches of one node.
#[derive(Debug)]
pub struct Watches {
    node: Sink,
    pods: Sink,
    /// Volumes with this node's label.
    own: Sink,
    /// Volumes with no node's label: others made them, and may name our directories.
    others: Sink,
}

/// Where what one watch sees goes.
#[derive(Debug)]
struct Sink {
    /// Of a table that two watches write, this one's part: it stands in the keys, in place of a namespace, so that neither
    /// takes away what the other one says.
    part: Option<&'static str>,
    state: Arc<ClusterState>,
    /// Holds as soon as the first list is complete.
    listed: Condition,
    metrics: WatchMetrics,
}

/// What is kept of a kind of objects, and where; `None` if nothing is kept of this one.
struct Kept<K, V> {
    table: fn(&mut Known) -> &mut Table<V>,
    value: fn(&K, &ClusterState) -> Option<V>,
}

const NODES: Kept<Node, cluster::Node> = Kept {
    table: |known| &mut known.nodes,
    value: |node, _| Some(translate::node(node)),
};

const PODS: Kept<Pod, cluster::Pod> = Kept {
    table: |known| &mut known.pods,
    value: |pod, _| Some(translate::pod(pod)),
};

const VOLUMES: Kept<PersistentVolume, cluster::PersistentVolume> = Kept {
    table: |known| &mut known.volumes,
    value: |volume, state| {
        let volume = translate::volume(volume);
        state.is_of_this_node(&volume).then_some(volume)
    },
};

impl Watches {
    /// Watches that write into this state. Not ready before the first list of each is complete.
    #[must_use]
    pub fn new(state: &Arc<ClusterState>, ready: &Ready, metrics: &Metrics) -> Self {
        let sink = |resource, part| Sink {
            part,
            state: Arc::clone(state),
            listed: ready.condition(resource),
            metrics: metrics.watch(resource),
        };
        Self {
            node: sink("nodes", None),
            pods: sink("pods", None),
            own: sink("persistentvolumes", Some("own")),
            others: sink("persistentvolumes_of_others", Some("of others")),
        }
    }

    /// Follows node, pods and volumes, for ever.
    pub async fn follow(&self, client: &Client) {
        tokio::join!(
            self.follow_node(client),
            self.follow_pods(client),
            self.follow_own(client),
            self.follow_others(client),
        );
    }

    async fn follow_node(&self, client: &Client) {
        let api: Api<Node> = Api::all(heard_by(client, &self.node.metrics));
        let ours = format!("metadata.name={}", self.node.state.node_name());
        let config = watcher::Config::default().fields(&ours);
        self.node.follow(api, config, &NODES).await;
    }

    async fn follow_pods(&self, client: &Client) {
        let api: Api<Pod> = Api::all(heard_by(client, &self.pods.metrics));
        let ours = format!("spec.nodeName={}", self.pods.state.node_name());
        let config = watcher::Config::default().fields(&ours).page_size(PAGE);
        self.pods.follow(api, config, &PODS).await;
    }

    /// Those with our label, whatever their hostname.
    async fn follow_own(&self, client: &Client) {
        let node = self.own.state.node_name();
        if !names::is_label_value(node) {
            // No volume can have such a label, and the API server refuses to look for it.
            self.own.listed.set(true);
            return;
        }
        let api: Api<PersistentVolume> = Api::all(heard_by(client, &self.own.metrics));
        let ours = format!("{}={node}", names::NODE_LABEL);
        let config = watcher::Config::default().labels(&ours).page_size(PAGE);
        self.own.follow(api, config, &VOLUMES).await;
    }

    /// Which volumes of others are of this node depends on its hostname: with another one, they are listed again. Those
    /// of other agents are among them: a node that was given another name has volumes of the old one in its directories.
    async fn follow_others(&self, client: &Client) {
        let api: Api<PersistentVolume> = Api::all(heard_by(client, &self.others.metrics));
        let mut hostname = self.others.state.hostname();
        // A list without the hostname would miss volumes, and say that it is complete.
        while hostname.borrow_and_update().is_none() {
            if tokio::time::timeout(PATIENCE, hostname.changed())
                .await
                .is_err()
            {
                let node = self.others.state.node_name();
                tracing::warn!(
                    node,
                    "no Node of this name so far, and volumes wait for its hostname; check --node-name"
                );
            }
        }
        let node = self.others.state.node_name();
        let not_ours = if names::is_label_value(node) {
            format!("{}!={node}", names::NODE_LABEL)
        } else {
            String::new()
        };
        loop {
            let config = watcher::Config::default().labels(&not_ours).page_size(PAGE);
            tokio::select! {
                () = self.others.follow(api.clone(), config, &VOLUMES) => {}
                _ = hostname.changed() => {
                    // What is known is of the old one: nothing is made of it.
                    self.others.listed.set(false);
                    tracing::info!("the node's hostname changed; volumes are listed again");
                }
            }
        }
    }
}

/// True if that changed anything. Of a table that two watches write, this part is replaced.
fn replace<V: PartialEq>(table: &mut Table<V>, fresh: Table<V>, part: Option<&str>) -> bool {
    let belongs = |key: &Key| part.is_none_or(|part| key.0 == part);
    let before = table.iter().filter(|(key, _)| belongs(key));
    if before.eq(fresh.iter()) {
        return false;
    }
    table.retain(|key, _| !belongs(key));
    table.extend(fresh);
    true
}

/// True if that changed anything: most changes of an object are none of what is kept, like a node's heartbeats.
fn set<V: PartialEq>(table: &mut Table<V>, key: Key, value: Option<V>) -> bool {
    match value {
        Some(value) if table.get(&key) == Some(&value) => false,
        Some(value) => {
            table.insert(key, value);
            true
        }
        None => table.remove(&key).is_some(),
    }
}

impl Sink {
    async fn follow<K, V>(&self, api: Api<K>, config: watcher::Config, kept: &Kept<K, V>)
    where
        K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
        V: PartialEq,
    {
        let keep = |object: &K| (kept.value)(object, &self.state);
        let tell = |change| self.hear(kept, change);
        for_ever(api, config, &self.metrics, keep, tell).await;
    }

    fn hear<K, V: PartialEq>(&self, kept: &Kept<K, V>, change: Change<V>) {
        match change {
            Change::All(all) => {
                let fresh = all
                    .into_iter()
                    .map(|(key, value)| (self.key_of(key), value))
                    .collect();
                self.state
                    .change(|known| replace((kept.table)(known), fresh, self.part));
                self.listed.set(true);
            }
            Change::Unserved => self.metrics.interrupted(),
            Change::One(key, value) => {
                let key = self.key_of(key);
                self.state
                    .change(|known| set((kept.table)(known), key, value));
            }
        }
    }

    fn key_of(&self, (namespace, name): Key) -> Key {
        (self.part.map_or(namespace, str::to_owned), name)
    }
}

#[cfg(test)]
mod tests;

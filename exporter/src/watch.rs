//! What the API server says of this node: the node itself, its pods, its local volumes; watched, so that a round asks
//! for nothing.
//!
//! Objects become [`vmberth_decide::node::cluster`]'s types at once and are dropped. While the API server is away, what
//! was known last stays.

mod state;
mod translate;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::http::Request;
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1 as core;
use kube::client::Body;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use vmberth_decide::names;
use vmberth_decide::node::cluster;
use vmberth_serve::ready::{Condition, Ready};

use crate::metrics::{Metrics, WatchMetrics};

pub use state::ClusterState;
use state::{Key, Known, Table};
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
    resource: &'static str,
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

const NODES: Kept<core::Node, cluster::Node> = Kept {
    table: |known| &mut known.nodes,
    value: |node, _| Some(translate::node(node)),
};

const PODS: Kept<core::Pod, cluster::Pod> = Kept {
    table: |known| &mut known.pods,
    value: |pod, _| Some(translate::pod(pod)),
};

const VOLUMES: Kept<core::PersistentVolume, cluster::PersistentVolume> = Kept {
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
            resource,
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
        let api: Api<core::Node> = Api::all(heard_by(client, &self.node.metrics));
        let ours = format!("metadata.name={}", self.node.state.node_name());
        let events = watch(api, watcher::Config::default().fields(&ours)).default_backoff();
        follow(events, &NODES, &self.node).await;
    }

    async fn follow_pods(&self, client: &Client) {
        let api: Api<core::Pod> = Api::all(heard_by(client, &self.pods.metrics));
        let ours = format!("spec.nodeName={}", self.pods.state.node_name());
        let config = watcher::Config::default().fields(&ours).page_size(PAGE);
        follow(watch(api, config).default_backoff(), &PODS, &self.pods).await;
    }

    /// Those with our label, whatever their hostname.
    async fn follow_own(&self, client: &Client) {
        let node = self.own.state.node_name();
        if !names::is_label_value(node) {
            // No volume can have such a label, and the API server refuses to look for it.
            self.own.listed.set(true);
            return;
        }
        let api: Api<core::PersistentVolume> = Api::all(heard_by(client, &self.own.metrics));
        let ours = format!("{}={node}", names::NODE_LABEL);
        let config = watcher::Config::default().labels(&ours).page_size(PAGE);
        follow(watch(api, config).default_backoff(), &VOLUMES, &self.own).await;
    }

    /// Which volumes of others are of this node depends on its hostname: with another one, they are listed again. Those
    /// of other agents are among them: a node that was given another name has volumes of the old one in its directories.
    async fn follow_others(&self, client: &Client) {
        let api: Api<core::PersistentVolume> = Api::all(heard_by(client, &self.others.metrics));
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
            let config = watcher::Config::default().labels(&not_ours);
            let events = watch(api.clone(), config.page_size(PAGE)).default_backoff();
            tokio::select! {
                () = follow(events, &VOLUMES, &self.others) => {}
                _ = hostname.changed() => {
                    // What is known is of the old one: nothing is made of it.
                    self.others.listed.set(false);
                    tracing::info!("the node's hostname changed; volumes are listed again");
                }
            }
        }
    }
}

/// The same client, whose good answers are counted as signs of life: of a watch in which nothing happens, nothing else
/// is heard.
fn heard_by(client: &Client, metrics: &WatchMetrics) -> Client {
    let (inner, metrics) = (client.clone(), metrics.clone());
    let service = tower::service_fn(move |request: Request<Body>| {
        let (inner, metrics) = (inner.clone(), metrics.clone());
        async move {
            let answer = inner.send(request).await;
            if answer.as_ref().is_ok_and(|it| it.status().is_success()) {
                metrics.answered();
            }
            answer
        }
    });
    Client::new(service, client.default_namespace())
}

/// Brings every event into the table, for ever.
async fn follow<K, V>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    kept: &Kept<K, V>,
    sink: &Sink,
) where
    K: Resource + Clone + Debug + DeserializeOwned,
    V: PartialEq,
{
    let mut fresh = BTreeMap::new();
    let mut told = String::new();
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => fresh = BTreeMap::new(),
            Ok(Event::InitApply(object)) => {
                if let Some(value) = (kept.value)(&object, &sink.state) {
                    fresh.insert(sink.key_of(&object), value);
                }
            }
            Ok(Event::InitDone) => {
                let fresh = std::mem::take(&mut fresh);
                sink.state
                    .change(|known| replace((kept.table)(known), fresh, sink.part));
                sink.listed.set(true);
                told.clear();
            }
            Ok(Event::Apply(object)) => {
                let value = (kept.value)(&object, &sink.state);
                let key = sink.key_of(&object);
                let set = |known: &mut Known| set((kept.table)(known), key, value);
                sink.state.change(set);
            }
            Ok(Event::Delete(object)) => {
                let key = sink.key_of(&object);
                let set = |known: &mut Known| set((kept.table)(known), key, None);
                sink.state.change(set);
            }
            Err(error) => {
                sink.metrics.interrupted();
                let text = error.to_string();
                if told != text {
                    let resource = sink.resource;
                    tracing::warn!(resource, error = text, "watch interrupted; tried again");
                    told = text;
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
    fn key_of(&self, object: &impl ResourceExt) -> Key {
        let part = self.part.map(str::to_owned);
        let first = part.or_else(|| object.namespace()).unwrap_or_default();
        (first, object.name_any())
    }
}

#[cfg(test)]
mod tests;

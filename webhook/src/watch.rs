//! What decisions have to know of other objects: watched beforehand, so that nothing is asked during a review.
//!
//! One writer for each table; reviews read a whole [`Known`] that never changes under them.

mod known;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::http::Response;
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::client::{ClientBuilder, DynBody};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tower::BoxError;
use tower::util::MapResultLayer;
use vmberth_decide::names;
use vmberth_serve::ready::Condition;

use crate::metrics::WatchMetrics;

pub use known::Known;
use known::{Slot, Table};

/// Until a kind that was not served any longer is listed again.
const LIST_AGAIN: Duration = Duration::from_secs(5);

/// Where what is seen goes.
#[derive(Debug)]
pub struct Sink {
    /// The tables.
    pub known: Arc<ArcSwap<Known>>,
    /// Holds as soon as the first list is complete.
    pub listed: Condition,
    /// What is counted.
    pub metrics: WatchMetrics,
}

/// A client for one watch. Its good answers are counted as such, since nothing else is heard of a watch in which nothing
/// happens.
///
/// # Errors
/// If the configuration is bad.
pub fn client(config: Config, metrics: &WatchMetrics) -> anyhow::Result<Client> {
    type Answer = Result<Response<Box<DynBody>>, BoxError>;
    let metrics = metrics.clone();
    let heard = move |answer: Answer| heard(&metrics, answer);
    let client = ClientBuilder::try_from(config)?.with_layer(&MapResultLayer::new(heard));
    Ok(client.build())
}

fn heard<B, E>(metrics: &WatchMetrics, answer: Result<Response<B>, E>) -> Result<Response<B>, E> {
    if answer
        .as_ref()
        .is_ok_and(|answer| answer.status().is_success())
    {
        metrics.answered();
    }
    answer
}

/// Follows the cluster's NetworkAttachmentDefinitions, for ever. Only their metadata is asked for.
pub async fn networks(client: Client, sink: Sink) {
    let kind = GroupVersionKind::gvk("k8s.cni.cncf.io", "v1", "NetworkAttachmentDefinition");
    let resource = ApiResource::from_gvk_with_plural(&kind, "network-attachment-definitions");
    let api: Api<PartialObjectMeta<DynamicObject>> = Api::all_with(client, &resource);
    for_ever(&api, &NETWORKS, &sink).await;
}

/// Follows the cluster's claims, for ever.
pub async fn claims(client: Client, sink: Sink) {
    let api: Api<PersistentVolumeClaim> = Api::all(client);
    for_ever(&api, &CLAIMS, &sink).await;
}

/// What is kept of a kind of objects, and where.
struct Kept<K, V> {
    table: fn(&mut Known) -> &mut Slot<V>,
    value: fn(&K) -> V,
}

const NETWORKS: Kept<PartialObjectMeta<DynamicObject>, Option<String>> = Kept {
    table: |known| &mut known.networks,
    value: |network| {
        let name = network.annotations().get(names::RESOURCE_NAME_ANNOTATION);
        name.filter(|name| !name.is_empty()).cloned()
    },
};

const CLAIMS: Kept<PersistentVolumeClaim, String> = Kept {
    table: |known| &mut known.claims,
    value: |claim| {
        let class = claim
            .spec
            .as_ref()
            .and_then(|spec| spec.storage_class_name.as_ref());
        class.cloned().unwrap_or_default()
    },
};

async fn for_ever<K, V>(api: &Api<K>, kept: &Kept<K, V>, sink: &Sink)
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
    V: Clone + PartialEq,
{
    loop {
        let events = watch(api.clone(), watcher::Config::default()).default_backoff();
        follow(events, kept, sink).await;
        tokio::time::sleep(LIST_AGAIN).await;
    }
}

/// Brings every event into the table, until only a new list can tell what there is.
async fn follow<K: ResourceExt, V: Clone + PartialEq>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    kept: &Kept<K, V>,
    sink: &Sink,
) {
    let mut fresh = Table::default();
    let mut told = String::new();
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => fresh = Table::default(),
            Ok(Event::InitApply(object)) => {
                let (namespace, name) = names_of(&object);
                fresh.insert(namespace, name, (kept.value)(&object));
            }
            Ok(Event::InitDone) => {
                kept.replace(std::mem::take(&mut fresh), sink);
                told.clear();
            }
            Ok(Event::Apply(object)) => kept.apply(&object, sink),
            Ok(Event::Delete(object)) => kept.delete(&object, sink),
            Err(error) => {
                let broken = Broken::of(&error);
                if broken == Broken::NeverServed {
                    // A cluster without that kind has none of them; it is asked again now and then.
                    kept.replace(Table::default(), sink);
                    sink.metrics.answered();
                } else {
                    sink.metrics.interrupted();
                }
                let text = error.to_string();
                if told != text {
                    tracing::warn!(error = text, "watch interrupted; tried again");
                    told = text;
                }
                if broken == Broken::Gone {
                    return;
                }
            }
        }
    }
}

/// What an interrupted watch means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// The API server does not know the kind.
    NeverServed,
    /// It does not know the kind any longer. The watcher would ask for what came after the last event, for ever, but who
    /// says that there is nothing else when the kind is back?
    Gone,
    /// The watcher tries again where it was.
    ForNow,
}

impl Broken {
    fn of(error: &watcher::Error) -> Self {
        let missing =
            |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.code == 404);
        match error {
            watcher::Error::InitialListFailed(error) if missing(error) => Self::NeverServed,
            watcher::Error::WatchStartFailed(error) if missing(error) => Self::Gone,
            watcher::Error::InitialListFailed(_)
            | watcher::Error::WatchStartFailed(_)
            | watcher::Error::WatchError(_)
            | watcher::Error::WatchFailed(_)
            | watcher::Error::NoResourceVersion => Self::ForNow,
        }
    }
}

impl<K: ResourceExt, V: Clone + PartialEq> Kept<K, V> {
    fn replace(&self, table: Table<V>, sink: &Sink) {
        let table = Arc::new(table);
        self.change(sink, |slot| *slot = Some(Arc::clone(&table)));
        sink.listed.set(true);
    }

    /// Most changes of an object are none of what is kept: the status of a claim.
    fn apply(&self, object: &K, sink: &Sink) {
        let (namespace, name) = names_of(object);
        let value = (self.value)(object);
        let mut known = Known::clone(&sink.known.load());
        let there = (self.table)(&mut known).as_ref();
        if there.and_then(|table| table.get(&namespace, &name)) == Some(&value) {
            return;
        }
        self.change(sink, |slot| {
            if let Some(table) = slot {
                Arc::make_mut(table).insert(namespace.clone(), name.clone(), value.clone());
            }
        });
    }

    fn delete(&self, object: &K, sink: &Sink) {
        let (namespace, name) = names_of(object);
        self.change(sink, |slot| {
            if let Some(table) = slot {
                Arc::make_mut(table).remove(&namespace, &name);
            }
        });
    }

    fn change(&self, sink: &Sink, edit: impl Fn(&mut Slot<V>)) {
        sink.known.rcu(|old| {
            let mut new = Known::clone(old);
            edit((self.table)(&mut new));
            new
        });
    }
}

fn names_of(object: &impl ResourceExt) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

#[cfg(test)]
mod tests;

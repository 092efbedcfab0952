//! What decisions have to know of other objects: watched beforehand, so that nothing is asked during a review.
//!
//! One writer for each table; reviews read a whole [`Known`] that never changes under them.

mod known;

use std::fmt::Debug;
use std::sync::Arc;

use arc_swap::ArcSwap;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta};
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use vmberth_cluster::objects::PersistentVolumeClaim;
use vmberth_cluster::{Change, WatchMetrics, for_ever, heard_by};
use vmberth_decide::names;
use vmberth_serve::ready::Condition;

pub use known::Known;
use known::{Slot, Table};

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

/// Follows the cluster's NetworkAttachmentDefinitions, for ever. Only their metadata is asked for.
pub async fn networks(client: Client, sink: Sink) {
    let kind = GroupVersionKind::gvk("k8s.cni.cncf.io", "v1", "NetworkAttachmentDefinition");
    let resource = ApiResource::from_gvk_with_plural(&kind, "network-attachment-definitions");
    let client = heard_by(&client, &sink.metrics);
    let api: Api<PartialObjectMeta<DynamicObject>> = Api::all_with(client, &resource);
    sink.follow(api, &NETWORKS).await;
}

/// Follows the cluster's claims, for ever.
pub async fn claims(client: Client, sink: Sink) {
    let api: Api<PersistentVolumeClaim> = Api::all(heard_by(&client, &sink.metrics));
    sink.follow(api, &CLAIMS).await;
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
    value: |claim| claim.spec.storage_class_name.clone(),
};

impl Sink {
    async fn follow<K, V>(&self, api: Api<K>, kept: &Kept<K, V>)
    where
        K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
        V: Clone + PartialEq,
    {
        let keep = |object: &K| Some((kept.value)(object));
        let tell = |change| self.hear(kept, change);
        for_ever(api, watcher::Config::default(), &self.metrics, keep, tell).await;
    }

    fn hear<K, V: Clone + PartialEq>(&self, kept: &Kept<K, V>, change: Change<V>) {
        match change {
            Change::All(all) => self.replace(kept, all.into_iter().collect()),
            // A cluster without that kind has none of them.
            Change::Unserved => {
                self.replace(kept, Table::default());
                self.metrics.answered();
            }
            Change::One((namespace, name), Some(value)) => {
                let mut known = Known::clone(&self.known.load());
                let there = (kept.table)(&mut known).as_ref();
                // Most changes of an object are none of what is kept: the status of a claim.
                if there.and_then(|table| table.get(&namespace, &name)) == Some(&value) {
                    return;
                }
                self.change(kept, |slot| {
                    if let Some(table) = slot {
                        let table = Arc::make_mut(table);
                        table.insert(namespace.clone(), name.clone(), value.clone());
                    }
                });
            }
            Change::One((namespace, name), None) => self.change(kept, |slot| {
                if let Some(table) = slot {
                    Arc::make_mut(table).remove(&namespace, &name);
                }
            }),
        }
    }

    fn replace<K, V>(&self, kept: &Kept<K, V>, table: Table<V>) {
        let table = Arc::new(table);
        self.change(kept, |slot| *slot = Some(Arc::clone(&table)));
        self.listed.set(true);
    }

    fn change<K, V>(&self, kept: &Kept<K, V>, edit: impl Fn(&mut Slot<V>)) {
        self.known.rcu(|old| {
            let mut new = Known::clone(old);
            edit((kept.table)(&mut new));
            new
        });
    }
}

#[cfg(test)]
mod tests;

//! All that placement reads, watched and told as events of [`vmberth_decide::index`].

mod core;
mod machines;
mod storage;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind, PartialObjectMeta};
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use vmberth_decide::event::{Event, ObjectName};
use vmberth_decide::names;

use crate::metrics::AllWatches;
use crate::objects::{Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass};
use crate::{Change, Key, WatchMetrics, for_ever, heard_by};

/// What is watched, by the names of Kubernetes' API.
pub const RESOURCES: [&str; 11] = [
    NODES,
    INVENTORIES,
    VOLUMES,
    CLAIMS,
    NAMESPACES,
    CLASSES,
    NETWORKS,
    MACHINES,
    INSTANCES,
    PODS,
    CDI_CONFIGS,
];

const NODES: &str = "nodes";
const INVENTORIES: &str = "nodeinventories";
const VOLUMES: &str = "persistentvolumes";
const CLAIMS: &str = "persistentvolumeclaims";
const NAMESPACES: &str = "namespaces";
const CLASSES: &str = "storageclasses";
const NETWORKS: &str = "network-attachment-definitions";
const MACHINES: &str = "virtualmachines";
const INSTANCES: &str = "virtualmachineinstances";
const PODS: &str = "pods";
const CDI_CONFIGS: &str = "cdiconfigs";

/// Pods that have ended have nothing.
const NOT_ENDED: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// Who is told.
#[derive(Debug, Clone, Copy)]
struct Listener<L, S> {
    /// Of each resource whose first list was told.
    listed: L,
    /// Of each event.
    sink: S,
}

/// Watches all kinds that placement reads, for ever. `sink` is told what happens, `listed` the name of each of [`RESOURCES`]
/// when all that there is of it was told.
pub async fn feed<L, S>(client: Client, watches: &AllWatches, listed: L, sink: S)
where
    L: Fn(&'static str) + Copy,
    S: Fn(Event) + Copy,
{
    let told = Listener { listed, sink };
    let all = watcher::Config::default;
    let pods = all().fields(NOT_ENDED);
    let watch = |resource| {
        let metrics = watches.of(resource);
        (heard_by(&client, &metrics), metrics)
    };
    let (nodes, volumes, claims) = (watch(NODES), watch(VOLUMES), watch(CLAIMS));
    let (classes, networks, launchers) = (watch(CLASSES), watch(NETWORKS), watch(PODS));
    let (inventories, machines) = (watch(INVENTORIES), watch(MACHINES));
    let (instances, cdi) = (watch(INSTANCES), watch(CDI_CONFIGS));
    let namespaces = watch(NAMESPACES);
    tokio::join!(
        told.of(
            Api::<Node>::all(nodes.0),
            all(),
            &nodes.1,
            core::node,
            |key, node| { Event::Node(key.1.into(), node) }
        ),
        told.of(
            Api::<PersistentVolume>::all(volumes.0),
            all(),
            &volumes.1,
            storage::volume,
            |key, volume| Event::Volume(key.1.into(), volume)
        ),
        told.of(
            Api::<PersistentVolumeClaim>::all(claims.0),
            all(),
            &claims.1,
            |claim| Some(storage::claim(claim)),
            |key, claim| Event::Claim(object_name(key), claim)
        ),
        told.of(
            Api::<PartialObjectMeta<Namespace>>::all(namespaces.0),
            all(),
            &namespaces.1,
            storage::namespace,
            |key, namespace| Event::Namespace(key.1.into(), namespace)
        ),
        told.of(
            Api::<StorageClass>::all(classes.0),
            all(),
            &classes.1,
            |class| Some(storage::class(class)),
            |key, class| Event::Class(key.1.into(), class)
        ),
        told.of(
            Api::<Pod>::all(launchers.0),
            pods,
            &launchers.1,
            core::pod,
            |key, pod| Event::Pod(object_name(key), pod)
        ),
        told.of(
            Api::<PartialObjectMeta<DynamicObject>>::all_with(
                networks.0,
                &resource(
                    "k8s.cni.cncf.io",
                    "v1",
                    "NetworkAttachmentDefinition",
                    NETWORKS
                )
            ),
            all(),
            &networks.1,
            |network| Some(core::network(network)),
            |key, network| Event::Network(object_name(key), network)
        ),
        told.of(
            Api::<DynamicObject>::all_with(
                inventories.0,
                &resource("vmberth.io", "v1alpha1", names::INVENTORY_KIND, INVENTORIES)
            ),
            all(),
            &inventories.1,
            core::inventory,
            |key, inventory| Event::Inventory(key.1.into(), inventory)
        ),
        told.of(
            Api::<DynamicObject>::all_with(
                machines.0,
                &resource(
                    names::KUBEVIRT_GROUP,
                    "v1",
                    names::VIRTUAL_MACHINE_KIND,
                    MACHINES
                )
            ),
            all(),
            &machines.1,
            machines::machine,
            |key, machine| Event::Machine(object_name(key), machine)
        ),
        told.of(
            Api::<DynamicObject>::all_with(
                instances.0,
                &resource(names::KUBEVIRT_GROUP, "v1", names::INSTANCE_KIND, INSTANCES)
            ),
            all(),
            &instances.1,
            machines::instance,
            |key, instance| Event::Instance(object_name(key), instance)
        ),
        told.of(
            Api::<DynamicObject>::all_with(
                cdi.0,
                &resource(
                    names::CDI_GROUP,
                    names::CDI_VERSION,
                    "CDIConfig",
                    CDI_CONFIGS
                )
            ),
            // There is one, of this name.
            all().fields("metadata.name=config"),
            &cdi.1,
            storage::scratch_class,
            |_, class| Event::ScratchClass(class)
        ),
    );
}

impl<L, S> Listener<L, S>
where
    L: Fn(&'static str) + Copy,
    S: Fn(Event) + Copy,
{
    /// Follows one kind, for ever.
    async fn of<K, V>(
        self,
        api: Api<K>,
        config: watcher::Config,
        metrics: &WatchMetrics,
        keep: impl Fn(&K) -> Option<V>,
        event: impl Fn(Key, Option<V>) -> Event,
    ) where
        K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
    {
        let mut there: BTreeSet<Key> = BTreeSet::new();
        let hear = |change| match change {
            Change::All(all) => {
                let now: BTreeSet<Key> = all.keys().cloned().collect();
                for gone in there.difference(&now) {
                    (self.sink)(event(gone.clone(), None));
                }
                there = now;
                for (key, value) in all {
                    (self.sink)(event(key, Some(value)));
                }
                (self.listed)(metrics.resource());
            }
            Change::One(key, Some(value)) => {
                there.insert(key.clone());
                (self.sink)(event(key, Some(value)));
            }
            Change::One(key, None) => {
                if there.remove(&key) {
                    (self.sink)(event(key, None));
                }
            }
            // A cluster without that kind has none of them.
            Change::Unserved => {
                for gone in std::mem::take(&mut there) {
                    (self.sink)(event(gone, None));
                }
                metrics.answered();
                (self.listed)(metrics.resource());
            }
        };
        for_ever(api, config, metrics, keep, hear).await;
    }
}

fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    let kind = GroupVersionKind::gvk(group, version, kind);
    ApiResource::from_gvk_with_plural(&kind, plural)
}

fn object_name((namespace, name): Key) -> ObjectName {
    (Arc::from(namespace), Arc::from(name))
}

/// Says which object could not be read; it counts as absent.
fn unreadable(resource: &str, object: &DynamicObject, error: &serde_json::Error) {
    let metadata = &object.metadata;
    tracing::warn!(
        resource,
        namespace = metadata.namespace.as_deref().unwrap_or_default(),
        name = metadata.name.as_deref().unwrap_or_default(),
        error = error.to_string(),
        "object can't be read, and counts as absent"
    );
}

#[cfg(test)]
mod tests;

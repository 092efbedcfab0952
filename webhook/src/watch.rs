//! What decisions have to know of other objects: watched beforehand, so that nothing is asked during a review.
//!
//! One writer for each table; reviews read a whole [`Known`] that never changes under them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client, ResourceExt};
use vmberth_decide::names;
use vmberth_decide::surroundings::{ClaimKnown, NetworkKnown, Surroundings};
use vmberth_serve::ready::Condition;

/// Objects by namespace and name.
type Table<V> = BTreeMap<String, BTreeMap<String, V>>;

/// Everything that is watched, as of now.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Networks and the resource that each names; `None` if they are not watched, or not yet.
    networks: Option<Table<Option<String>>>,
    /// Claims and their class; `None` as above.
    claims: Option<Table<String>>,
}

impl Surroundings for Known {
    fn network(&self, namespace: &str, name: &str) -> NetworkKnown<'_> {
        let Some(networks) = &self.networks else {
            return NetworkKnown::Unwatched;
        };
        match networks.get(namespace).and_then(|space| space.get(name)) {
            None => NetworkKnown::Missing,
            Some(None) => NetworkKnown::WithoutResource,
            Some(Some(resource)) => NetworkKnown::Resource(resource),
        }
    }

    fn class_of_claim(&self, namespace: &str, name: &str) -> ClaimKnown<'_> {
        let Some(claims) = &self.claims else {
            return ClaimKnown::Unwatched;
        };
        match claims.get(namespace).and_then(|space| space.get(name)) {
            None => ClaimKnown::Missing,
            Some(class) => ClaimKnown::Class(class),
        }
    }
}

/// Follows the cluster's NetworkAttachmentDefinitions, for ever. Only their metadata is asked for.
pub async fn networks(client: Client, known: Arc<ArcSwap<Known>>, listed: Condition) {
    let kind = GroupVersionKind::gvk("k8s.cni.cncf.io", "v1", "NetworkAttachmentDefinition");
    let resource = ApiResource::from_gvk_with_plural(&kind, "network-attachment-definitions");
    let api: Api<PartialObjectMeta<DynamicObject>> = Api::all_with(client, &resource);
    let events = watch(api, watcher::Config::default()).default_backoff();
    let resource_name = |network: PartialObjectMeta<DynamicObject>| {
        let name = network.annotations().get(names::RESOURCE_NAME_ANNOTATION);
        name.filter(|name| !name.is_empty()).cloned()
    };
    follow(events, &known, listed, networks_of, resource_name).await;
}

/// Follows the cluster's claims, for ever.
pub async fn claims(client: Client, known: Arc<ArcSwap<Known>>, listed: Condition) {
    let api: Api<PersistentVolumeClaim> = Api::all(client);
    let events = watch(api, watcher::Config::default()).default_backoff();
    let class = |claim: PersistentVolumeClaim| {
        let spec = claim.spec.unwrap_or_default();
        spec.storage_class_name.unwrap_or_default()
    };
    follow(events, &known, listed, claims_of, class).await;
}

fn networks_of(known: &mut Known) -> &mut Option<Table<Option<String>>> {
    &mut known.networks
}

fn claims_of(known: &mut Known) -> &mut Option<Table<String>> {
    &mut known.claims
}

/// Brings every event into the table.
async fn follow<K: ResourceExt, V: Clone + Debug>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    known: &ArcSwap<Known>,
    listed: Condition,
    table: fn(&mut Known) -> &mut Option<Table<V>>,
    value: impl Fn(K) -> V,
) {
    let change = |edit: &dyn Fn(&mut Option<Table<V>>)| {
        known.rcu(|old| {
            let mut new = Known::clone(old);
            edit(table(&mut new));
            new
        });
    };
    let mut fresh: Table<V> = Table::new();
    let mut told = String::new();
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => fresh.clear(),
            Ok(Event::InitApply(object)) => insert(&mut fresh, object, &value),
            Ok(Event::InitDone) => {
                change(&|table| *table = Some(fresh.clone()));
                fresh.clear();
                told.clear();
                listed.set(true);
            }
            Ok(Event::Apply(object)) => {
                let (namespace, name) = names_of(&object);
                let value = value(object);
                change(&|table| {
                    let space = table.get_or_insert_default().entry(namespace.clone());
                    space.or_default().insert(name.clone(), value.clone());
                });
            }
            Ok(Event::Delete(object)) => {
                let (namespace, name) = names_of(&object);
                change(&|table| {
                    let space = table.as_mut().and_then(|table| table.get_mut(&namespace));
                    space.and_then(|space| space.remove(&name));
                });
            }
            Err(error) => {
                if is_not_served(&error) {
                    // A cluster without that kind has none of them; it is asked again now and then.
                    change(&|table| *table = Some(Table::new()));
                    listed.set(true);
                }
                let text = error.to_string();
                if told != text {
                    tracing::warn!(error = text, "watch interrupted; tried again");
                    told = text;
                }
            }
        }
    }
}

fn insert<K: ResourceExt, V>(table: &mut Table<V>, object: K, value: impl Fn(K) -> V) {
    let (namespace, name) = names_of(&object);
    table
        .entry(namespace)
        .or_default()
        .insert(name, value(object));
}

fn names_of(object: &impl ResourceExt) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// Whether the API server does not know the kind at all.
fn is_not_served(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::InitialListFailed(kube::Error::Api(status)) if status.code == 404)
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use vmberth_serve::ready::Ready;

    use super::*;

    fn claim(name: &str, class: &str) -> PersistentVolumeClaim {
        let spec = k8s_openapi::api::core::v1::PersistentVolumeClaimSpec {
            storage_class_name: Some(class.to_owned()),
            ..Default::default()
        };
        PersistentVolumeClaim {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some("edge".to_owned()),
                ..ObjectMeta::default()
            },
            spec: Some(spec),
            status: None,
        }
    }

    async fn after(events: Vec<watcher::Result<Event<PersistentVolumeClaim>>>) -> (Known, Ready) {
        let known = ArcSwap::from_pointee(Known::default());
        let ready = Ready::default();
        let class = |claim: PersistentVolumeClaim| {
            claim
                .spec
                .and_then(|spec| spec.storage_class_name)
                .unwrap_or_default()
        };
        let listed = ready.condition("claims");
        follow(stream::iter(events), &known, listed, claims_of, class).await;
        (Known::clone(&known.load()), ready)
    }

    #[tokio::test]
    async fn nothing_is_known_before_the_list_is_complete() {
        let events = vec![Ok(Event::Init), Ok(Event::InitApply(claim("a", "x")))];
        let (known, ready) = after(events).await;
        assert_eq!(known.class_of_claim("edge", "a"), ClaimKnown::Unwatched);
        assert_eq!(ready.missing(), ["claims"]);
    }

    #[tokio::test]
    async fn events_are_followed_and_a_new_list_replaces_all() {
        let first = || {
            vec![
                Ok(Event::Init),
                Ok(Event::InitApply(claim("a", "x"))),
                Ok(Event::InitDone),
                Ok(Event::Apply(claim("b", "y"))),
                Ok(Event::Delete(claim("a", "x"))),
            ]
        };
        let (known, ready) = after(first()).await;
        assert_eq!(known.class_of_claim("edge", "a"), ClaimKnown::Missing);
        assert_eq!(known.class_of_claim("edge", "b"), ClaimKnown::Class("y"));
        assert!(ready.missing().is_empty());
        let mut events = first();
        events.extend([
            Ok(Event::Init),
            Ok(Event::InitApply(claim("c", "z"))),
            Ok(Event::InitDone),
        ]);
        let (known, _) = after(events).await;
        assert_eq!(known.class_of_claim("edge", "b"), ClaimKnown::Missing);
        assert_eq!(known.class_of_claim("edge", "c"), ClaimKnown::Class("z"));
    }

    #[tokio::test]
    async fn kind_that_is_not_served_has_no_objects() {
        let status = kube::core::Status::failure("404 page not found", "NotFound").with_code(404);
        let error = watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)));
        let (known, ready) = after(vec![Ok(Event::Init), Err(error)]).await;
        assert_eq!(known.class_of_claim("edge", "a"), ClaimKnown::Missing);
        assert!(ready.missing().is_empty());
    }
}

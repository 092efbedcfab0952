//! A watch from its first list to the end of the program.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use futures::{Stream, StreamExt};
use http::Request;
use kube::client::Body;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use crate::metrics::WatchMetrics;

/// Until a kind that was not served any longer is listed again, then twice as long, and so on: of a kind with many objects a
/// list is much work for the API server.
const LIST_AGAIN: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Namespace and name; without namespace of a node or volume.
pub type Key = (String, String);

/// What a watch tells.
#[derive(Debug, PartialEq, Eq)]
pub enum Change<V> {
    /// All there are: what is not among them is gone.
    All(BTreeMap<Key, V>),
    /// This one is so by now; `None` if it is gone, or nothing is kept of it.
    One(Key, Option<V>),
    /// The cluster does not know the kind. Of somebody's own kind there are none then; that Kubernetes' own are unknown is a
    /// fault of whoever answers. So it is not counted here.
    Unserved,
}

/// The same client, whose good answers are counted as signs of life: of a watch in which nothing happens, nothing else
/// is heard.
#[must_use]
pub fn heard_by(client: &Client, metrics: &WatchMetrics) -> Client {
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

/// Follows the objects of `api` for ever. Of each, `keep` says what is kept, and `tell` is told of it.
pub async fn for_ever<K, V>(
    api: Api<K>,
    config: watcher::Config,
    metrics: &WatchMetrics,
    keep: impl Fn(&K) -> Option<V>,
    mut tell: impl FnMut(Change<V>),
) where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut wait = LIST_AGAIN;
    loop {
        let began = Instant::now();
        let events = watch(api.clone(), config.clone()).default_backoff();
        follow(events, metrics, &keep, &mut tell).await;
        if began.elapsed() > LONGEST_WAIT {
            wait = LIST_AGAIN;
        }
        sleep(wait).await;
        wait = wait.saturating_mul(2).min(LONGEST_WAIT);
    }
}

/// Tells of every event, until only a new list can say what there is. A list is told as a whole.
pub async fn follow<K: ResourceExt, V>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    metrics: &WatchMetrics,
    keep: impl Fn(&K) -> Option<V>,
    mut tell: impl FnMut(Change<V>),
) {
    let mut fresh = BTreeMap::new();
    let mut told = String::new();
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => fresh = BTreeMap::new(),
            Ok(Event::InitApply(object)) => {
                if let Some(value) = keep(&object) {
                    fresh.insert(key_of(&object), value);
                }
            }
            Ok(Event::InitDone) => {
                tell(Change::All(std::mem::take(&mut fresh)));
                told.clear();
            }
            Ok(Event::Apply(object)) => {
                tell(Change::One(key_of(&object), keep(&object)));
                told.clear();
            }
            Ok(Event::Delete(object)) => {
                tell(Change::One(key_of(&object), None));
                told.clear();
            }
            Err(error) => {
                let broken = Broken::of(&error);
                match broken {
                    // It is asked again now and then.
                    Broken::NeverServed => tell(Change::Unserved),
                    Broken::Gone | Broken::ForNow => metrics.interrupted(),
                }
                let text = error.to_string();
                if told != text {
                    let resource = metrics.resource();
                    tracing::warn!(resource, error = text, "watch interrupted; tried again");
                    told = text;
                }
                if broken == Broken::Gone {
                    return;
                }
            }
        }
    }
}

fn key_of(object: &impl ResourceExt) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
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

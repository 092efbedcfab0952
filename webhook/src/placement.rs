//! The cluster as placement sees it, watched for a word on VMs that no node could ever hold, and for the node of claims that bind
//! at once. Networks and claims are known from here, too, so that nothing is watched twice.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use arc_swap::ArcSwap;
use kube::Client;
use tokio::time::interval;
use vmberth_cluster::AllWatches;
use vmberth_cluster::feed::{RESOURCES, feed};
use vmberth_decide::event::Event;
use vmberth_decide::index::Index;
use vmberth_decide::policy::Policy;
use vmberth_decide::surroundings::{ClaimKnown, NetworkKnown, Surroundings};
use vmberth_serve::ready::Condition;

/// The resource of networks, as the feed calls it.
pub const NETWORKS: &str = "network-attachment-definitions";
/// That of claims.
pub const CLAIMS: &str = "persistentvolumeclaims";

/// How often it is looked whether another policy is in force.
const LOOK: Duration = Duration::from_secs(1);

/// What is known of the cluster, and of which resources that is all.
#[derive(Debug, Default)]
pub struct Placement {
    index: RwLock<Index>,
    listed: Mutex<BTreeSet<&'static str>>,
}

/// The same during one review: nothing changes meanwhile.
#[derive(Debug)]
pub struct Seen<'p> {
    index: RwLockReadGuard<'p, Index>,
    listed: BTreeSet<&'static str>,
}

/// Keeps it up to date.
pub struct Follower {
    /// Where.
    pub placement: Arc<Placement>,
    /// Who watches.
    pub client: Client,
    /// What is counted of watches.
    pub watches: AllWatches,
    /// The policy in force.
    pub policy: Arc<ArcSwap<Policy>>,
    /// Resources without which no review is decided; each holds as soon as its first list is complete.
    pub awaited: Vec<(&'static str, Condition)>,
}

impl Placement {
    /// As it is now.
    pub fn seen(&self) -> Seen<'_> {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        Seen {
            listed: listed.clone(),
            index: self.index.read().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Something has happened.
    pub fn tell(&self, event: Event) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        index.apply(event);
    }

    /// All that there is of this resource was told.
    pub fn complete(&self, resource: &'static str) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.insert(resource);
    }

    /// The policy, without holds: what is free at this moment does not matter here, and to know it would cost.
    fn is_under(&self, policy: &Policy) {
        let policy = Policy {
            hold_seconds: 0,
            ..policy.clone()
        };
        self.tell(Event::Policy(Arc::new(policy)));
    }
}

impl Seen<'_> {
    /// The whole cluster, if that is all of it.
    #[must_use]
    pub fn whole(&self) -> Option<&Index> {
        let is_listed = |resource: &&str| self.listed.contains(*resource);
        RESOURCES.iter().all(is_listed).then_some(&*self.index)
    }
}

impl Surroundings for Seen<'_> {
    fn network(&self, namespace: &str, name: &str) -> NetworkKnown<'_> {
        if self.listed.contains(NETWORKS) {
            self.index.network(namespace, name)
        } else {
            NetworkKnown::Unwatched
        }
    }

    fn class_of_claim(&self, namespace: &str, name: &str) -> ClaimKnown<'_> {
        if self.listed.contains(CLAIMS) {
            self.index.class_of_claim(namespace, name)
        } else {
            ClaimKnown::Unwatched
        }
    }
}

impl Follower {
    /// Watches, for ever.
    pub async fn run(self) {
        let placement = &*self.placement;
        let listed = |resource| {
            placement.complete(resource);
            let mut awaited = self.awaited.iter();
            if let Some((_, condition)) = awaited.find(|(it, _)| *it == resource) {
                condition.set(true);
            }
        };
        let tell = |event| placement.tell(event);
        tokio::join!(
            feed(self.client, &self.watches, listed, tell),
            follow_policy(placement, &self.policy),
        );
    }
}

async fn follow_policy(placement: &Placement, policy: &ArcSwap<Policy>) {
    let mut timer = interval(LOOK);
    let mut told: Option<Arc<Policy>> = None;
    loop {
        timer.tick().await;
        let now = policy.load_full();
        if told.as_ref().is_none_or(|told| !Arc::ptr_eq(told, &now)) {
            placement.is_under(&now);
            told = Some(now);
        }
    }
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;
    use vmberth_decide::event::Network;
    use vmberth_serve::ready::Ready;

    use super::*;

    #[test]
    fn nothing_is_known_before_its_list_is_complete() {
        let placement = Placement::default();
        let network = Network {
            resource: Some("intel.com/vf".into()),
        };
        placement.tell(Event::Network(("edge".into(), "a".into()), Some(network)));
        assert_eq!(
            placement.seen().network("edge", "a"),
            NetworkKnown::Unwatched
        );
        placement.complete(NETWORKS);
        let seen = placement.seen();
        assert_eq!(
            seen.network("edge", "a"),
            NetworkKnown::Resource("intel.com/vf")
        );
        assert_eq!(seen.network("edge", "b"), NetworkKnown::Missing);
        assert_eq!(seen.class_of_claim("edge", "c"), ClaimKnown::Unwatched);
        assert!(seen.whole().is_none());
        drop(seen);
        for resource in RESOURCES {
            placement.complete(resource);
        }
        let seen = placement.seen();
        assert_eq!(seen.class_of_claim("edge", "c"), ClaimKnown::Missing);
        assert!(seen.whole().is_some());
    }

    /// Lists are empty, and nothing ever happens.
    fn quiet_cluster() -> Client {
        let answer = |request: Request<Body>| async move {
            if request.uri().to_string().contains("watch=") {
                std::future::pending::<()>().await;
            }
            let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1"}, "items": []});
            Ok::<_, Infallible>(Response::new(Body::from(list.to_string().into_bytes())))
        };
        Client::new(tower::service_fn(answer), "default")
    }

    #[tokio::test(start_paused = true)]
    async fn ready_with_the_lists_that_are_asked_for() {
        let (placement, ready) = (Arc::<Placement>::default(), Ready::default());
        let follower = Follower {
            placement: Arc::clone(&placement),
            client: quiet_cluster(),
            watches: AllWatches::new("test").unwrap(),
            policy: Arc::default(),
            awaited: vec![(NETWORKS, ready.condition("networks"))],
        };
        assert_eq!(ready.missing(), ["networks"]);
        let known = async {
            while placement.seen().whole().is_none() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = known => {}
            () = follower.run() => {}
        }
        assert!(placement.seen().whole().is_some());
        assert!(ready.missing().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn new_policy_is_known_within_a_second() {
        let placement = Placement::default();
        let policy = ArcSwap::from_pointee(Policy::default());
        let checked = async {
            tokio::time::sleep(LOOK / 2).await;
            let first = placement.seen().index.revision();
            tokio::time::sleep(LOOK * 10).await;
            assert_eq!(placement.seen().index.revision(), first);
            policy.store(Arc::default());
            tokio::time::sleep(LOOK).await;
            assert!(placement.seen().index.revision() > first);
        };
        tokio::select! {
            () = checked => {}
            () = follow_policy(&placement, &policy) => {}
        }
    }
}

use std::time::Duration;

use futures::{FutureExt, stream};
use prometheus::{Registry, TextEncoder};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::*;
use crate::fake::{ApiServer, Given};

/// Three watches and what came into them.
struct Seen {
    watches: Watches,
    state: Arc<ClusterState>,
    changed: Arc<Notify>,
    ready: Ready,
    registry: Registry,
}

impl Seen {
    fn nothing() -> Self {
        let (ready, registry, changed) =
            (Ready::default(), Registry::new(), Arc::new(Notify::new()));
        let metrics = Metrics::register(&registry).unwrap();
        let state = Arc::new(ClusterState::new("edge1", Arc::clone(&changed)));
        let watches = Watches::new(&state, &ready, &metrics);
        Self {
            watches,
            state,
            changed,
            ready,
            registry,
        }
    }

    async fn pods(&self, events: Vec<watcher::Result<Event<core::Pod>>>) {
        follow(stream::iter(events), &PODS, &self.watches.pods).await;
    }

    async fn nodes(&self, events: Vec<watcher::Result<Event<core::Node>>>) {
        follow(stream::iter(events), &NODES, &self.watches.node).await;
    }

    fn pod_names(&self) -> Vec<String> {
        self.state
            .snapshot()
            .pods
            .into_iter()
            .map(|it| it.name)
            .collect()
    }

    fn volume_names(&self) -> Vec<String> {
        self.state
            .snapshot()
            .volumes
            .into_iter()
            .map(|it| it.name)
            .collect()
    }

    /// True if the agent was woken since it was asked last.
    fn woken(&self) -> bool {
        self.changed.notified().now_or_never().is_some()
    }

    fn shows(&self, line: &str) -> bool {
        let page = TextEncoder::new().encode_to_string(&self.registry.gather());
        page.unwrap()
            .lines()
            .any(|it| it == format!("vmberth_exporter_{line}"))
    }

    /// Follows such an API server in the test's own time, until it came to this.
    async fn until(&self, api: &ApiServer, holds: impl Fn(&Self) -> bool) {
        let came = async {
            for _ in 0..100_000 {
                if holds(self) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("it never came to that: {:?}", self.state.snapshot());
        };
        let client = api.client();
        tokio::select! {
            () = self.watches.follow_volumes(&client) => panic!("volumes are followed for ever"),
            () = came => {}
        }
    }
}

fn pod(name: &str, phase: &str) -> core::Pod {
    let object =
        json!({"metadata": {"namespace": "edge", "name": name}, "status": {"phase": phase}});
    serde_json::from_value(object).unwrap()
}

fn node(hostname: &str, heartbeat: &str) -> core::Node {
    let labels = json!({"kubernetes.io/hostname": hostname});
    let ready = json!([{"type": "Ready", "status": "True", "lastHeartbeatTime": heartbeat}]);
    let object = json!({"metadata": {"name": "edge1", "uid": "u", "labels": labels}, "status": {"conditions": ready}});
    serde_json::from_value(object).unwrap()
}

fn volume(name: &str, hostname: &str, label: Option<&str>) -> Value {
    let labels = label.map(|node| json!({"vmberth.io/node": node}));
    let asks = json!([{"key": "kubernetes.io/hostname", "operator": "In", "values": [hostname]}]);
    json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": asks}]}}},
    })
}

fn listed(volumes: &[Value]) -> Given {
    (
        200,
        json!({"metadata": {"resourceVersion": "1"}, "items": volumes}),
    )
}

const IDLE: Given = (200, Value::Null);

#[tokio::test]
async fn nothing_is_known_before_the_list_is_complete() {
    let seen = Seen::nothing();
    let first = Ok(Event::InitApply(pod("a", "Running")));
    seen.pods(vec![Ok(Event::Init), first]).await;
    assert!(seen.pod_names().is_empty());
    assert_eq!(seen.ready.missing(), ["nodes", "persistentvolumes", "pods"]);
    seen.pods(vec![Ok(Event::Init), Ok(Event::InitDone)]).await;
    assert_eq!(seen.ready.missing(), ["nodes", "persistentvolumes"]);
}

#[tokio::test]
async fn heartbeats_of_the_node_wake_nobody() {
    let seen = Seen::nothing();
    seen.nodes(vec![Ok(Event::Apply(node("a", "2026-01-01T00:00:00Z")))])
        .await;
    assert!(seen.woken());
    seen.nodes(vec![Ok(Event::Apply(node("a", "2026-01-01T00:05:00Z")))])
        .await;
    assert!(!seen.woken());
    seen.nodes(vec![Ok(Event::Apply(node("b", "2026-01-01T00:10:00Z")))])
        .await;
    assert!(seen.woken());
}

#[tokio::test]
async fn interrupted_watch_keeps_what_was_known() {
    let seen = Seen::nothing();
    let gone = || Err(watcher::Error::NoResourceVersion);
    seen.pods(vec![Ok(Event::Apply(pod("a", "Running"))), gone(), gone()])
        .await;
    assert_eq!(seen.pod_names(), ["a"]);
    assert!(seen.shows("watch_failing{resource=\"pods\"} 1"));
    assert!(seen.shows("watch_interruptions_total{resource=\"pods\"} 2"));
}

#[tokio::test(start_paused = true)]
async fn volumes_are_those_with_our_label_or_our_hostname() {
    let seen = Seen::nothing();
    let all = [
        volume("foreign", "edge1.site", None),
        volume("elsewhere", "edge2.site", Some("edge2")),
        volume("ours", "edge1.old", Some("edge1")),
    ];
    let api = ApiServer::new(vec![listed(&all), IDLE]);
    seen.nodes(vec![Ok(Event::Apply(node(
        "edge1.site",
        "2026-01-01T00:00:00Z",
    )))])
    .await;
    seen.until(&api, |seen| !seen.volume_names().is_empty())
        .await;
    assert_eq!(seen.volume_names(), ["foreign", "ours"]);
    assert!(
        api.requests()[0].query.contains("limit=100"),
        "{:?}",
        api.requests()
    );
}

#[tokio::test(start_paused = true)]
async fn volumes_are_listed_when_the_hostname_is_known_and_again_when_it_changes() {
    let seen = Seen::nothing();
    let all = [volume("first", "a", None), volume("second", "b", None)];
    let api = ApiServer::new(vec![listed(&all), IDLE, listed(&all), IDLE]);
    let client = api.client();
    assert!(
        seen.watches
            .follow_volumes(&client)
            .now_or_never()
            .is_none()
    );
    assert!(api.requests().is_empty());
    let stages = async {
        for (hostname, expected) in [("a", "first"), ("b", "second")] {
            seen.nodes(vec![Ok(Event::Apply(node(
                hostname,
                "2026-01-01T00:00:00Z",
            )))])
            .await;
            while seen.volume_names() != [expected] {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    tokio::select! {
        () = seen.watches.follow_volumes(&client) => panic!("volumes are followed for ever"),
        ended = tokio::time::timeout(Duration::from_secs(60), stages) => ended.unwrap(),
    }
}

#[tokio::test(start_paused = true)]
async fn only_this_node_and_its_pods_are_asked_for() {
    let (seen, api) = (Seen::nothing(), ApiServer::silent());
    let client = api.client();
    let asked = async {
        while api.requests().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = seen.watches.follow(&client) => panic!("the cluster is followed for ever"),
        ended = tokio::time::timeout(Duration::from_secs(60), asked) => ended.unwrap(),
    }
    let asked = api.requests();
    let query = |line: &str| {
        asked
            .iter()
            .find(|it| it.line == line)
            .unwrap()
            .query
            .clone()
    };
    assert!(query("GET /api/v1/nodes").contains("fieldSelector=metadata.name%3Dedge1"));
    assert!(query("GET /api/v1/pods").contains("fieldSelector=spec.nodeName%3Dedge1"));
}

#[tokio::test(start_paused = true)]
async fn api_server_that_was_away_is_heard_again() {
    let seen = Seen::nothing();
    let refused = || {
        (
            500,
            json!({"kind": "Status", "code": 500, "message": "m", "reason": "InternalError"}),
        )
    };
    let api = ApiServer::new(vec![
        listed(&[volume("foreign", "a", None)]),
        refused(),
        refused(),
        IDLE,
    ]);
    seen.nodes(vec![Ok(Event::Apply(node("a", "2026-01-01T00:00:00Z")))])
        .await;
    let interrupted = |seen: &Seen| {
        seen.shows("watch_interruptions_total{resource=\"persistentvolumes\"} 2")
            && seen.shows("watch_failing{resource=\"persistentvolumes\"} 0")
    };
    seen.until(&api, interrupted).await;
    assert_eq!(seen.volume_names(), ["foreign"]);
}

proptest! {
    /// Whatever happens to pods in whatever order: what is known is what a fresh list says.
    #[test]
    fn replay_is_a_fresh_list(steps in prop::collection::vec((0..4_usize, 0..3_usize), 0..40)) {
        let phases = ["Pending", "Running", "Succeeded"];
        let mut there: BTreeMap<String, core::Pod> = BTreeMap::new();
        let mut events = vec![];
        for (name, what) in steps {
            let name = format!("p{name}");
            let now = pod(&name, phases[what]);
            // What has succeeded is deleted with the next step on it.
            let ended = there.get(&name).and_then(|it| it.status.as_ref()?.phase.as_deref()) == Some("Succeeded");
            if ended {
                events.push(Ok(Event::Delete(there.remove(&name).unwrap())));
            } else {
                there.insert(name, now.clone());
                events.push(Ok(Event::Apply(now)));
            }
        }
        let list = there.into_values().map(|it| Ok(Event::InitApply(it)));
        let list = [Ok(Event::Init)].into_iter().chain(list).chain([Ok(Event::InitDone)]).collect();
        let (replayed, fresh) = (Seen::nothing(), Seen::nothing());
        replayed.pods(events).now_or_never().unwrap();
        fresh.pods(list).now_or_never().unwrap();
        prop_assert_eq!(replayed.state.snapshot(), fresh.state.snapshot());
    }
}

mod any_order;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{FutureExt, Stream, stream};
use kube::ResourceExt;
use kube::runtime::watcher::Event;
use prometheus::{Registry, TextEncoder};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::*;
use crate::fake::{ApiServer, Given};

/// Watches and what came into them.
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

    async fn pods(&self, events: Vec<watcher::Result<Event<Pod>>>) {
        follow(stream::iter(events), &PODS, &self.watches.pods).await;
    }

    async fn nodes(&self, events: Vec<watcher::Result<Event<Node>>>) {
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

    /// Follows the volumes, for ever.
    async fn volumes(&self, client: &Client) {
        tokio::join!(
            self.watches.follow_own(client),
            self.watches.follow_others(client),
        );
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
            () = self.volumes(&client) => panic!("volumes are followed for ever"),
            () = came => {}
        }
    }
}

/// These events, as [`Sink::follow`] has them from the API server.
async fn follow<K: ResourceExt, V: PartialEq>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    kept: &Kept<K, V>,
    sink: &Sink,
) {
    let keep = |object: &K| (kept.value)(object, &sink.state);
    vmberth_cluster::follow(events, &sink.metrics, keep, |change| {
        sink.hear(kept, change)
    })
    .await;
}

fn pod(name: &str, phase: &str) -> Pod {
    let object =
        json!({"metadata": {"namespace": "edge", "name": name}, "status": {"phase": phase}});
    serde_json::from_value(object).unwrap()
}

fn node(hostname: &str, heartbeat: &str) -> Node {
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
    let volumes = ["persistentvolumes", "persistentvolumes_of_others"];
    assert_eq!(
        seen.ready.missing(),
        ["nodes", volumes[0], volumes[1], "pods"]
    );
    seen.pods(vec![Ok(Event::Init), Ok(Event::InitDone)]).await;
    assert_eq!(seen.ready.missing(), ["nodes", volumes[0], volumes[1]]);
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

/// Kubernetes' own kinds are always there: who says otherwise is not believed, and nothing is made of it.
#[tokio::test]
async fn api_server_that_knows_no_pods_has_not_told_that_there_are_none() {
    let seen = Seen::nothing();
    seen.pods(vec![Ok(Event::Apply(pod("a", "Running")))]).await;
    let status = kube::core::Status::failure("page not found", "NotFound").with_code(404);
    let error = watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)));
    seen.pods(vec![Ok(Event::Init), Err(error)]).await;
    assert_eq!(seen.pod_names(), ["a"]);
    assert!(seen.ready.missing().contains(&"pods"));
    assert!(seen.shows("watch_failing{resource=\"pods\"} 1"));
    assert!(seen.shows("watch_interruptions_total{resource=\"pods\"} 1"));
}

/// Two watches make one table; those with another node's label are not even asked for.
#[tokio::test(start_paused = true)]
async fn volumes_are_those_with_our_label_or_our_hostname() {
    let seen = Seen::nothing();
    let others = [
        volume("foreign", "edge1.site", None),
        volume("elsewhere", "edge2.site", None),
        json!({"metadata": {"name": "by-hand"}, "spec": {"hostPath": {"path": "/var/vd/vol3"}}}),
        json!({"metadata": {"name": "csi"}, "spec": {"csi": {"driver": "d", "volumeHandle": "h"}}}),
    ];
    let own = [volume("ours", "edge1.old", Some("edge1"))];
    let api = ApiServer::new(vec![listed(&own), listed(&others), IDLE, IDLE]);
    seen.nodes(vec![Ok(Event::Apply(node(
        "edge1.site",
        "2026-01-01T00:00:00Z",
    )))])
    .await;
    seen.until(&api, |seen| seen.ready.missing() == ["nodes", "pods"])
        .await;
    assert_eq!(seen.volume_names(), ["by-hand", "foreign", "ours"]);
    let asked = api.requests();
    for (asked, selector) in asked
        .iter()
        .zip(["vmberth.io%2Fnode%3Dedge1", "vmberth.io%2Fnode%21%3Dedge1"])
    {
        assert!(asked.query.contains("limit=100"), "{asked:?}");
        assert!(
            asked.query.contains(&format!("labelSelector={selector}")),
            "{asked:?}"
        );
    }
}

/// Of two watches of one table, neither takes away what the other one says, in whatever order they speak.
#[tokio::test]
async fn a_list_of_one_watch_keeps_the_volumes_of_the_other() {
    let seen = Seen::nothing();
    let object = |name, label| {
        let value = volume(name, "edge1.site", label);
        serde_json::from_value::<PersistentVolume>(value).unwrap()
    };
    seen.nodes(vec![Ok(Event::Apply(node(
        "edge1.site",
        "2026-01-01T00:00:00Z",
    )))])
    .await;
    let list = |name, label| {
        stream::iter(vec![
            Ok(Event::Init),
            Ok(Event::InitApply(object(name, label))),
            Ok(Event::InitDone),
        ])
    };
    let (own, others) = (&seen.watches.own, &seen.watches.others);
    follow(list("a", Some("edge1")), &VOLUMES, own).await;
    follow(list("b", None), &VOLUMES, others).await;
    follow(list("c", Some("edge1")), &VOLUMES, own).await;
    let mut names = seen.volume_names();
    names.sort();
    assert_eq!(names, ["b", "c"]);
    // Its label is taken away: the other watch may tell first.
    let gained = stream::iter(vec![Ok(Event::Apply(object("c", None)))]);
    follow(gained, &VOLUMES, others).await;
    let lost = stream::iter(vec![Ok(Event::Delete(object("c", Some("edge1"))))]);
    follow(lost, &VOLUMES, own).await;
    assert_eq!(seen.volume_names(), ["b", "c"]);
}

/// Of an upload, between two rounds.
#[tokio::test]
async fn scratch_space_is_remembered_when_cdi_is_done_with_it() {
    let seen = Seen::nothing();
    let pod = json!({
        "metadata": {
            "namespace": "edge", "name": "cdi-upload-db", "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app": "containerized-data-importer"},
        },
        "spec": {"containers": [], "volumes": [
            {"name": "cdi-scratch-vol", "persistentVolumeClaim": {"claimName": "db-scratch"}},
        ]},
    });
    let pod = || serde_json::from_value::<Pod>(pod.clone()).unwrap();
    let volume = async |phase: &str, uid: &str, mark: Option<&str>| {
        let object = json!({
            "metadata": {"name": "pv", "labels": {"vmberth.io/node": "edge1"},
                "annotations": mark.map(|mark| json!({"vmberth.io/claim-kind": mark}))},
            "spec": {"claimRef": {"namespace": "edge", "name": "db-scratch", "uid": uid}},
            "status": {"phase": phase, "lastPhaseTransitionTime": "2026-01-01T00:00:02Z"},
        });
        let event = Ok(Event::Apply(serde_json::from_value(object).unwrap()));
        follow(stream::iter(vec![event]), &VOLUMES, &seen.watches.own).await;
        let scratch = seen.state.snapshot().scratch;
        scratch.into_iter().collect::<Vec<_>>()
    };
    seen.pods(vec![Ok(Event::Apply(pod()))]).await;
    assert_eq!(volume("Bound", "first", None).await, ["first"]);
    seen.pods(vec![Ok(Event::Delete(pod()))]).await;
    assert_eq!(volume("Released", "first", None).await, ["first"]);
    let marked = volume("Released", "first", Some("scratch/first")).await;
    assert!(marked.is_empty(), "{marked:?}");

    seen.pods(vec![Ok(Event::Apply(pod()))]).await;
    assert_eq!(volume("Bound", "second", None).await, ["second"]);
    seen.pods(vec![Ok(Event::Init), Ok(Event::InitDone)]).await;
    assert_eq!(volume("Bound", "second", None).await, ["second"]);
    let of_another = volume("Bound", "third", None).await;
    assert!(of_another.is_empty(), "{of_another:?}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_no_label_is_not_asked_for() {
    let mut seen = Seen::nothing();
    let changed = Arc::clone(&seen.changed);
    seen.state = Arc::new(ClusterState::new(&"n".repeat(64), changed));
    seen.ready = Ready::default();
    let metrics = Metrics::register(&Registry::new()).unwrap();
    seen.watches = Watches::new(&seen.state, &seen.ready, &metrics);
    let api = ApiServer::silent();
    seen.watches.follow_own(&api.client()).await;
    assert!(api.requests().is_empty());
    let missing = ["nodes", "persistentvolumes_of_others", "pods"];
    assert_eq!(seen.ready.missing(), missing);
}

#[tokio::test(start_paused = true)]
async fn volumes_are_listed_when_the_hostname_is_known_and_again_when_it_changes() {
    let seen = Seen::nothing();
    let all = [volume("first", "a", None), volume("second", "b", None)];
    let api = ApiServer::new(vec![listed(&all), IDLE]);
    let client = api.client();
    let follow = || seen.watches.follow_others(&client);
    assert!(follow().now_or_never().is_none());
    assert!(api.requests().is_empty());
    let known = || {
        !seen
            .ready
            .missing()
            .contains(&"persistentvolumes_of_others")
    };
    let until = async |holds: &dyn Fn() -> bool| {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let is = async |hostname| {
        let node = node(hostname, "2026-01-01T00:00:00Z");
        seen.nodes(vec![Ok(Event::Apply(node))]).await;
    };
    let stages = async {
        is("a").await;
        until(&|| seen.volume_names() == ["first"]).await;
        assert!(known());
        is("b").await;
        // No answer yet: what is known is of the old hostname.
        until(&|| !known()).await;
        api.then(listed(&all));
        api.then(IDLE);
    };
    tokio::select! {
        () = follow() => panic!("volumes are followed for ever"),
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
    let resource = "{resource=\"persistentvolumes_of_others\"}";
    let interrupted = async {
        while !(seen.shows(&format!("watch_interruptions_total{resource} 2"))
            && seen.shows(&format!("watch_failing{resource} 0")))
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let client = api.client();
    tokio::select! {
        () = seen.watches.follow_others(&client) => panic!("volumes are followed for ever"),
        ended = tokio::time::timeout(Duration::from_secs(600), interrupted) => ended.unwrap(),
    }
    assert_eq!(seen.volume_names(), ["foreign"]);
}

proptest! {
    /// Whatever happens to pods in whatever order: what is known is what a fresh list says.
    #[test]
    fn replay_is_a_fresh_list(steps in prop::collection::vec((0..4_usize, 0..3_usize), 0..40)) {
        let phases = ["Pending", "Running", "Succeeded"];
        let mut there: BTreeMap<String, Pod> = BTreeMap::new();
        let mut events = vec![];
        for (name, what) in steps {
            let name = format!("p{name}");
            let now = pod(&name, phases[what]);
            // What has succeeded is deleted with the next step on it.
            let ended = there.get(&name).and_then(|it| Some(it.status.as_ref()?.phase.as_str())) == Some("Succeeded");
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

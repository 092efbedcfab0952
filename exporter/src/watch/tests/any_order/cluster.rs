//! The objects of a cluster, and one agent's watches of them, which tell late.

use std::collections::VecDeque;

use futures::channel::mpsc;
use futures::future::LocalBoxFuture;

use super::super::*;
use super::machine::{path_of, uid_of};

#[derive(Debug, Clone)]
pub(super) struct PodIs {
    pub(super) phase: &'static str,
    pub(super) claim: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(super) struct VolumeIs {
    pub(super) place: u8,
    pub(super) label: Option<&'static str>,
    pub(super) hostname: Option<&'static str>,
    pub(super) phase: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Watched {
    Node,
    Pods,
    Own,
    Others,
}

/// The objects of the cluster, as they are now.
#[derive(Debug, Clone, Default)]
pub(super) struct Truth {
    node: Option<Node>,
    pods: BTreeMap<u8, Pod>,
    volumes: BTreeMap<u8, PersistentVolume>,
}

/// One watch: what it is about to tell, and who listens.
struct Line<'a, K> {
    waiting: VecDeque<watcher::Result<Event<K>>>,
    tell: mpsc::UnboundedSender<watcher::Result<Event<K>>>,
    listener: LocalBoxFuture<'a, ()>,
}

impl<'a, K> Line<'a, K>
where
    K: Resource + Clone + Debug + DeserializeOwned + 'a,
{
    fn new<V: PartialEq>(kept: &'a Kept<K, V>, sink: &'a Sink) -> Self {
        let (tell, events) = mpsc::unbounded();
        Self {
            waiting: VecDeque::new(),
            tell,
            listener: follow(events, kept, sink).boxed_local(),
        }
    }

    fn changed(&mut self, was: Option<K>, now: Option<K>) {
        let event = now.map(Event::Apply).or_else(|| was.map(Event::Delete));
        self.waiting.extend(event.map(Ok));
    }

    fn again(&mut self, list: impl Iterator<Item = K>) {
        let list = list.map(|object| Ok(Event::InitApply(object)));
        let broken = [Err(watcher::Error::NoResourceVersion), Ok(Event::Init)];
        self.waiting = broken.into_iter().chain(list).collect();
        self.waiting.push_back(Ok(Event::InitDone));
    }

    /// False if there was nothing to tell.
    fn hear(&mut self) -> bool {
        let event = self.waiting.pop_front();
        event.is_some_and(|event| {
            self.tell.unbounded_send(event).unwrap();
            let ended = (&mut self.listener).now_or_never();
            assert!(ended.is_none(), "a watch is followed for ever");
            true
        })
    }
}

/// The cluster, and one agent's watches of it.
pub(super) struct Lines<'a> {
    seen: &'a Seen,
    pub(super) truth: Truth,
    node: Line<'a, Node>,
    pods: Line<'a, Pod>,
    own: Line<'a, PersistentVolume>,
    /// From when the hostname is known.
    others: Option<Line<'a, PersistentVolume>>,
    hostname: tokio::sync::watch::Receiver<Option<String>>,
}

impl<'a> Lines<'a> {
    /// Of an agent that begins now.
    pub(super) fn new(seen: &'a Seen, truth: Truth) -> Self {
        let mut lines = Self {
            seen,
            truth,
            node: Line::new(&NODES, &seen.watches.node),
            pods: Line::new(&PODS, &seen.watches.pods),
            own: Line::new(&VOLUMES, &seen.watches.own),
            others: None,
            hostname: seen.state.hostname(),
        };
        for watched in [Watched::Node, Watched::Pods, Watched::Own] {
            lines.again(watched);
        }
        lines
    }

    /// The watch breaks off and lists anew; what it did not tell is in the list.
    pub(super) fn again(&mut self, watched: Watched) {
        let volumes = self.truth.volumes.values().cloned();
        match watched {
            Watched::Node => self.node.again(self.truth.node.iter().cloned()),
            Watched::Pods => self.pods.again(self.truth.pods.values().cloned()),
            Watched::Own => self.own.again(volumes.filter(is_own)),
            Watched::Others => {
                if let Some(others) = &mut self.others {
                    others.again(volumes.filter(|volume| !is_own(volume)));
                }
            }
        }
    }

    /// One event, if there is one. With another hostname others' volumes are listed anew, as [`Watches::follow_others`]
    /// does.
    pub(super) fn hear(&mut self, watched: Watched) -> bool {
        let heard = match watched {
            Watched::Node => self.node.hear(),
            Watched::Pods => self.pods.hear(),
            Watched::Own => self.own.hear(),
            Watched::Others => self.others.as_mut().is_some_and(Line::hear),
        };
        if self.hostname.has_changed().unwrap() {
            self.hostname.mark_unchanged();
            self.others = Some(Line::new(&VOLUMES, &self.seen.watches.others));
            self.again(Watched::Others);
        }
        heard
    }

    pub(super) fn hear_all(&mut self) {
        let all = [Watched::Others, Watched::Own, Watched::Pods, Watched::Node];
        while all.into_iter().filter(|it| self.hear(*it)).count() > 0 {}
    }

    pub(super) fn node(&mut self, now: Option<(Option<&'static str>, u64)>) {
        let now = now.map(|(hostname, pages)| node_of(hostname, pages));
        let was = std::mem::replace(&mut self.truth.node, now.clone());
        self.node.changed(was, now);
    }

    pub(super) fn pod(&mut self, number: u8, now: Option<&PodIs>) {
        let now = now.map(|pod| pod_of(number, pod));
        let was = put(&mut self.truth.pods, number, now.clone());
        self.pods.changed(was, now);
    }

    pub(super) fn volume(&mut self, number: u8, now: Option<&VolumeIs>) {
        let now = now.map(|volume| volume_of(number, volume));
        let was = put(&mut self.truth.volumes, number, now.clone());
        let others = |volume: &PersistentVolume| !is_own(volume);
        self.own
            .changed(was.clone().filter(is_own), now.clone().filter(is_own));
        if let Some(line) = &mut self.others {
            line.changed(was.filter(others), now.filter(others));
        }
    }
}

fn put<K>(table: &mut BTreeMap<u8, K>, number: u8, now: Option<K>) -> Option<K> {
    match now {
        Some(now) => table.insert(number, now),
        None => table.remove(&number),
    }
}

/// As the selector of the watch says.
fn is_own(volume: &PersistentVolume) -> bool {
    volume.labels().get(names::NODE_LABEL).map(String::as_str) == Some("edge1")
}

fn object<K: DeserializeOwned>(json: Value) -> K {
    serde_json::from_value(json).unwrap()
}

fn node_of(hostname: Option<&str>, pages: u64) -> Node {
    let labels = hostname.map(|it| json!({"kubernetes.io/hostname": it}));
    let amounts = json!({"hugepages-2Mi": format!("{}Mi", 2 * pages)});
    object(json!({
        "metadata": {"name": "edge1", "uid": "u", "labels": labels},
        "status": {"capacity": amounts, "allocatable": amounts},
    }))
}

fn pod_of(number: u8, pod: &PodIs) -> Pod {
    let volumes = pod
        .claim
        .map(|it| json!([{"name": "disk", "persistentVolumeClaim": {"claimName": it}}]));
    object(json!({
        "metadata": {
            "namespace": "edge", "name": format!("p{number}"), "uid": uid_of(number),
            "labels": {"kubevirt.io": "virt-launcher", "vm.kubevirt.io/name": format!("vm{number}")},
        },
        "spec": {"containers": [], "volumes": volumes},
        "status": {"phase": pod.phase},
    }))
}

fn volume_of(number: u8, volume: &VolumeIs) -> PersistentVolume {
    let labels = volume.label.map(|it| json!({"vmberth.io/node": it}));
    let claim = (volume.phase != "Available").then(|| {
        let name = format!("c{}", number % 2);
        json!({"namespace": "edge", "name": name, "uid": "claim"})
    });
    let path = json!({"path": path_of(volume.place)});
    let mut spec = json!({
        "storageClassName": "local-vd", "capacity": {"storage": "1Gi"}, "claimRef": claim,
    });
    match volume.hostname {
        Some(hostname) => {
            let asks =
                json!([{"key": "kubernetes.io/hostname", "operator": "In", "values": [hostname]}]);
            let terms = json!([{"matchExpressions": asks}]);
            spec["local"] = path;
            spec["nodeAffinity"] = json!({"required": {"nodeSelectorTerms": terms}});
        }
        None => spec["hostPath"] = path,
    }
    object(json!({
        "metadata": {
            "name": format!("pv{number}"), "uid": format!("pv-uid-{number}"), "labels": labels,
            "annotations": {
                "pv.kubernetes.io/provisioned-by": "vmberth.io/exporter", "vmberth.io/node-uid": "u",
            },
        },
        "spec": spec,
        "status": {"phase": volume.phase},
    }))
}

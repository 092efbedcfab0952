use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::VecDeque;

use http::{Request, Response};
use kube::client::Body;
use prometheus::{Registry, TextEncoder};
use rstest::rstest;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use vmberth_decide::fit::counted::Counted;

use super::*;

const POOL: &str = "intel.com/intel_sriov_vm";

fn read<T: DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).unwrap()
}

fn launcher(phase: &str, owner: &str, requests: &Value) -> Option<vmberth_decide::event::Pod> {
    core::pod(&read(json!({
        "metadata": {
            "name": "p", "labels": {"kubevirt.io": "virt-launcher"},
            "annotations": {"kubevirt.io/ephemeral-provisioning": "true"},
            "ownerReferences": [{"apiVersion": "kubevirt.io/v1", "kind": owner, "name": "vm1", "uid": "u", "controller": true}],
        },
        "spec": {"nodeName": "edge-1", "containers": [{"name": "compute", "resources": {"requests": requests}}]},
        "status": {"phase": phase},
    })))
}

#[test]
fn launcher_is_of_the_vm_that_its_instance_is_called_after() {
    let requests =
        json!({POOL: "2", "hugepages-1Gi": "4Gi", "devices.kubevirt.io/kvm": "1", "cpu": "1"});
    let pod = launcher("Running", "VirtualMachineInstance", &requests).unwrap();
    assert_eq!(pod.vm.as_deref(), Some("vm1"));
    assert_eq!(pod.node.as_deref(), Some("edge-1"));
    assert!(pod.is_provisioning);
    let told: BTreeMap<String, u64> = pod
        .requests
        .iter()
        .map(|(of, amount)| (of.to_string(), *amount))
        .collect();
    let vfs = Counted::Vfs(POOL.into()).to_string();
    let expected = [(vfs, 2), ("huge pages of 1Gi".to_owned(), 4)];
    assert_eq!(told, BTreeMap::from(expected));
}

#[test]
fn pod_that_fills_a_disk_tells_where_it_will_be() {
    let pod = core::pod(&read(json!({
        "metadata": {
            "name": "importer-disk",
            "labels": {"app": "containerized-data-importer", "cdi.kubevirt.io": "importer"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": "disk", "uid": "u", "controller": true}],
            "managedFields": [
                {"manager": "cdi-controller", "time": "1970-01-01T00:00:09Z", "fieldsV1": {"f:spec": {}}},
                {"manager": "kube-scheduler", "time": "1970-01-01T00:00:07Z", "subresource": "status",
                    "fieldsV1": {"f:status": {"f:nominatedNodeName": {}}}},
            ],
        },
        "spec": {},
        "status": {"phase": "Pending", "nominatedNodeName": "edge-1"},
    })));
    let expected = vmberth_decide::event::Pod {
        nominated: Some("edge-1".into()),
        nominated_since: Some(7),
        fills: Some("disk".into()),
        ..vmberth_decide::event::Pod::default()
    };
    assert_eq!(pod, Some(expected));
}

#[rstest]
#[case::ended("Succeeded", "VirtualMachineInstance", json!({POOL: "2"}))]
#[case::failed("Failed", "VirtualMachineInstance", json!({POOL: "2"}))]
#[case::of_no_vm_and_with_nothing("Running", "ReplicaSet", json!({"cpu": "1", POOL: "0"}))]
fn pods_of_which_nothing_is_kept(
    #[case] phase: &str,
    #[case] owner: &str,
    #[case] requests: Value,
) {
    assert_eq!(launcher(phase, owner, &requests), None);
}

fn volume(
    phase: &str,
    claim: &Value,
    hostname: Option<&str>,
) -> Option<vmberth_decide::event::Volume> {
    let affinity = hostname.map(|hostname| {
        json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [hostname]}]}]}})
    });
    storage::volume(&read(json!({
        "metadata": {"name": "v", "labels": {"vmberth.io/node": "edge-1"}},
        "spec": {
            "capacity": {"storage": "16Gi"}, "storageClassName": "local-vd", "accessModes": ["ReadWriteOnce"],
            "claimRef": claim, "nodeAffinity": affinity,
        },
        "status": {"phase": phase, "lastPhaseTransitionTime": "1970-01-01T00:01:40Z"},
    })))
}

#[test]
fn volumes_are_free_or_somebodys_or_given_back() {
    let claim = json!({"namespace": "edge", "name": "disk", "uid": "u"});
    let free = volume("Available", &Value::Null, Some("edge-1")).unwrap();
    assert!(free.is_free && free.claim.is_none() && free.since.is_none());
    assert_eq!((free.bytes, free.labels.len()), (16 << 30, 1));
    let set_aside = volume("Available", &claim, Some("edge-1")).unwrap();
    assert!(!set_aside.is_free && set_aside.claim.is_some());
    let bound = volume("Bound", &claim, Some("edge-1")).unwrap();
    assert_eq!((bound.since, bound.labels.len()), (Some(100), 0));
    assert_eq!(bound.claim, Some(("edge".into(), "disk".into())));
    let released = volume("Released", &claim, Some("edge-1")).unwrap();
    assert!(!released.is_free && released.claim.is_none());
    // Of no node: a claim could have it anywhere.
    assert!(
        volume("Available", &Value::Null, None)
            .unwrap()
            .hostnames
            .is_empty()
    );
    assert_eq!(volume("Bound", &claim, None), None);
}

#[rstest]
#[case::upload(json!({"cdi.kubevirt.io/storage.upload.target": ""}), true)]
#[case::http(json!({"cdi.kubevirt.io/storage.import.source": "http"}), true)]
#[case::registry(json!({"cdi.kubevirt.io/storage.import.source": "registry"}), true)]
#[case::registry_by_the_node(json!({"cdi.kubevirt.io/storage.import.source": "registry", "cdi.kubevirt.io/storage.import.registryImportMethod": "node"}), false)]
#[case::archive(json!({"cdi.kubevirt.io/storage.import.source": "s3", "cdi.kubevirt.io/storage.contentType": "archive"}), true)]
#[case::said_beforehand(json!({"cdi.kubevirt.io/storage.import.requiresScratch": "true"}), true)]
#[case::filled(json!({"cdi.kubevirt.io/storage.upload.target": "", "cdi.kubevirt.io/storage.pod.phase": "Succeeded"}), false)]
#[case::blank(json!({"cdi.kubevirt.io/storage.import.source": "none"}), false)]
#[case::plain(json!({}), false)]
fn scratch(#[case] annotations: Value, #[case] expected: bool) {
    let claim = storage::claim(&read(json!({
        "metadata": {"name": "c", "annotations": annotations},
        "spec": {
            "storageClassName": "local-vd", "volumeMode": "Block", "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "15Gi"}},
            "selector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]},
        },
    })));
    assert_eq!(claim.needs_scratch, expected);
    let selector = claim.selector.unwrap();
    assert_eq!(
        (
            selector.match_labels.len(),
            selector.match_expressions.len()
        ),
        (1, 1)
    );
    assert_eq!((claim.bytes, claim.volume), (15 << 30, None));
}

#[rstest]
#[case::named(json!({"vmberth.io/profile": " fast "}), Some("fast"))]
#[case::others(json!({"example.org/profile": "fast"}), None)]
#[case::none(Value::Null, None)]
fn only_namespaces_that_name_a_profile_are_kept(
    #[case] annotations: Value,
    #[case] expected: Option<&str>,
) {
    let kept = storage::namespace(&read(json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
        "metadata": {"name": "edge", "annotations": annotations},
    })));
    assert_eq!(kept.map(|it| it.profile).as_deref(), expected);
}

#[test]
fn scratch_class_is_what_cdi_says_it_is() {
    let config = |status: Value| {
        let object = json!({"apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "CDIConfig", "metadata": {"name": "config"}, "status": status});
        storage::scratch_class(&read(object))
    };
    let class = config(json!({"scratchSpaceStorageClass": "ceph"}));
    assert_eq!(class.as_deref(), Some("ceph"));
    assert_eq!(config(json!({"scratchSpaceStorageClass": ""})), None);
    assert_eq!(config(json!(null)), None);
}

#[test]
fn machines_and_instances_want_to_run_until_they_are_deleted_or_over() {
    let machine = |deleted: Value| {
        machines::machine(&read(json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
            "metadata": {"namespace": "edge", "name": "vm1", "deletionTimestamp": deleted},
            "spec": {"runStrategy": "Always", "template": {"spec": {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "disk"}}]}}},
        })))
    };
    let now = machine(Value::Null).unwrap();
    assert!(now.wants_to_run && now.claims.contains("disk"));
    assert!(!machine(json!("1970-01-01T00:01:40Z")).unwrap().wants_to_run);
    let instance = |phase: &str| {
        machines::instance(&read(json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
            "metadata": {"namespace": "edge", "name": "vm1"},
            "spec": {}, "status": {"phase": phase},
        })))
    };
    assert!(instance("Scheduling").unwrap().wants_to_run);
    assert!(!instance("Succeeded").unwrap().wants_to_run);
    // Nothing is guessed of what can't be read.
    let broken = json!({"apiVersion": "v1", "kind": "x", "metadata": {"name": "x"}, "spec": 5});
    assert_eq!(machines::machine(&read(broken)), None);
}

#[test]
fn nodes_with_what_they_can_do_and_have_for_pods() {
    let node = core::node(&read(json!({
        "metadata": {"name": "edge-1", "labels": {
            "kubernetes.io/hostname": "edge-1", "cpu-model.node.kubevirt.io/EPYC": "true",
        }},
        "status": {"allocatable": {"cpu": "3900m", "memory": "7936Mi"}},
    })))
    .unwrap();
    assert_eq!((&*node.hostname, node.labels.len()), ("edge-1", 1));
    assert_eq!(node.label("cpu-model.node.kubevirt.io/EPYC"), Some("true"));
    assert_eq!(node.label("cpu-model.node.kubevirt.io/Haswell"), None);
    assert_eq!(node.room.milli_cpus, Some(3_900));
    assert_eq!(node.room.memory, Some(7_936 << 20));
}

#[test]
fn clock_of_an_instance_is_asked_of_its_node() {
    let instance = |status: Value| {
        machines::instance(&read(json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
            "metadata": {"namespace": "edge", "name": "vm1"}, "spec": {}, "status": status,
        })))
    };
    let chosen = instance(json!({"topologyHints": {"tscFrequency": 2_400_000_000_u64}}));
    assert_ne!(chosen, instance(json!({})));
}

/// An API server that answers lists of nodes with these names, one list after the other, and lets no watch live.
fn cluster_of(lists: &[&[&str]]) -> Client {
    let list = |names: &&[&str]| {
        let items: Vec<Value> = names
            .iter()
            .map(|name| json!({"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}}))
            .collect();
        json!({"kind": "NodeList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items})
    };
    let lists: VecDeque<Value> = lists.iter().map(list).collect();
    let lists = Arc::new(std::sync::Mutex::new(lists));
    let service = tower::service_fn(move |request: Request<Body>| {
        let is_watch = request
            .uri()
            .query()
            .is_some_and(|it| it.contains("watch="));
        let list = (!is_watch)
            .then(|| lists.lock().unwrap().pop_front())
            .flatten();
        async move {
            let gone = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "gone", "reason": "NotFound", "code": 404});
            let (code, body) = list.map_or((404, gone), |list| (200, list));
            let answer = Response::builder().status(code);
            Ok::<_, tower::BoxError>(
                answer
                    .body(Body::from(body.to_string().into_bytes()))
                    .unwrap(),
            )
        }
    });
    Client::new(service, "default")
}

/// What a list does not name any longer is gone; so is everything of a kind that is not served any longer.
#[tokio::test(start_paused = true)]
async fn lists_are_told_as_what_came_and_went() {
    let registry = Registry::new();
    let watches = AllWatches::new("test").unwrap();
    for collector in watches.collectors() {
        registry.register(collector).unwrap();
    }
    let heard: RefCell<Vec<String>> = RefCell::default();
    let told = Listener {
        listed: |resource: &'static str| heard.borrow_mut().push(format!("all {resource}")),
        sink: |event| {
            let Event::Node(name, node) = event else {
                unreachable!()
            };
            let sign = if node.is_some() { '+' } else { '-' };
            heard.borrow_mut().push(format!("{sign}{name}"));
        },
    };
    let api = Api::<Node>::all(cluster_of(&[&["a", "b"], &["b", "c"]]));
    let metrics = watches.of(NODES);
    let follow = told.of(
        api,
        watcher::Config::default(),
        &metrics,
        core::node,
        |key, node| Event::Node(key.1.into(), node),
    );
    let limit = std::time::Duration::from_secs(30);
    assert!(tokio::time::timeout(limit, follow).await.is_err());
    let heard = heard.borrow();
    let expected = [
        "+a",
        "+b",
        "all nodes",
        "-a",
        "+b",
        "+c",
        "all nodes",
        "-b",
        "-c",
        "all nodes",
    ];
    assert_eq!(heard[..expected.len()], expected);
    assert!(
        TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap()
            .contains("test_watch_failing")
    );
}

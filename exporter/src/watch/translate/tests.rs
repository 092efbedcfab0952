use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn pod_of(spec: &Value, status: &Value, labels: &Value) -> Pod {
    let metadata = json!({"namespace": "edge", "name": "p", "uid": "u", "labels": labels});
    let object = json!({"metadata": metadata, "spec": spec, "status": status});
    pod(&serde_json::from_value(object).unwrap())
}

fn status(phase: &str, containers: &Value, init: &Value) -> Value {
    json!({"phase": phase, "containerStatuses": containers, "initContainerStatuses": init})
}

fn container(name: &str, state: &str) -> Value {
    json!([{"name": name, "image": "i", "imageID": "", "ready": true, "restartCount": 0, "state": {state: {}}}])
}

/// A terminated state needs its exit code.
fn ended(name: &str) -> Value {
    json!([{"name": name, "image": "i", "imageID": "", "ready": true, "restartCount": 0, "state": {"terminated": {"exitCode": 0}}}])
}

#[rstest]
#[case::not_seen_by_the_kubelet_yet(json!({}), true, false)]
#[case::pending(status("Pending", &json!([]), &json!([])), true, false)]
#[case::runs(status("Running", &container("c", "running"), &ended("i")), false, false)]
#[case::waits(status("Running", &container("c", "waiting"), &json!([])), true, false)]
#[case::init_runs(
    status("Running", &container("c", "running"), &container("i", "running")),
    true,
    false
)]
#[case::sidecar_runs(
    status("Running", &container("c", "running"), &container("s", "running")),
    false,
    false
)]
#[case::sidecar_waits(
    status("Running", &container("c", "running"), &container("s", "waiting")),
    true,
    false
)]
#[case::succeeded(status("Succeeded", &ended("c"), &json!([])), false, true)]
#[case::failed(status("Failed", &container("c", "waiting"), &json!([])), false, true)]
fn starting_and_ended(#[case] status: Value, #[case] starting: bool, #[case] ended: bool) {
    let spec = json!({
        "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}],
        "containers": [{"name": "c"}],
    });
    let pod = pod_of(&spec, &status, &json!({}));
    assert_eq!((pod.starting, pod.ended), (starting, ended));
}

#[rstest]
#[case::launcher(json!({"kubevirt.io": "virt-launcher", "vm.kubevirt.io/name": "vm1"}), Some("vm1"))]
#[case::hotplug(json!({"kubevirt.io": "hotplug-disk", "vm.kubevirt.io/name": "vm1"}), None)]
#[case::other(json!({"app": "x"}), None)]
fn machine_of_a_launcher(#[case] labels: Value, #[case] machine: Option<&str>) {
    let pod = pod_of(&json!({"containers": []}), &json!({}), &labels);
    assert_eq!(pod.machine.as_deref(), machine);
}

fn wants(resource: &str, amount: &str) -> Value {
    json!({"requests": {resource: amount, "cpu": "1", "memory": "1Gi"}})
}

#[test]
fn requests_are_counted_as_the_scheduler_does() {
    let spec = json!({
        "initContainers": [
            {"name": "large", "resources": wants("hugepages-2Mi", "8Mi")},
            {"name": "sidecar", "restartPolicy": "Always", "resources": wants("hugepages-2Mi", "2Mi")},
            {"name": "beside", "resources": wants("intel.com/vf", "3")},
        ],
        "containers": [
            {"name": "a", "resources": wants("hugepages-2Mi", "2Mi")},
            {"name": "b", "resources": wants("intel.com/vf", "2")},
            {"name": "c"},
        ],
    });
    let requests = pod_of(&spec, &json!({}), &json!({})).requests;
    let expected = [("hugepages-2Mi", 8 << 20), ("intel.com/vf", 3)];
    assert_eq!(
        requests,
        expected.map(|(name, it)| (name.to_owned(), it)).into()
    );
}

#[test]
fn claims_are_named_or_live_with_the_pod() {
    let spec = json!({"containers": [], "volumes": [
        {"name": "disk", "persistentVolumeClaim": {"claimName": "vm1-disk"}},
        {"name": "tmp", "ephemeral": {}},
        {"name": "other", "emptyDir": {}},
    ]});
    let claims = pod_of(&spec, &json!({}), &json!({})).claims;
    assert_eq!(claims, ["p-tmp".to_owned(), "vm1-disk".to_owned()].into());
}

/// CDI 1.65: pkg/controller/{import,upload,clone}-controller.go.
#[rstest]
#[case::importer_with_scratch(json!([
    {"name": "cdi-data-vol", "persistentVolumeClaim": {"claimName": "db"}},
    {"name": "cdi-scratch-vol", "persistentVolumeClaim": {"claimName": "db-scratch"}},
]), &["db-scratch"])]
#[case::upload_to_what_is_named_so(json!([
    {"name": "cdi-data-vol", "persistentVolumeClaim": {"claimName": "db-scratch"}},
]), &[])]
#[case::source_of_a_clone_that_is_named_so(json!([
    {"name": "cdi-data-vol", "persistentVolumeClaim": {"claimName": "db-scratch", "readOnly": true}},
]), &[])]
fn scratch_is_what_cdi_mounts_as_such(#[case] volumes: Value, #[case] expected: &[&str]) {
    let pod = pod_of(
        &json!({"containers": [], "volumes": volumes}),
        &json!({}),
        &json!({"app": "containerized-data-importer"}),
    );
    let found: Vec<&str> = pod.scratch.iter().map(String::as_str).collect();
    assert_eq!(found, expected);
    assert!(pod.claims.contains("db-scratch"));
}

#[test]
fn pod_has_the_time_of_its_creation() {
    let created = |time: &Value| {
        let object = json!({"metadata": {"name": "p", "creationTimestamp": time}});
        pod(&serde_json::from_value(object).unwrap()).created
    };
    let time = json!("2026-01-01T00:00:00Z");
    assert_eq!(created(&time), Some(Moment(1_767_225_600)));
    assert_eq!(created(&Value::Null), None);
}

#[test]
fn node_has_its_label_and_its_devices() {
    let object = json!({
        "metadata": {"name": "edge1", "uid": "u", "labels": {"kubernetes.io/hostname": "edge1.site"}},
        "status": {
            "capacity": {"cpu": "8", "hugepages-1Gi": "4Gi", "intel.com/vf": "8"},
            "allocatable": {"memory": "7Gi", "hugepages-1Gi": "4Gi", "intel.com/vf": "0", "pods": "110"},
        },
    });
    let node = node(&serde_json::from_value(object).unwrap());
    assert_eq!(node.hostname.as_deref(), Some("edge1.site"));
    assert_eq!(
        node.capacity,
        [
            ("hugepages-1Gi".to_owned(), 4 << 30),
            ("intel.com/vf".to_owned(), 8)
        ]
        .into()
    );
    assert_eq!(
        node.allocatable,
        [
            ("hugepages-1Gi".to_owned(), 4 << 30),
            ("intel.com/vf".to_owned(), 0)
        ]
        .into()
    );
}

#[test]
fn volume_is_read_whole() {
    let object = json!({
        "metadata": {
            "name": "pv", "uid": "u", "resourceVersion": "7", "deletionTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"vmberth.io/node": "edge1"}, "annotations": {"vmberth.io/keep": "true"},
        },
        "spec": {
            "capacity": {"storage": "17072495002"}, "storageClassName": "local-vd", "local": {"path": "/var/vd/vol0"},
            "claimRef": {"namespace": "edge", "name": "disk", "uid": "c"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "kubernetes.io/hostname", "operator": "In", "values": ["a", "b"]},
                {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["c"]},
                {"key": "zone", "operator": "In", "values": ["d"]},
            ]}]}},
        },
        "status": {"phase": "Released", "lastPhaseTransitionTime": "2026-01-01T00:00:00Z"},
    });
    let volume = volume(&serde_json::from_value(object).unwrap());
    let claim = ClaimRef {
        namespace: "edge".to_owned(),
        name: "disk".to_owned(),
        uid: "c".to_owned(),
    };
    let expected = PersistentVolume {
        name: "pv".to_owned(),
        uid: "u".to_owned(),
        resource_version: "7".to_owned(),
        labels: [("vmberth.io/node".to_owned(), "edge1".to_owned())].into(),
        annotations: [("vmberth.io/keep".to_owned(), "true".to_owned())].into(),
        class: "local-vd".to_owned(),
        capacity: 17_072_495_002,
        path: "/var/vd/vol0".to_owned(),
        hostnames: ["a".to_owned(), "b".to_owned()].into(),
        phase: Phase::Released,
        phase_since: Some(Moment(1_767_225_600)),
        claim: Some(claim),
        deleting: true,
    };
    assert_eq!(volume, expected);
}

#[rstest]
#[case(Phase::Pending)]
#[case(Phase::Available)]
#[case(Phase::Bound)]
#[case(Phase::Released)]
#[case(Phase::Failed)]
fn phases_are_read_as_they_are_written(#[case] phase: Phase) {
    assert_eq!(phase_of(phase.as_str()), phase);
}

#[rstest]
#[case::local(json!({"local": {"path": "/var/vd/vol3"}}), "/var/vd/vol3")]
#[case::host_path(json!({"hostPath": {"path": "/var/vd/vol3/"}}), "/var/vd/vol3/")]
#[case::other(json!({"csi": {"driver": "d", "volumeHandle": "h"}}), "")]
fn path_of_a_volume(#[case] spec: Value, #[case] path: &str) {
    let object = json!({"metadata": {"name": "v"}, "spec": spec});
    let volume = volume(&serde_json::from_value(object).unwrap());
    assert_eq!((volume.path.as_str(), volume.hostnames.len()), (path, 0));
}

fn asks(key: &str, operator: &str, values: &[&str]) -> Value {
    json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]})
}

/// One term is enough, so that one without a hostname lets anybody in.
#[rstest]
#[case::one(json!([asks("kubernetes.io/hostname", "In", &["a"])]), &["a"])]
#[case::two(json!([asks("kubernetes.io/hostname", "In", &["a"]), asks("kubernetes.io/hostname", "In", &["b"])]), &["a", "b"])]
#[case::or_by_zone(json!([asks("kubernetes.io/hostname", "In", &["a"]), asks("zone", "In", &["z"])]), &[])]
#[case::all_but_one(json!([asks("kubernetes.io/hostname", "NotIn", &["a"])]), &[])]
#[case::none(json!([]), &[])]
fn hostnames_of_a_volume(#[case] terms: Value, #[case] expected: &[&str]) {
    let spec = json!({"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}});
    let object = json!({"metadata": {"name": "v"}, "spec": spec});
    let volume = volume(&serde_json::from_value(object).unwrap());
    let found: Vec<&str> = volume.hostnames.iter().map(String::as_str).collect();
    assert_eq!(found, expected);
}

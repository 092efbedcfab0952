use serde_json::json;

use super::*;

fn node(name: &str, functions: u64) -> Value {
    json!({"metadata": {"name": name},
        "status": {"allocatable": {COUNTED[0]: functions.to_string(), "hugepages-2Mi": "0"}}})
}

fn vm(name: &str, functions: usize) -> Value {
    let interfaces = vec![json!({"sriov": {}}); functions];
    json!({
        "metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"template": {"spec": {
            "domain": {"devices": {"interfaces": interfaces}},
            "volumes": [{"dataVolume": {"name": format!("{name}-disk")}}],
        }}},
    })
}

fn launcher(vm: &str, node: Option<&str>, functions: u64) -> Value {
    let requests = json!({COUNTED[0]: functions.to_string()});
    let scheduled = json!({"type": "PodScheduled", "status": if node.is_some() { "True" } else { "False" },
        "lastTransitionTime": "2026-01-01T00:01:00Z"});
    json!({
        "metadata": {"name": vm, "namespace": "one",
            "labels": {"kubevirt.io": "virt-launcher", "vm.kubevirt.io/name": vm}},
        "spec": {"nodeName": node, "containers": [{"resources": {"requests": requests}}]},
        "status": {"phase": "Pending", "conditions": [scheduled]},
    })
}

fn volume(name: &str, node: &str, claim: &str) -> Value {
    let here = json!({"key": "kubernetes.io/hostname", "values": [node]});
    json!({
        "metadata": {"name": name, "labels": {LABEL: node}},
        "spec": {
            "claimRef": {"namespace": "one", "name": claim, "uid": claim},
            "local": {"path": "/var/vd/vol0"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
        "status": {"phase": "Bound"},
    })
}

fn claim(name: &str, volume: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "one", "uid": name}, "spec": {"volumeName": volume}})
}

fn seen() -> Seen {
    Seen {
        vms: vec![vm("a", 1), vm("b", 1)],
        instances: Vec::new(),
        pods: vec![launcher("a", Some("sim-1"), 1), launcher("b", None, 1)],
        claims: vec![claim("a-disk", "one"), claim("b-disk", "two")],
        volumes: vec![
            volume("one", "sim-1", "a-disk"),
            volume("two", "sim-2", "b-disk"),
        ],
        nodes: vec![node("sim-1", 1), node("sim-2", 1)],
    }
}

#[test]
fn who_only_waits_is_no_fault() {
    let tally = seen().tally("one");
    let expected = Tally {
        vms: 2,
        placed: 1,
        pinned: vec!["b".to_owned()],
        seconds: 60,
        ..Tally::default()
    };
    assert_eq!(tally, expected);
}

#[test]
fn who_waits_where_nothing_is_left_is_stuck() {
    let mut seen = seen();
    seen.nodes = vec![node("sim-1", 1), node("sim-2", 0)];
    assert_eq!(seen.tally("one").stuck, ["b"]);
}

#[test]
fn more_than_a_node_has_is_oversold() {
    let mut seen = seen();
    seen.pods[1] = launcher("b", Some("sim-1"), 1);
    let tally = seen.tally("one");
    assert_eq!(tally.oversold.into_values().sum::<u64>(), 1);
    assert_eq!(tally.apart, ["b"]);
}

#[test]
fn a_volume_of_two_claims_is_promised_twice() {
    let mut seen = seen();
    seen.claims.push(claim("c-disk", "one"));
    assert!(seen.tally("one").volumes_twice.contains("one"));
}

#[test]
fn a_second_launcher_is_seen() {
    let mut seen = seen();
    seen.pods.push(launcher("a", Some("sim-2"), 1));
    assert_eq!(seen.tally("one").doubled, ["a"]);
}

/// What its claim is annotated with, and when it was made.
fn early(profile: &Value, made: &str) -> Tally {
    let mut seen = seen();
    let metadata = &mut seen.claims[1]["metadata"];
    metadata["annotations"] =
        json!({"vmberth.io/profile": profile, "cdi.kubevirt.io/storage.upload.target": ""});
    metadata["creationTimestamp"] = made.into();
    seen.tally("one")
}

#[test]
fn who_was_there_after_its_disk_is_counted_apart() {
    let b = Early {
        vms: 1,
        pinned: vec!["b".to_owned()],
    };
    let tally = early(&Value::Null, "2025-12-31T23:59:59Z");
    assert_eq!((&tally.early, tally.early_named.vms), (&b, 0));
    assert!(tally.pinned_knowingly().is_empty());
    let tally = early(&"big".into(), "2025-12-31T23:59:59Z");
    assert_eq!((tally.early.vms, &tally.early_named), (0, &b));
    let tally = early(&Value::Null, "2026-01-01T00:00:00Z");
    assert_eq!((tally.early.vms, tally.early_named.vms), (0, 0));
    assert_eq!(tally.pinned_knowingly(), ["b"]);
}

#[test]
fn a_node_that_is_called_otherwise_has_the_volumes_of_its_hostname() {
    let mut seen = seen();
    seen.nodes[0] = node("again", 1);
    seen.nodes[0]["metadata"]["labels"] = json!({"kubernetes.io/hostname": "sim-1"});
    seen.pods[0] = launcher("a", Some("again"), 1);
    assert_eq!(seen.tally("one").apart, [""; 0]);
}

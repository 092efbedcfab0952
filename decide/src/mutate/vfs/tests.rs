use rstest::rstest;
use serde_json::{Value, json};

use crate::mutate::testing::{Cluster, admitted, decide, one_function_for_all, quiet, vm};
use crate::policy::{PodInterface, Policy, VfPool};
use crate::subject::Kind;

fn policy() -> Policy {
    let pool = |resource: &str, network: &str| VfPool {
        resource: resource.to_owned(),
        network: network.to_owned(),
    };
    Policy {
        vf_pools: vec![
            pool("intel.com/vm", "sriov/fast"),
            pool("intel.com/slow", "sriov/slow"),
        ],
        ..quiet()
    }
}

fn cluster() -> Cluster {
    Cluster {
        networks: [
            ("sriov/fast", Some("intel.com/vm")),
            ("edge/fast", Some("intel.com/vm")),
            ("sriov/bare", None),
        ]
        .into(),
        ..Cluster::default()
    }
}

fn of(wish: &str, spec: &Value) -> (Value, String) {
    let vm = vm(&json!({"vmberth.io/vfs": wish}), spec);
    let (after, told) = admitted(Kind::VirtualMachine, &vm, &policy(), &cluster());
    (after["spec"]["template"]["spec"].clone(), told)
}

fn names(spec: &Value) -> (Vec<&str>, Vec<&str>) {
    let of = |pointer: &str| -> Vec<&str> {
        let list = spec.pointer(pointer).and_then(Value::as_array);
        let list = list.map(Vec::as_slice).unwrap_or_default();
        list.iter()
            .map(|one| one["name"].as_str().unwrap_or_default())
            .collect()
    };
    (of("/domain/devices/interfaces"), of("/networks"))
}

#[test]
fn two_functions_beside_the_interface_that_kubevirt_would_have_added() {
    let (spec, _) = of("2", &json!({"domain": {}}));
    let interfaces = json!([
        {"name": "default", "bridge": {}},
        {"name": "vf0", "sriov": {}},
        {"name": "vf1", "sriov": {}},
    ]);
    assert_eq!(spec["domain"]["devices"]["interfaces"], interfaces);
    let networks = json!([
        {"name": "default", "pod": {}},
        {"name": "vf0", "multus": {"networkName": "sriov/fast"}},
        {"name": "vf1", "multus": {"networkName": "sriov/fast"}},
    ]);
    assert_eq!(spec["networks"], networks);
}

#[test]
fn binding_of_the_pods_interface_is_the_policys() {
    let policy = Policy {
        pod_interface: PodInterface::Masquerade,
        ..policy()
    };
    let vm = vm(&json!({"vmberth.io/vfs": "1"}), &json!({"domain": {}}));
    let (after, _) = admitted(Kind::VirtualMachine, &vm, &policy, &cluster());
    let first = &after["spec"]["template"]["spec"]["domain"]["devices"]["interfaces"][0];
    assert_eq!(first, &json!({"name": "default", "masquerade": {}}));
}

#[rstest]
#[case::forbidden(json!({"domain": {"devices": {"autoattachPodInterface": false}}}), "vf0")]
#[case::empty_list_is_a_wish(json!({"domain": {"devices": {"interfaces": []}}}), "vf0")]
#[case::interfaces_null(json!({"domain": {"devices": {"interfaces": null}}}), "default vf0")]
#[case::devices_null(json!({"domain": {"devices": null}}), "default vf0")]
#[case::allowed(json!({"domain": {"devices": {"autoattachPodInterface": true}}}), "default vf0")]
#[case::own_interface(json!({
    "domain": {"devices": {"interfaces": [{"name": "lan", "masquerade": {}, "ports": [{"port": 22}]}]}},
    "networks": [{"name": "lan", "pod": {}}],
}), "lan vf0")]
#[case::name_is_taken(json!({
    "domain": {"devices": {"interfaces": [{"name": "vf0", "bridge": {}}]}},
    "networks": [{"name": "vf0", "multus": {"networkName": "a"}}],
}), "vf0 vf1")]
#[case::one_is_there(json!({
    "domain": {"devices": {"interfaces": [{"name": "mine", "sriov": {}}]}},
    "networks": [{"name": "mine", "multus": {"networkName": "sriov/fast"}}],
}), "mine")]
#[case::one_of_another_network(json!({
    "domain": {"devices": {"interfaces": [{"name": "mine", "sriov": {}}]}},
    "networks": [{"name": "mine", "multus": {"networkName": "fast"}}],
}), "mine vf0")]
fn what_is_there_stays_and_is_counted(#[case] spec: Value, #[case] expected: &str) {
    let (spec, _) = of("1", &spec);
    let (interfaces, networks) = names(&spec);
    assert_eq!(interfaces.join(" "), expected);
    assert_eq!(networks.join(" "), expected);
}

#[test]
fn networks_by_name_are_of_the_vms_namespace() {
    let (spec, told) = of("fast=1,sriov/fast=1", &json!({"domain": {}}));
    let networks = json!([
        {"name": "default", "pod": {}},
        {"name": "vf0", "multus": {"networkName": "fast"}},
        {"name": "vf1", "multus": {"networkName": "sriov/fast"}},
    ]);
    assert_eq!(spec["networks"], networks);
    assert!(!told.contains("warning"), "{told}");
}

#[rstest]
#[case::missing(
    "none=1",
    "there is no NetworkAttachmentDefinition edge/none; create it before the VM starts"
)]
#[case::without_resource("sriov/bare=2", "lacks the annotation k8s.v1.cni.cncf.io/resourceName")]
fn networks_that_give_nothing_are_warned_of(#[case] wish: &str, #[case] words: &str) {
    let (_, told) = of(wish, &json!({"domain": {}}));
    assert_eq!(told.matches("warning: ").count(), 1, "{told}");
    assert!(told.contains(words), "{told}");
}

#[test]
fn own_functions_are_warned_of_too() {
    let spec = json!({
        "domain": {"devices": {"interfaces": [{"name": "a", "sriov": {}}]}},
        "networks": [{"name": "a", "multus": {"networkName": "gone"}}],
    });
    let vm = vm(&json!({}), &spec);
    let (_, told) = admitted(Kind::VirtualMachine, &vm, &policy(), &cluster());
    assert!(
        told.contains("warning: spec.template.spec.networks[0].multus.networkName: there is no"),
        "{told}"
    );
}

#[test]
fn second_review_warns_in_the_same_words() {
    let before = vm(
        &json!({"vmberth.io/vfs": "edge/none=1"}),
        &json!({"domain": {}}),
    );
    let (after, first) = admitted(Kind::VirtualMachine, &before, &policy(), &cluster());
    let (_, second) = admitted(Kind::VirtualMachine, &after, &policy(), &cluster());
    let warnings = |told: &str| -> Vec<String> {
        let all = told.lines().filter(|line| line.starts_with("warning: "));
        all.map(str::to_owned).collect()
    };
    assert_eq!(warnings(&first).len(), 1, "{first}");
    assert_eq!(warnings(&first), warnings(&second), "{second}");
}

#[test]
fn number_without_a_pool_is_refused() {
    let vm = vm(&json!({"vmberth.io/vfs": "1"}), &json!({"domain": {}}));
    let (_, told) = admitted(Kind::VirtualMachine, &vm, &quiet(), &cluster());
    assert!(
        told.starts_with(
            "denied (422): spec.template.metadata.annotations[vmberth.io/vfs]: found 1 virtual"
        ),
        "{told}"
    );
}

#[test]
fn update_of_something_else_adds_nothing() {
    let old = vm(
        &json!({"vmberth.io/vfs": "1"}),
        &json!({"domain": {}, "nodeSelector": {}}),
    );
    let new = vm(
        &json!({"vmberth.io/vfs": "1"}),
        &json!({"domain": {}, "nodeSelector": {"a": "b"}}),
    );
    let decision = decide(
        Kind::VirtualMachine,
        &new,
        Some(&old),
        &policy(),
        &cluster(),
    )
    .unwrap();
    assert_eq!(decision.edits, []);
    let more = vm(
        &json!({"vmberth.io/vfs": "2"}),
        &json!({"domain": {}, "nodeSelector": {}}),
    );
    let decision = decide(
        Kind::VirtualMachine,
        &more,
        Some(&old),
        &policy(),
        &cluster(),
    )
    .unwrap();
    assert!(!decision.edits.is_empty());
}

#[test]
fn machine_older_than_a_profile_keeps_its_interfaces() {
    let policy = Policy {
        profiles: vec![one_function_for_all()],
        ..policy()
    };
    let lan = |more: &Value| {
        let mut spec = json!({
            "domain": {"devices": {"interfaces": [{"name": "lan", "masquerade": {}}]}},
            "networks": [{"name": "lan", "pod": {}}],
        });
        if !more.is_null() {
            spec["domain"]["devices"]["interfaces"]
                .as_array_mut()
                .unwrap()
                .push(more.clone());
            let network = json!({"name": more["name"], "multus": {"networkName": "plain"}});
            spec["networks"].as_array_mut().unwrap().push(network);
        }
        vm(&json!({}), &spec)
    };
    let plugged = lan(&json!({"name": "hot", "bridge": {}}));
    let decision = decide(
        Kind::VirtualMachine,
        &plugged,
        Some(&lan(&json!(null))),
        &policy,
        &cluster(),
    );
    assert_eq!(decision.unwrap().edits, []);
}

#[test]
fn fewer_than_there_are_is_told() {
    let (spec, _) = of("2", &json!({"domain": {}}));
    let fewer = vm(&json!({"vmberth.io/vfs": "1"}), &spec);
    let (after, told) = admitted(Kind::VirtualMachine, &fewer, &policy(), &cluster());
    assert_eq!(after, fewer);
    assert!(
        told.contains("2 virtual functions of sriov/fast stay, although it says 1"),
        "{told}"
    );
}

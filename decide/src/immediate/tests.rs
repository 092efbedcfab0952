use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::event::{self, Class, Event, Network, Node, Pod, Volume};
use crate::fit::volumes::AccessModes;
use crate::guest::Guest;
use crate::inventory::{NodeInventoryStatus, VfPool};
use crate::placing::Taint;
use crate::policy::{ManagedClass, ScratchReclaim};
use crate::profile::Selector;

const GI: u64 = 1 << 30;
const POOL: &str = "intel.com/intel_sriov_vm";
const CLASS: &str = "at-once";

fn name(name: &str) -> ObjectName {
    ("edge".into(), name.into())
}

fn class(name: &str, binding_mode: BindingMode) -> ManagedClass {
    ManagedClass {
        name: name.to_owned(),
        default: false,
        binding_mode,
        overhead_millionths: 60_000,
        fit_overhead: false,
        require_scratch: false,
        scratch_reclaim: ScratchReclaim::Wipe,
    }
}

fn policy() -> Policy {
    let text = "apiVersion: vmberth.io/v1alpha1\nkind: Policy\nvfPools: [{resource: intel.com/intel_sriov_vm, network: net}]\n\
                profiles: [{name: net, vfs: '2'}]\n";
    Policy {
        storage_classes: vec![
            class(CLASS, BindingMode::Immediate),
            class("waits", BindingMode::WaitForFirstConsumer),
        ],
        ..Policy::from_yaml(text).unwrap()
    }
}

fn free(node: &str, gib: u64, is_labelled: bool) -> Volume {
    let label = (names::NODE_LABEL.to_owned(), node.to_owned());
    Volume {
        class: CLASS.into(),
        bytes: gib * GI,
        access: AccessModes::of(["ReadWriteOnce"]),
        labels: Arc::new(is_labelled.then_some(label).into_iter().collect()),
        hostnames: [Arc::from(node)].into(),
        is_free: true,
        ..Volume::default()
    }
}

fn node(index: &mut Index, node: &str, functions: u32, taints: &[&str]) {
    let labels = [(names::SCHEDULABLE_LABEL.to_owned(), "true".to_owned())];
    let taint = |key: &&str| Taint {
        key: (*key).into(),
        effect: "NoSchedule".into(),
        ..Taint::default()
    };
    let known = Node {
        hostname: node.into(),
        labels: Arc::new(labels.into()),
        taints: taints.iter().map(taint).collect(),
        ..Node::default()
    };
    let status = NodeInventoryStatus {
        vf_pools: vec![VfPool {
            resource: POOL.to_owned(),
            discovered: functions,
            free: functions,
            ..VfPool::default()
        }],
        ..NodeInventoryStatus::default()
    };
    index.apply(Event::Node(node.into(), Some(known)));
    index.apply(Event::Inventory(node.into(), Some(Box::new(status))));
}

fn volumes(index: &mut Index, node: &str, sizes: &[u64]) {
    for (number, gib) in sizes.iter().enumerate() {
        let name = format!("{node}-{number}").into();
        index.apply(Event::Volume(name, Some(free(node, *gib, true))));
    }
}

/// `edge-1` has functions and one volume, `edge-2` functions and three, `edge-3` three volumes and no function.
fn cluster() -> Index {
    let mut index = Index::default();
    index.apply(Event::Policy(Arc::new(policy())));
    for class in [CLASS, "waits"] {
        index.apply(Event::Class(class.into(), Some(Class { is_static: true })));
    }
    let resource = Some(POOL.into());
    index.apply(Event::Network(name("net"), Some(Network { resource })));
    for (at, functions, sizes) in [
        ("edge-1", 4, &[16][..]),
        ("edge-2", 4, &[16, 16, 40]),
        ("edge-3", 0, &[16, 16, 16]),
    ] {
        node(&mut index, at, functions, &[]);
        volumes(&mut index, at, sizes);
    }
    index
}

/// A claim that is there: with a volume of this node, or with the selector of it.
fn claim(index: &mut Index, of: &str, volume_of: Option<&str>, given: Option<&str>) {
    let label = given.map(|node| (names::NODE_LABEL.to_owned(), node.to_owned()));
    let selector = given.map(|_| Selector {
        match_labels: label.into_iter().collect(),
        ..Selector::default()
    });
    let claim = event::Claim {
        class: CLASS.into(),
        bytes: 10 * GI,
        access: AccessModes::of(["ReadWriteOnce"]),
        volume: volume_of.map(|node| format!("{node}-taken").into()),
        selector,
        ..event::Claim::default()
    };
    if let Some(node) = volume_of {
        let volume = Volume {
            is_free: false,
            claim: Some(name(of)),
            ..free(node, 16, true)
        };
        index.apply(Event::Volume(format!("{node}-taken").into(), Some(volume)));
    }
    index.apply(Event::Claim(name(of), Some(claim)));
}

/// What a DataVolume says: 10 GiB of the class.
fn spec(field: &str, more: &Value) -> Value {
    let mut claim = json!({"storageClassName": CLASS, "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "10Gi"}}});
    for (key, value) in more.as_object().unwrap() {
        claim[key] = value.clone();
    }
    json!({"source": {"blank": {}}, field: claim})
}

fn vm(functions: usize, disks: &[&str], templates: &[(&str, Value)]) -> Value {
    let interface = |at: usize| json!({"name": format!("vf{at}"), "sriov": {}});
    let network = |at: usize| json!({"name": format!("vf{at}"), "multus": {"networkName": "net"}});
    let template = |(name, spec): &(&str, Value)| json!({"metadata": {"name": name}, "spec": spec});
    let names = disks.iter().chain(templates.iter().map(|(name, _)| name));
    let volume = |name: &&str| json!({"name": name, "dataVolume": {"name": name}});
    json!({"metadata": {"name": "vm"}, "spec": {
        "runStrategy": "Always",
        "dataVolumeTemplates": templates.iter().map(template).collect::<Vec<_>>(),
        "template": {"spec": {
            "domain": {"devices": {"interfaces": (0..functions).map(interface).collect::<Vec<_>>()}},
            "networks": (0..functions).map(network).collect::<Vec<_>>(),
            "volumes": names.map(volume).collect::<Vec<_>>(),
        }},
    }})
}

fn known(index: &mut Index, of: &str, machine: &Value) {
    let text = machine.to_string();
    let guest = Guest::of_machine(&serde_json::from_str(&text).unwrap(), "edge");
    index.apply(Event::Machine(name(of), Some(Box::new(guest))));
}

/// Edits as the record has them, and warnings.
fn asked(index: Option<&Index>, kind: Kind, of: &str, object: &Value) -> (Vec<String>, String) {
    let text = object.to_string();
    let made = Made::read(kind, &text).unwrap();
    let policy = policy();
    let found = restrict(index, &policy, &made, &name(of));
    for edit in &found.edits {
        let (last, path) = edit.path.split_last().unwrap();
        let path: String = path.iter().map(|step| format!("/{step}")).collect();
        let there = object.pointer(&path).unwrap();
        assert!(
            last == "selector" && there.get("selector").is_none(),
            "{path}"
        );
    }
    let warnings: Vec<String> = found.warnings.iter().map(ToString::to_string).collect();
    (
        found.edits.iter().map(ToString::to_string).collect(),
        warnings.join("\n"),
    )
}

/// The node that everything was restricted to.
fn node_of(found: &(Vec<String>, String)) -> &str {
    let of = |edit: &String| {
        edit.split('=')
            .nth(2)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    let nodes: std::collections::BTreeSet<String> = found.0.iter().map(of).collect();
    assert!(nodes.len() < 2, "{found:?}");
    ["edge-1", "edge-2", "edge-3"]
        .into_iter()
        .find(|node| nodes.contains(*node))
        .unwrap_or("")
}

fn data_volume(spec: &Value) -> Value {
    json!({"metadata": {"name": "disk"}, "spec": spec})
}

#[test]
fn all_disks_of_a_new_vm_go_where_it_can_run() {
    let machine = vm(
        2,
        &[],
        &[
            ("a", spec("storage", &json!({}))),
            ("b", spec("pvc", &json!({}))),
        ],
    );
    let found = asked(Some(&cluster()), Kind::VirtualMachine, "vm", &machine);
    let expected = [
        "spec.dataVolumeTemplates[0].spec.storage.selector=vmberth.io/node=edge-2 (class at-once)",
        "spec.dataVolumeTemplates[1].spec.pvc.selector=vmberth.io/node=edge-2 (class at-once)",
    ];
    assert_eq!(found.0, expected);
    assert_eq!(
        found.1,
        "spec.dataVolumeTemplates: claims of class at-once bind at once: chosen node edge-2, \
         since it is the best of 1 (of 3) that can hold VM vm"
    );
}

/// What its user said stays, and says where the others go.
#[rstest]
#[case::selector(json!({"selector": {"matchLabels": {"vmberth.io/node": "edge-3"}}}), "edge-3")]
#[case::other_selector(json!({"selector": {"matchExpressions": [{"key": "vmberth.io/node", "operator": "NotIn", "values": ["edge-1", "edge-2"]}]}}), "edge-3")]
#[case::volume(json!({"volumeName": "edge-3-0"}), "edge-3")]
fn what_a_template_says_pins_the_others(#[case] said: Value, #[case] expected: &str) {
    let machine = vm(
        0,
        &[],
        &[("a", spec("pvc", &said)), ("b", spec("pvc", &json!({})))],
    );
    let found = asked(Some(&cluster()), Kind::VirtualMachine, "vm", &machine);
    assert_eq!(found.0.len(), 1, "{found:?}");
    assert!(
        found.0[0].starts_with("spec.dataVolumeTemplates[1]"),
        "{found:?}"
    );
    assert_eq!(node_of(&found), expected);
}

#[rstest]
#[case::selector(json!({"selector": {}}))]
#[case::volume(json!({"volumeName": "pv"}))]
#[case::waits(json!({"storageClassName": "waits"}))]
#[case::foreign(json!({"storageClassName": "ceph"}))]
#[case::no_class(json!({"storageClassName": null}))]
#[case::no_size(json!({"resources": null}))]
fn claims_that_are_left_alone(#[case] said: Value) {
    let volume = data_volume(&spec("pvc", &said));
    for index in [Some(&cluster()), None] {
        let found = asked(index, Kind::DataVolume, "disk", &volume);
        assert_eq!(found, (Vec::new(), String::new()));
    }
}

#[test]
fn class_whose_volumes_are_made_on_demand_is_left_alone() {
    let mut index = cluster();
    index.apply(Event::Class(CLASS.into(), Some(Class { is_static: false })));
    let volume = data_volume(&spec("pvc", &json!({})));
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(found, (Vec::new(), String::new()));
}

/// A claim that is there is adopted by its DataVolume as it is.
#[test]
fn claim_that_is_there_is_left_alone() {
    let mut index = cluster();
    claim(&mut index, "disk", None, None);
    let volume = data_volume(&spec("pvc", &json!({})));
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(found, (Vec::new(), String::new()));
}

#[test]
fn disk_follows_the_disks_of_its_vm() {
    for (volume_of, given) in [(Some("edge-3"), None), (None, Some("edge-3"))] {
        let mut index = cluster();
        claim(&mut index, "root", volume_of, given);
        known(&mut index, "vm", &vm(0, &["root", "disk"], &[]));
        let volume = data_volume(&spec("storage", &json!({})));
        let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
        assert_eq!(node_of(&found), "edge-3");
        if volume_of.is_some() {
            let since = "chosen node edge-3, since the VM's disk root is there";
            assert!(found.1.ends_with(since), "{found:?}");
        }
    }
}

/// The VM may be on any node with functions, and the second claim can only be on one of them.
#[test]
fn disk_of_a_vm_that_is_there_goes_where_all_of_it_fits() {
    let mut index = cluster();
    known(&mut index, "vm", &vm(1, &["disk", "more"], &[]));
    claim(&mut index, "more", None, None);
    let volume = data_volume(&spec("storage", &json!({})));
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(node_of(&found), "edge-2");
    assert_eq!(
        found.1,
        "spec.storage: claims of class at-once bind at once: chosen node edge-2, \
         since it is the best of 1 (of 3) that can hold VM vm"
    );
}

#[test]
fn disk_of_a_running_vm_goes_where_it_runs() {
    let mut index = cluster();
    known(&mut index, "vm", &vm(9, &["disk"], &[]));
    let pod = Pod {
        node: Some("edge-3".into()),
        vm: Some("vm".into()),
        ..Pod::default()
    };
    index.apply(Event::Pod(name("virt-launcher-vm"), Some(pod)));
    let volume = data_volume(&spec("storage", &json!({})));
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(node_of(&found), "edge-3");
    assert!(found.1.ends_with("since the VM vm runs there"), "{found:?}");
}

#[test]
fn disk_without_a_vm_goes_where_its_profile_fits() {
    let mut index = cluster();
    // Without the functions, it would go where no function is wasted or the most is possible.
    for gone in ["edge-1-0", "edge-3-1", "edge-3-2"] {
        index.apply(Event::Volume(gone.into(), None));
    }
    let mut volume = data_volume(&spec("storage", &json!({})));
    volume["metadata"]["annotations"] = json!({"vmberth.io/profile": "net"});
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(node_of(&found), "edge-2");
    assert!(
        found.1.ends_with("can hold a VM of the disk's profile"),
        "{found:?}"
    );
    volume["metadata"]["annotations"] = json!({"vmberth.io/profile": "fats"});
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(
        found,
        (
            Vec::new(),
            "spec.storage: claims of class at-once bind at once: no node was chosen, since profile fats is not in the policy; \
             what binds now may be where the VM can't run"
                .to_owned()
        )
    );
}

/// CDI makes 10.6 GiB of 10, and scratch space of the same size.
#[test]
fn overhead_and_scratch_space_are_thought_of() {
    let mut index = cluster();
    for at in ["edge-1-0", "edge-2-0", "edge-2-1"] {
        index.apply(Event::Volume(at.into(), None));
    }
    for number in 0..3 {
        let gib = if number == 0 { 10 } else { 11 };
        let name = format!("edge-3-{number}").into();
        index.apply(Event::Volume(name, Some(free("edge-3", gib, true))));
    }
    let mut spec = spec("storage", &json!({}));
    spec["source"] = json!({"upload": {}});
    let volume = data_volume(&spec);
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(node_of(&found), "edge-3");
    index.apply(Event::Volume("edge-3-1".into(), None));
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(node_of(&found), "", "{found:?}");
}

#[rstest]
#[case::nobodys(json!({}), false)]
#[case::upload(json!({"annotations": {"cdi.kubevirt.io/storage.upload.target": ""}}), true)]
#[case::import(json!({"annotations": {"cdi.kubevirt.io/storage.import.source": "http"}}), true)]
#[case::profile(json!({"annotations": {"vmberth.io/profile": "net"}}), true)]
#[case::of_a_data_volume(json!({"ownerReferences": [{"kind": "DataVolume", "name": "disk", "controller": true}]}), true)]
#[case::of_another(json!({"ownerReferences": [{"kind": "StatefulSet", "name": "disk", "controller": true}]}), false)]
fn claims_of_vms_and_of_others(#[case] metadata: Value, #[case] is_chosen: bool) {
    let mut index = cluster();
    let claim = json!({"metadata": metadata, "spec": spec("pvc", &json!({}))["pvc"]});
    let found = asked(Some(&index), Kind::Claim, "disk", &claim);
    assert_eq!(!found.0.is_empty(), is_chosen, "{found:?}");
    known(&mut index, "vm", &vm(1, &["disk"], &[]));
    let found = asked(Some(&index), Kind::Claim, "disk", &claim);
    assert_eq!(found.0.len(), 1);
    assert!(
        found.0[0].starts_with("spec.selector=vmberth.io/node=edge-"),
        "{found:?}"
    );
}

/// As CDI makes it.
fn scratch() -> Value {
    json!({
        "metadata": {"name": "disk-scratch", "labels": {"app": "containerized-data-importer"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "importer-disk", "controller": true}]},
        "spec": spec("pvc", &json!({}))["pvc"],
    })
}

#[rstest]
#[case::bound(Some("edge-3"), None, "edge-3")]
#[case::given(None, Some("edge-1"), "edge-1")]
#[case::nobody_knows(None, None, "")]
fn scratch_space_goes_to_its_target(
    #[case] volume_of: Option<&str>,
    #[case] given: Option<&str>,
    #[case] expected: &str,
) {
    let mut index = cluster();
    let found = asked(Some(&index), Kind::Claim, "disk-scratch", &scratch());
    assert_eq!(found, (Vec::new(), String::new()));
    claim(&mut index, "disk", volume_of, given);
    let found = asked(Some(&index), Kind::Claim, "disk-scratch", &scratch());
    assert_eq!(node_of(&found), expected);
    assert_eq!(found.1, "");
}

/// Volumes that somebody else made may lack the label, and then there is nothing to restrict scratch space by.
#[test]
fn scratch_space_of_volumes_without_labels_is_left_alone() {
    let mut index = cluster();
    for number in 0..3 {
        let name = format!("edge-3-{number}").into();
        index.apply(Event::Volume(name, Some(free("edge-3", 16, false))));
    }
    claim(&mut index, "disk", Some("edge-3"), None);
    let found = asked(Some(&index), Kind::Claim, "disk-scratch", &scratch());
    assert_eq!(found, (Vec::new(), String::new()));
}

#[test]
fn nothing_is_chosen_before_all_is_known() {
    let volume = data_volume(&spec("storage", &json!({})));
    let found = asked(None, Kind::DataVolume, "disk", &volume);
    assert_eq!(found.0, Vec::<String>::new());
    assert!(
        found.1.contains("does not know the whole cluster yet"),
        "{found:?}"
    );
    // Who knows nothing of us hears nothing of us.
    let claim = json!({"spec": spec("pvc", &json!({}))["pvc"]});
    for (of, claim) in [("data", claim), ("disk-scratch", scratch())] {
        let found = asked(None, Kind::Claim, of, &claim);
        assert_eq!(found, (Vec::new(), String::new()));
    }
}

#[rstest]
#[case::functions(
    5,
    "10Gi",
    "no node can hold all of it now: will need 5 VFs intel.com/intel_sriov_vm: 4 of 4 can be used (on edge-1, the closest)"
)]
#[case::volume(
    1,
    "50Gi",
    "no node can hold all of it now: needs 1 volume of class at-once with 50Gi or more for a: 0 of 1 free ones fit (on edge-1, the closest)"
)]
fn nothing_fits(#[case] functions: usize, #[case] size: &str, #[case] why: &str) {
    let size = json!({"resources": {"requests": {"storage": size}}});
    let machine = vm(functions, &[], &[("a", spec("pvc", &size))]);
    let found = asked(Some(&cluster()), Kind::VirtualMachine, "vm", &machine);
    let text = format!(
        "spec.dataVolumeTemplates: claims of class at-once bind at once: {why}; what binds now may be where the VM can't run"
    );
    assert_eq!(found, (Vec::new(), text));
}

#[test]
fn network_that_is_not_there() {
    let mut index = cluster();
    index.apply(Event::Network(name("net"), None));
    let machine = vm(1, &[], &[("a", spec("pvc", &json!({})))]);
    let (edits, said) = asked(Some(&index), Kind::VirtualMachine, "vm", &machine);
    assert!(edits.is_empty());
    let why = "no node was chosen, since NetworkAttachmentDefinition edge/net is not there";
    assert!(said.contains(why), "{said}");
}

#[test]
fn volumes_that_say_nothing_can_not_be_chosen_by() {
    let mut index = Index::default();
    index.apply(Event::Policy(Arc::new(policy())));
    node(&mut index, "edge-1", 0, &[]);
    index.apply(Event::Volume("a".into(), Some(free("edge-1", 16, false))));
    let volume = data_volume(&spec("pvc", &json!({})));
    let (edits, said) = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert!(edits.is_empty());
    let why = "node edge-1 would do, but its volumes lack the label";
    assert!(said.contains(why), "{said}");
    assert!(
        said.ends_with("kubectl label pv NAME vmberth.io/node=edge-1"),
        "{said}"
    );
}

/// It is known at once, while CDI has still to make the claims.
#[test]
fn next_vm_is_not_given_the_same_volumes() {
    let mut index = cluster();
    let given = json!({"selector": {"matchLabels": {"vmberth.io/node": "edge-2"}}});
    let first = vm(
        0,
        &[],
        &[("x", spec("pvc", &given)), ("y", spec("pvc", &given))],
    );
    known(&mut index, "first", &first);
    let two = [
        ("a", spec("pvc", &json!({}))),
        ("b", spec("pvc", &json!({}))),
    ];
    let found = asked(Some(&index), Kind::VirtualMachine, "vm", &vm(0, &[], &two));
    assert_eq!(node_of(&found), "edge-3");
    // Where there is no other node, it waits there for what comes free.
    let found = asked(Some(&index), Kind::VirtualMachine, "vm", &vm(1, &[], &two));
    assert_eq!(node_of(&found), "edge-2");
}

#[test]
fn functions_that_another_will_need_are_not_free_unless_it_is_stopped() {
    let next = vm(2, &[], &[("a", spec("pvc", &json!({})))]);
    let ask = |first: Option<&Value>| {
        let mut index = cluster();
        volumes(&mut index, "edge-1", &[16, 16, 40]);
        if let Some(first) = first {
            known(&mut index, "first", first);
        }
        let found = asked(Some(&index), Kind::VirtualMachine, "vm", &next);
        node_of(&found).to_owned()
    };
    let best = ask(None);
    let given = json!({"selector": {"matchLabels": {"vmberth.io/node": best}}});
    let mut first = vm(4, &[], &[("x", spec("pvc", &given))]);
    let other = ask(Some(&first));
    assert!(other != best && other != "edge-3", "{other} {best}");
    first["spec"]["runStrategy"] = "Halted".into();
    assert_eq!(ask(Some(&first)), best);
}

#[rstest]
#[case::cordoned("node.kubernetes.io/unschedulable", true)]
#[case::of_others("gpu", false)]
fn tainted_nodes(#[case] taint: &str, #[case] is_the_last_resort: bool) {
    let mut index = cluster();
    for at in ["edge-1", "edge-2"] {
        node(&mut index, at, 4, &[taint]);
    }
    let volume = data_volume(&spec("pvc", &json!({})));
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(node_of(&found), "edge-3");
    let machine = vm(1, &[], &[("a", spec("pvc", &json!({})))]);
    let found = asked(Some(&index), Kind::VirtualMachine, "vm", &machine);
    assert_eq!(!found.0.is_empty(), is_the_last_resort, "{found:?}");
}

#[rstest]
#[case::made(Operation::Create, Kind::DataVolume, None, true)]
#[case::changed(Operation::Update, Kind::VirtualMachine, None, false)]
#[case::instance(Operation::Create, Kind::VirtualMachineInstance, None, false)]
#[case::complete(
    Operation::Create,
    Kind::Claim,
    Some(crate::mutate::LeftAlone::Complete),
    true
)]
#[case::opted_out(
    Operation::Create,
    Kind::Claim,
    Some(crate::mutate::LeftAlone::OptedOut),
    false
)]
#[case::exempt(
    Operation::Create,
    Kind::Claim,
    Some(crate::mutate::LeftAlone::ExemptNamespace),
    false
)]
fn what_is_looked_at(
    #[case] operation: Operation,
    #[case] kind: Kind,
    #[case] left_alone: Option<crate::mutate::LeftAlone>,
    #[case] expected: bool,
) {
    let review = Review {
        kind,
        operation,
        namespace: "edge".into(),
        object: crate::subject::View::Other,
        old: None,
    };
    let mutation = Mutation {
        left_alone,
        ..Mutation::default()
    };
    assert_eq!(may_bind(&policy(), &review, &mutation), expected);
    let mut waits = policy();
    waits.storage_classes.remove(0);
    assert!(!may_bind(&waits, &review, &mutation));
}

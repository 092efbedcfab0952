use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::denial::Denial;
use crate::event::{Claim, Class, Event, Network, Node, Volume};
use crate::fit::volumes::{AccessModes, Labels};
use crate::inventory::{HugePages, NodeInventoryStatus, VfPool, Volume as Directory, VolumeState};
use crate::names;
use crate::policy::{OnInfeasible, Policy};
use crate::view::placed::Machine;
use crate::warning::Warning;

const GI: u64 = 1 << 30;
const POOL: &str = "intel.com/intel_sriov_vm";
const CLASS: &str = "local-vd";

/// What a node has: sizes of its volumes in GiB, and whether somebody has them; functions, and how many are healthy.
struct Has<'h> {
    volumes: &'h [(u64, bool)],
    functions: (u32, u32),
}

fn name(name: &str) -> ObjectName {
    ("edge".into(), name.into())
}

fn labels(more: &[(&str, &str)]) -> Arc<Labels> {
    let schedulable = (names::SCHEDULABLE_LABEL, "true");
    let labels = more.iter().chain([&schedulable]);
    Arc::new(labels.map(|(k, v)| ((*k).into(), (*v).into())).collect())
}

fn bare(index: &mut Index, node: &str, labels: Arc<Labels>) {
    let known = Node {
        hostname: node.into(),
        labels,
        ..Node::default()
    };
    index.apply(Event::Node(node.into(), Some(known)));
}

/// All functions that are healthy are allocated: nothing is free, and all could be.
fn inventory(index: &mut Index, node: &str, has: &Has<'_>) {
    let (total, healthy) = has.functions;
    let status = NodeInventoryStatus {
        vf_pools: vec![VfPool {
            resource: POOL.to_owned(),
            discovered: total,
            allocated: healthy,
            ..VfPool::default()
        }],
        huge_pages: vec![HugePages {
            size: "2Mi".to_owned(),
            total: 512,
            advertised: 512,
            ..HugePages::default()
        }],
        ..NodeInventoryStatus::default()
    };
    index.apply(Event::Inventory(node.into(), Some(Box::new(status))));
}

fn node(index: &mut Index, node: &str, has: &Has<'_>) {
    bare(index, node, labels(&[("rack", "a")]));
    inventory(index, node, has);
    for (number, (gib, is_taken)) in has.volumes.iter().enumerate() {
        let taken = is_taken.then(|| name("of-another"));
        volume(index, node, number, *gib, taken);
    }
}

fn volume(index: &mut Index, node: &str, number: usize, gib: u64, claim: Option<ObjectName>) {
    let volume = Volume {
        class: CLASS.into(),
        bytes: gib * GI,
        access: AccessModes::of(["ReadWriteOnce"]),
        hostnames: [Arc::from(node)].into(),
        is_free: claim.is_none(),
        claim,
        ..Volume::default()
    };
    let name = format!("{node}-{number}").into();
    index.apply(Event::Volume(name, Some(volume)));
}

/// `edge-1` has a taken volume of 15 GiB and two functions, all taken; `edge-2` one of 30 GiB and none.
fn cluster() -> Index {
    let mut index = Index::default();
    let class = Class { is_static: true };
    index.apply(Event::Class(CLASS.into(), Some(class)));
    let resource = Some(POOL.into());
    index.apply(Event::Network(name("net"), Some(Network { resource })));
    let first = Has {
        volumes: &[(15, true)],
        functions: (4, 2),
    };
    let second = Has {
        volumes: &[(30, false)],
        functions: (0, 0),
    };
    node(&mut index, "edge-1", &first);
    node(&mut index, "edge-2", &second);
    index
}

/// A claim, bound to a volume of this node, which is larger by 10 GiB, or open.
fn claim(index: &mut Index, of: &str, gib: u64, node: Option<&str>) {
    let claim = Claim {
        class: CLASS.into(),
        bytes: gib * GI,
        volume: node.map(|node| format!("{node}-9").into()),
        ..Claim::default()
    };
    if let Some(node) = node {
        volume(index, node, 9, gib + 10, Some(name(of)));
    }
    index.apply(Event::Claim(name(of), Some(claim)));
}

/// A VM with so many functions, and these disks.
fn vm(functions: usize, disks: &[&str], more: &Value) -> Guest {
    let interfaces: Vec<Value> = (0..functions)
        .map(|at| json!({"name": format!("vf{at}"), "sriov": {}}))
        .collect();
    let networks: Vec<Value> = (0..functions)
        .map(|at| json!({"name": format!("vf{at}"), "multus": {"networkName": "net"}}))
        .collect();
    let volumes: Vec<Value> = disks
        .iter()
        .map(|disk| json!({"name": disk, "persistentVolumeClaim": {"claimName": disk}}))
        .collect();
    let mut spec = json!({
        "domain": {"devices": {"interfaces": interfaces}, "memory": more["memory"].clone()},
        "networks": networks,
        "volumes": volumes,
    });
    for field in ["nodeSelector", "schedulerName"] {
        spec[field] = more[field].clone();
    }
    let machine = json!({"spec": {
        "running": true,
        "template": {"spec": spec},
        "dataVolumeTemplates": more["dataVolumeTemplates"].clone(),
    }});
    let text = machine.to_string();
    let machine: Machine<'_> = serde_json::from_str(&text).unwrap();
    Guest::of_machine(&machine, "edge")
}

/// `on NODE`, `unknown`, or why not with the way out.
fn said(index: &Index, guest: &Guest) -> String {
    match feasible(index, &name("vm"), guest) {
        Feasible::On(node) => format!("on {node}"),
        Feasible::Unknown => "unknown".to_owned(),
        Feasible::Never(why) => why.in_full(true),
    }
}

fn template(name: &str, size: &str, class: &str, source: &Value) -> Value {
    json!({"metadata": {"name": name}, "spec": {"source": source, "pvc": {
        "storageClassName": class, "resources": {"requests": {"storage": size}}}}})
}

#[rstest]
#[case::nothing_is_free_and_all_could_be(2, &[], json!({}), "on edge-1")]
#[case::more_functions_than_any_node_has(
    3, &[], json!({}),
    "no node could ever hold this VM: will need 3 VFs intel.com/intel_sriov_vm: 2 of 4 can be used (on edge-1, the closest)"
)]
#[case::pages(
    0, &[], json!({"memory": {"guest": "2Gi", "hugepages": {"pageSize": "2Mi"}}}),
    "no node could ever hold this VM: will need 1024 huge pages of 2Mi: 512 of 512 can be used (on edge-1, the closest)"
)]
#[case::volumes(
    0, &["disk"], json!({"dataVolumeTemplates": [template("disk", "40Gi", CLASS, &json!({"blank": {}}))]}),
    "no node could ever hold this VM: will need 1 volume of class local-vd with 40Gi or more for disk: 0 of 1 healthy ones fit (on edge-1, the closest)"
)]
#[case::a_volume_that_another_has(
    2, &["disk"], json!({"dataVolumeTemplates": [template("disk", "15Gi", CLASS, &json!({"blank": {}}))]}), "on edge-1"
)]
#[case::each_on_another_node(
    1, &["disk"], json!({"dataVolumeTemplates": [template("disk", "30Gi", CLASS, &json!({"blank": {}}))]}),
    "no node could ever hold this VM: will need 1 volume of class local-vd with 30Gi or more for disk: 0 of 1 healthy ones fit (on edge-1, the closest)"
)]
#[case::scratch_space_counts(
    0, &["disk"], json!({"dataVolumeTemplates": [template("disk", "10Gi", CLASS, &json!({"upload": {}}))]}),
    "no node could ever hold this VM: will need 2 volumes of class local-vd with 10Gi or more for disk, disk-scratch: 1 of 1 healthy ones fit (on edge-1, the closest)"
)]
#[case::selector(
    0, &[], json!({"nodeSelector": {"rack": "b"}}),
    "no node could ever hold this VM: the VM's nodeSelector asks for rack=b (on edge-1, the closest)"
)]
#[case::class_that_is_not_known(
    3, &["disk"], json!({"dataVolumeTemplates": [template("disk", "40Gi", "new", &json!({"blank": {}}))]}), "unknown"
)]
#[case::disk_that_is_still_to_be_said(0, &["disk"], json!({}), "on edge-")]
#[case::plain(0, &[], json!({}), "on edge-")]
fn in_a_cluster_of_two(
    #[case] functions: usize,
    #[case] disks: &[&str],
    #[case] more: Value,
    #[case] expected: &str,
) {
    let said = said(&cluster(), &vm(functions, disks, &more));
    let is_any = expected.ends_with('-') && said.starts_with(expected);
    assert!(is_any || said == expected, "{said}");
}

/// By a label that is not remembered of a volume while somebody has it.
#[test]
fn claim_that_was_given_a_node() {
    let mut disk = template("disk", "15Gi", CLASS, &json!({"blank": {}}));
    disk["spec"]["pvc"]["selector"] = json!({"matchLabels": {names::NODE_LABEL: "edge-1"}});
    let guest = vm(0, &["disk"], &json!({"dataVolumeTemplates": [disk]}));
    assert_eq!(said(&cluster(), &guest), "on edge-1");
}

#[test]
fn network_that_is_not_there_is_waited_for() {
    let mut index = cluster();
    index.apply(Event::Network(name("net"), None));
    assert_eq!(said(&index, &vm(3, &[], &json!({}))), "unknown");
}

#[rstest]
#[case::no_agent(true, "unknown")]
#[case::no_kubevirt(false, "no node could ever hold this VM")]
fn node_of_which_nobody_knows(#[case] has_kubevirt: bool, #[case] expected: &str) {
    let mut index = cluster();
    let labels = if has_kubevirt {
        labels(&[])
    } else {
        Arc::default()
    };
    bare(&mut index, "edge-3", labels);
    let said = said(&index, &vm(3, &[], &json!({})));
    assert!(said.starts_with(expected), "{said}");
    // Who needs nothing that agents tell of can be there.
    assert!(matches!(
        feasible(&index, &name("vm"), &vm(0, &[], &json!({}))),
        Feasible::On(_)
    ));
}

#[test]
fn without_nodes_nothing_is_said() {
    let mut index = Index::default();
    let resource = Some(POOL.into());
    index.apply(Event::Network(name("net"), Some(Network { resource })));
    assert_eq!(said(&index, &vm(3, &[], &json!({}))), "unknown");
}

#[test]
fn volume_that_is_not_healthy_is_none() {
    let mut index = cluster();
    let disk = template("disk", "30Gi", CLASS, &json!({"blank": {}}));
    let guest = vm(0, &["disk"], &json!({"dataVolumeTemplates": [disk]}));
    assert_eq!(said(&index, &guest), "on edge-2");
    let directory = Directory {
        state: VolumeState::Unhealthy,
        persistent_volume: Some("edge-2-0".to_owned()),
        ..Directory::default()
    };
    let status = NodeInventoryStatus {
        volumes: vec![directory],
        ..NodeInventoryStatus::default()
    };
    index.apply(Event::Inventory("edge-2".into(), Some(Box::new(status))));
    let said = said(&index, &guest);
    assert!(said.starts_with("no node could ever hold"), "{said}");
}

/// The disk was uploaded first, and lies where there are no functions.
#[test]
fn disk_on_the_wrong_node_is_named_with_the_way_out() {
    let mut index = cluster();
    claim(&mut index, "root", 10, Some("edge-2"));
    let guest = vm(1, &["root"], &json!({}));
    assert_eq!(
        said(&index, &guest),
        "the VM's disk root can be used on edge-2 only, which could never run it: will need 1 VF intel.com/intel_sriov_vm: \
         0 of 0 can be used; delete the claim root with all data and fill it again: it then goes to a node like edge-1"
    );
    // Nowhere else, either: then it is not the disk's fault.
    let said = said(&index, &vm(3, &["root"], &json!({})));
    assert!(
        said.ends_with("2 of 4 can be used (on edge-1, the closest)"),
        "{said}"
    );
    assert!(!said.contains("root"), "{said}");
}

#[test]
fn disks_on_two_nodes_are_named() {
    let mut index = cluster();
    claim(&mut index, "root", 10, Some("edge-2"));
    claim(&mut index, "data", 10, Some("edge-1"));
    assert_eq!(
        said(&index, &vm(0, &["root", "data"], &json!({}))),
        "no node has all of the VM's disks: data lies on edge-1, root lies on edge-2; delete the claims data, root with all data \
         and fill them again: they then go to a node like edge-1"
    );
}

/// The volume of its own disk is none for its other one.
#[test]
fn own_volume_is_taken() {
    let mut index = cluster();
    claim(&mut index, "root", 10, Some("edge-1"));
    claim(&mut index, "data", 16, None);
    let said = said(&index, &vm(1, &["root", "data"], &json!({})));
    assert!(
        said.starts_with("the VM's disk root can be used on edge-1 only"),
        "{said}"
    );
    assert!(said.contains("for data: 0 of 1 healthy ones fit"), "{said}");
}

#[rstest]
#[case::ours(Some("ours"), &[], true)]
#[case::none(None, &[], false)]
#[case::another(Some("other"), &[], false)]
#[case::exempt(Some("ours"), &["edge"], false)]
fn vms_of_others_are_left_to_them(
    #[case] scheduler: Option<&str>,
    #[case] exempt: &[&str],
    #[case] is_told: bool,
) {
    let mut index = cluster();
    let policy = Policy {
        scheduler_name: Some("ours".to_owned()),
        exempt_namespaces: exempt.iter().map(ToString::to_string).collect(),
        ..Policy::default()
    };
    index.apply(Event::Policy(Arc::new(policy)));
    let said = said(&index, &vm(3, &[], &json!({"schedulerName": scheduler})));
    assert_eq!(said != "unknown", is_told, "{said}");
}

fn reviewed(
    infeasible: OnInfeasible,
    now: &Guest,
    before: Option<&Guest>,
) -> Result<Option<Warning>, Denial> {
    let policy = Policy {
        infeasible,
        ..Policy::default()
    };
    let change = Change {
        vm: &name("vm"),
        path: "spec.template.spec",
        now,
        before,
    };
    review(&cluster(), &policy, change)
}

#[rstest]
#[case::ignore(OnInfeasible::Ignore, 3, None, "")]
#[case::warn(OnInfeasible::Warn, 3, None, "warning")]
#[case::deny(OnInfeasible::Deny, 3, None, "denial")]
#[case::feasible(OnInfeasible::Deny, 2, None, "")]
#[case::it_became_so(OnInfeasible::Deny, 3, Some(2), "denial")]
#[case::it_stays_so(OnInfeasible::Deny, 3, Some(3), "")]
#[case::it_was_so(OnInfeasible::Deny, 3, Some(4), "warning")]
fn what_follows(
    #[case] policy: OnInfeasible,
    #[case] now: usize,
    #[case] before: Option<usize>,
    #[case] expected: &str,
) {
    let of = |functions| vm(functions, &[], &json!({}));
    let mut now = of(now);
    let before = before.map(of);
    for wants_to_run in [true, false] {
        now.wants_to_run = wants_to_run;
        let said = match reviewed(policy, &now, before.as_ref()) {
            Ok(None) => "",
            Ok(Some(Warning::Infeasible { .. })) => "warning",
            Err(Denial::Infeasible { .. }) => "denial",
            other => panic!("{other:?}"),
        };
        assert_eq!(said, expected);
    }
}

#[test]
fn words_begin_with_the_path_and_are_short() {
    let now = vm(3, &[], &json!({}));
    let warning = reviewed(OnInfeasible::Warn, &now, None).unwrap().unwrap();
    let warning = warning.to_string();
    assert!(
        warning.starts_with("spec.template.spec: no node could ever hold this VM: will need 3")
    );
    assert!(warning.len() <= 256, "{warning}");
    let denial = reviewed(OnInfeasible::Deny, &now, None).unwrap_err();
    assert_eq!(
        denial.to_string(),
        format!("{warning} (policy infeasible: deny)")
    );
}

/// A VM that is refused is not there yet, so no disk would follow it.
#[test]
fn way_out_of_a_vm_that_is_not_there_is_a_profile() {
    let mut index = cluster();
    claim(&mut index, "root", 10, Some("edge-2"));
    let Feasible::Never(why) = feasible(&index, &name("vm"), &vm(1, &["root"], &json!({}))) else {
        panic!("feasible");
    };
    let way_out = why.way_out(false).unwrap();
    assert!(
        way_out.contains("with annotation vmberth.io/profile"),
        "{way_out}"
    );
}

#[test]
fn waiting_are_those_that_want_to_run_and_have_no_node() {
    let mut index = cluster();
    let add = |index: &mut Index, of: &str, wants_to_run| {
        let mut guest = vm(3, &[], &json!({}));
        guest.wants_to_run = wants_to_run;
        index.apply(Event::Machine(name(of), Some(Box::new(guest))));
    };
    add(&mut index, "waits", true);
    add(&mut index, "stopped", false);
    add(&mut index, "runs", true);
    let pod = crate::event::Pod {
        node: Some("edge-1".into()),
        vm: Some("runs".into()),
        ..crate::event::Pod::default()
    };
    index.apply(Event::Pod(name("pod"), Some(pod)));
    let bare = Box::new(vm(3, &[], &json!({})));
    index.apply(Event::Instance(name("bare"), Some(bare)));
    assert_eq!(index.waiting(), [name("bare"), name("waits")]);
    assert_eq!(index.kind_of(&name("bare")), "VirtualMachineInstance");
    assert_eq!(index.kind_of(&name("waits")), "VirtualMachine");
    assert!(why_never(&index, &name("waits")).is_some());
    assert!(why_never(&index, &name("nobody")).is_none());
    let policy = Policy {
        infeasible: OnInfeasible::Ignore,
        ..Policy::default()
    };
    index.apply(Event::Policy(Arc::new(policy)));
    assert!(index.waiting().is_empty());
}

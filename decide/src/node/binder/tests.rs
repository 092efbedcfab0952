use std::collections::BTreeMap;

use rstest::rstest;

use super::*;
use crate::node::facts::{Area, ContainerDevices, Interface, IommuGroup, KubeletFacts, Problem};

const PF: &str = "0000:3b:00.0";

fn address(index: u32) -> String {
    format!("0000:3b:02.{index}")
}

/// On the host's driver, with an interface that nobody uses.
fn vf(index: u32) -> VirtualFunction {
    VirtualFunction {
        address: address(index),
        index,
        driver: Some("iavf".to_owned()),
        group: Some(IommuGroup::default()),
        interfaces: vec![named(&format!("ens1f0v{index}"))],
        ..VirtualFunction::default()
    }
}

fn named(name: &str) -> Interface {
    Interface {
        name: name.to_owned(),
        ..Interface::default()
    }
}

fn facts(count: u32) -> Facts {
    let pf = PhysicalFunction {
        address: PF.to_owned(),
        total_vfs: 64,
        num_vfs: count,
        interfaces: vec![named("ens1f0")],
        vfs: (0..count).map(vf).collect(),
        ..PhysicalFunction::default()
    };
    Facts {
        functions: vec![pf],
        kubelet: Some(KubeletFacts::default()),
        ..Facts::default()
    }
}

fn binding(count: u32) -> Binding {
    Binding {
        physical_function: "ens1f0".to_owned(),
        num_vfs: count,
        vfio: true,
    }
}

fn planned(facts: &Facts, binding: Binding) -> Plan {
    let config = Config {
        binder: vec![binding],
        ..Config::default()
    };
    plan(facts, &config)
}

fn holding(index: u32) -> KubeletFacts {
    let devices = BTreeMap::from([("r".to_owned(), BTreeSet::from([address(index)]))]);
    KubeletFacts {
        containers: vec![ContainerDevices {
            devices,
            ..ContainerDevices::default()
        }],
        ..KubeletFacts::default()
    }
}

/// The kubelet keeps book of every function.
fn advertised(facts: &mut Facts) {
    let devices = (0..8).map(|index| (address(index), BTreeSet::new()));
    let devices = BTreeMap::from([("r".to_owned(), devices.collect())]);
    facts.kubelet.as_mut().unwrap().allocatable = devices;
}

fn bound(facts: &mut Facts) {
    for vf in &mut facts.functions[0].vfs {
        vf.driver = Some("vfio-pci".to_owned());
        vf.interfaces.clear();
    }
}

#[test]
fn functions_are_made_first_and_bound_in_the_next_round() {
    let plan = planned(&facts(0), binding(8));
    let (from, to) = (0, 8);
    let address = PF.to_owned();
    assert_eq!(plan.steps, [Step::SetNumVfs { address, from, to }]);
    assert_eq!(plan.refusals, []);
}

#[test]
fn functions_that_are_there_are_bound() {
    let mut facts = facts(3);
    facts.functions[0].vfs[1].driver = Some("vfio-pci".to_owned());
    facts.functions[0].vfs[2].driver = None;
    let plan = planned(&facts, binding(3));
    let bind = |index, from: Option<&str>| Step::BindVfio {
        address: address(index),
        from: from.map(str::to_owned),
    };
    assert_eq!(plan.steps, [bind(0, Some("iavf")), bind(2, None)]);
    assert_eq!(plan.refusals, []);
}

#[test]
fn what_is_as_the_config_says_needs_nothing_and_is_refused_nothing() {
    let mut facts = facts(2);
    bound(&mut facts);
    facts.kubelet = None;
    facts.functions[0].interfaces[0].default_route = true;
    assert_eq!(planned(&facts, binding(2)), Plan::default());
}

#[test]
fn default_driver_is_left_alone() {
    let binding = Binding {
        vfio: false,
        ..binding(2)
    };
    assert_eq!(planned(&facts(2), binding), Plan::default());
}

#[test]
fn unused_functions_may_become_others() {
    let mut facts = facts(4);
    bound(&mut facts);
    advertised(&mut facts);
    let plan = planned(&facts, binding(8));
    let (from, to) = (4, 8);
    let address = PF.to_owned();
    assert_eq!(plan.steps, [Step::SetNumVfs { address, from, to }]);
}

#[rstest]
#[case::for_vms(true, &[PF])]
#[case::for_the_host(false, &[])]
fn drivers_of_the_host_are_kept_from_functions_for_vms(
    #[case] vfio: bool,
    #[case] expected: &[&str],
) {
    let binding = Binding { vfio, ..binding(4) };
    let plan = planned(&facts(0), binding);
    assert_eq!(plan.steps.len(), 1);
    assert!(plan.unprobed.iter().eq(expected.iter()), "{plan:?}");
}

#[test]
fn function_without_driver_and_interface_is_bound() {
    let mut facts = facts(1);
    facts.functions[0].vfs[0].driver = None;
    facts.functions[0].vfs[0].interfaces.clear();
    assert_eq!(planned(&facts, binding(1)).steps.len(), 1);
}

#[rstest]
#[case::routes(Area::Functions, "/proc/1/net/route", 0)]
#[case::the_card(Area::Functions, "/sys/bus/pci/devices/0000:3b:00.0/sriov_numvfs", 0)]
#[case::one_function(Area::Functions, "/sys/bus/pci/devices/0000:3b:02.1/net", 0)]
#[case::another_card(Area::Functions, "/sys/bus/pci/devices/0000:af:00.0/class", 2)]
#[case::another_subject(Area::Volumes, "/var/vd", 2)]
fn card_of_which_something_cannot_be_read_is_left_alone(
    #[case] area: Area,
    #[case] path: &str,
    #[case] bound: usize,
) {
    let mut facts = facts(2);
    facts.problems.push(Problem {
        area,
        path: path.to_owned(),
        reason: "I/O error".to_owned(),
    });
    let plan = planned(&facts, binding(2));
    assert_eq!(plan.steps.len(), bound, "{plan:?}");
    let told = plan.refusals.iter().any(|it| it.reason.contains(path));
    assert_eq!(told, bound == 0, "{plan:?}");
    let count = planned(&facts, binding(4)).steps;
    assert_eq!(count.len(), bound.min(1), "{count:?}");
}

#[test]
fn silent_kubelet_does_not_keep_first_functions_from_being_made() {
    let mut facts = facts(0);
    facts.kubelet = None;
    assert_eq!(planned(&facts, binding(4)).steps.len(), 1);
}

fn first_interface(facts: &mut Facts) -> &mut Interface {
    &mut facts.functions[0].vfs[0].interfaces[0]
}

/// None of these may change the number of functions from 2 to 4.
#[rstest]
#[case::more_than_the_card_has(|f: &mut Facts| f.functions[0].total_vfs = 3, "4 functions are wanted, the card can have 3")]
#[case::allocated(|f: &mut Facts| f.kubelet = Some(holding(1)), "02.1 is held by a container")]
#[case::up(|f: &mut Facts| first_interface(f).up = true, "ens1f0v0 is up: ip link set down dev ens1f0v0")]
#[case::enslaved(|f: &mut Facts| first_interface(f).enslaved = true, "is part of a bond")]
#[case::routed(|f: &mut Facts| first_interface(f).routed = true, "has routes")]
#[case::route_of_the_function(|f: &mut Facts| first_interface(f).default_route = true, "carries the default route")]
#[case::route_of_the_card(
    |f: &mut Facts| f.functions[0].interfaces[0].default_route = true,
    "the node's default route goes through ens1f0"
)]
#[case::card_in_a_bond(|f: &mut Facts| f.functions[0].interfaces[0].enslaved = true, "resets it")]
#[case::kubelet_silent(|f: &mut Facts| f.kubelet = None, "the kubelet does not answer")]
#[case::kubelet_silent_on_vfio(
    |f: &mut Facts| { bound(f); f.kubelet = None; },
    "the kubelet does not answer"
)]
#[case::on_vfio_and_not_advertised(bound, "it is on vfio-pci and not advertised")]
#[case::held_though_advertised(
    |f: &mut Facts| { f.kubelet = Some(holding(1)); advertised(f); bound(f); },
    "02.1 is held by a container"
)]
#[case::interface_out_of_sight(|f: &mut Facts| f.functions[0].vfs[0].interfaces.clear(), "iavf has it and no interface")]
#[case::function_that_cannot_be_read(
    |f: &mut Facts| { f.functions[0].vfs.pop(); },
    "it has 2, and only 1 of them can be read"
)]
fn number_of_functions_is_left_alone(#[case] change: fn(&mut Facts), #[case] expected: &str) {
    let mut facts = facts(2);
    change(&mut facts);
    let plan = planned(&facts, binding(4));
    let is_count = |step: &Step| matches!(step, Step::SetNumVfs { .. });
    assert!(!plan.steps.iter().any(is_count), "{plan:?}");
    let told = plan
        .refusals
        .iter()
        .any(|refusal| refusal.device == PF && refusal.reason.contains(expected));
    assert!(told, "{plan:?}");
}

/// None of these may bind function 0; the other one is bound unless the whole card is left alone.
#[rstest]
#[case::allocated(|f: &mut Facts| f.kubelet = Some(holding(0)), "is held by a container", 1)]
#[case::up(|f: &mut Facts| first_interface(f).up = true, "is up", 1)]
#[case::enslaved(|f: &mut Facts| first_interface(f).enslaved = true, "is part of a bond", 1)]
#[case::routed(|f: &mut Facts| first_interface(f).routed = true, "has routes", 1)]
#[case::default_route(|f: &mut Facts| first_interface(f).default_route = true, "default route", 1)]
#[case::no_group(|f: &mut Facts| f.functions[0].vfs[0].group = None, "IOMMU off", 1)]
#[case::iommu_off(
    |f: &mut Facts| f.functions[0].vfs.iter_mut().for_each(|vf| vf.group = None),
    "IOMMU off: 2 functions",
    0
)]
#[case::route_of_the_card(
    |f: &mut Facts| f.functions[0].interfaces[0].default_route = true,
    "the node's default route goes through ens1f0",
    0
)]
#[case::kubelet_silent(|f: &mut Facts| f.kubelet = None, "the kubelet does not answer", 0)]
#[case::a_card_of_its_own(
    |f: &mut Facts| f.functions.push(PhysicalFunction { address: address(0), ..PhysicalFunction::default() }),
    "not a virtual function",
    1
)]
#[case::another_network_namespace(
    |f: &mut Facts| f.functions[0].vfs[0].interfaces.clear(),
    "iavf has it and no interface of it is seen",
    1
)]
#[case::igb_uio(
    |f: &mut Facts| {
        let vf = &mut f.functions[0].vfs[0];
        vf.driver = Some("igb_uio".to_owned());
        vf.interfaces.clear();
    },
    "dpdk-devbind.py -u 0000:3b:02.0",
    1
)]
fn function_is_left_alone(
    #[case] change: fn(&mut Facts),
    #[case] expected: &str,
    #[case] bound: usize,
) {
    let mut facts = facts(2);
    change(&mut facts);
    let plan = planned(&facts, binding(2));
    assert_eq!(plan.steps.len(), bound, "{plan:?}");
    let is_first =
        |step: &Step| matches!(step, Step::BindVfio { address: at, .. } if *at == address(0));
    assert!(!plan.steps.iter().any(is_first), "{plan:?}");
    assert_eq!(plan.refusals.len(), 1, "{plan:?}");
    assert!(plan.refusals[0].reason.contains(expected), "{plan:?}");
}

#[rstest]
#[case::interface_of_a_function("ens1f0v0", "name its card instead")]
#[case::address_of_a_function("0000:3b:02.0", "name its card instead")]
fn what_is_no_card_is_refused(#[case] name: &str, #[case] expected: &str) {
    let binding = Binding {
        physical_function: name.to_owned(),
        ..binding(2)
    };
    let plan = planned(&facts(2), binding);
    assert_eq!(plan.steps, []);
    assert_eq!(plan.refusals[0].device, name);
    assert!(plan.refusals[0].reason.contains(expected), "{plan:?}");
}

/// One config serves all nodes: who has another card has nothing to refuse.
#[test]
fn card_of_another_node_is_only_named() {
    let other = Binding {
        physical_function: "ens9".to_owned(),
        ..binding(2)
    };
    let expected = Plan {
        absent: vec!["ens9".to_owned()],
        ..Plan::default()
    };
    assert_eq!(planned(&facts(2), other), expected);
}

#[test]
fn card_is_found_by_its_address_and_followed_once() {
    let by_address = Binding {
        physical_function: PF.to_owned(),
        ..binding(0)
    };
    let config = Config {
        binder: vec![by_address, binding(8)],
        ..Config::default()
    };
    let plan = plan(&facts(0), &config);
    assert_eq!(plan.steps, []);
    assert!(plan.refusals[0].reason.contains("twice"), "{plan:?}");
}

#[test]
fn functions_beyond_the_number_that_is_wanted_are_not_bound() {
    let mut facts = facts(4);
    facts.kubelet = Some(holding(3));
    let plan = planned(&facts, binding(2));
    assert_eq!(plan.steps.len(), 2, "{plan:?}");
    assert_eq!(plan.refusals.len(), 1, "{plan:?}");
}

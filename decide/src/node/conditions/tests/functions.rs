//! What is told of functions whose cards the config names, and of those that an operator could bind.

use super::*;
use crate::node::assess::{Holder, VfReason, VfVerdict, assess};
use crate::node::config::Binding;
use crate::node::facts::{ContainerDevices, Interface, PhysicalFunction, VirtualFunction};

const PF: &str = "0000:3b:00.0";
const VF: &str = "0000:3b:02.0";
const UNBOUND: &str = "FunctionsNotBound 1 VF of intel.com/intel_sriov_vm is not on vfio-pci (0000:3b:02.0): dpdk-devbind.py -b vfio-pci ADDRESS, or name their card in the exporter's binder";

fn named(name: &str) -> Interface {
    Interface {
        name: name.to_owned(),
        ..Interface::default()
    }
}

/// A card with one function, which has the host's driver and an interface that nobody uses.
fn card() -> PhysicalFunction {
    let vf = VirtualFunction {
        address: VF.to_owned(),
        driver: Some("iavf".to_owned()),
        interfaces: vec![named("ens1f0v0")],
        ..VirtualFunction::default()
    };
    PhysicalFunction {
        address: PF.to_owned(),
        total_vfs: 8,
        num_vfs: 1,
        interfaces: vec![named("ens1f0")],
        vfs: vec![vf],
        ..PhysicalFunction::default()
    }
}

/// All is well but for one function that belongs to the pool and is not on vfio-pci.
fn unbound() -> World {
    let mut world = well();
    world.facts.functions = vec![card()];
    world.assessment.vfs = vec![VfVerdict {
        address: VF.to_owned(),
        pool: Some(RESOURCE.to_owned()),
        reasons: BTreeSet::from([VfReason::HostDriver]),
        ..VfVerdict::default()
    }];
    world
}

fn binding(name: &str) -> Binding {
    Binding {
        physical_function: name.to_owned(),
        num_vfs: 8,
        vfio: true,
    }
}

fn vf(world: &mut World) -> &mut VirtualFunction {
    &mut world.facts.functions[0].vfs[0]
}

#[rstest]
#[case::idle(|_: &mut World| {}, &[UNBOUND])]
#[case::without_driver(
    |world: &mut World| {
        vf(world).driver = None;
        vf(world).interfaces.clear();
        world.assessment.vfs[0].reasons = BTreeSet::from([VfReason::NoDriver]);
    },
    &[UNBOUND]
)]
#[case::held(|world: &mut World| world.assessment.vfs[0].holder = Some(Holder::default()), &[])]
#[case::kubelet_silent(|world: &mut World| world.facts.kubelet = None, &[])]
#[case::kubelet_half_unreadable(|world: &mut World| world.problem(Area::Kubelet, "/some/socket"), &[])]
#[case::up_on_the_host(|world: &mut World| vf(world).interfaces[0].up = true, &[])]
#[case::routed(|world: &mut World| vf(world).interfaces[0].routed = true, &[])]
#[case::in_a_bond(|world: &mut World| vf(world).interfaces[0].enslaved = true, &[])]
#[case::in_another_network_namespace(|world: &mut World| vf(world).interfaces.clear(), &[])]
#[case::card_of_the_default_route(
    |world: &mut World| world.facts.functions[0].interfaces[0].default_route = true,
    &[]
)]
#[case::card_half_unreadable(
    |world: &mut World| {
        world.problem(Area::Functions, "/sys/bus/pci/devices/0000:3b:00.0/net");
        world.pool().node_allocatable = 0;
        world.pool().advertised = 0;
    },
    &["DevicePluginGone intel.com/intel_sriov_vm: the kubelet knows 8 devices and offers 0: device plugin gone, or not registered again: kubectl get pods -n kube-system -l app=sriovdp -o wide; can't be read: /sys/bus/pci/devices/0000:3b:00.0/net: Permission denied (os error 13)"]
)]
#[case::card_of_the_binder(
    |world: &mut World| world.config.binder = vec![Binding { num_vfs: 1, ..binding("ens1f0") }],
    &["BinderRefused the binder leaves alone 0000:3b:00.0: IOMMU off: 1 function is in no IOMMU group; boot with intel_iommu=on or amd_iommu=on"]
)]
#[case::meant_for_the_host(
    |world: &mut World| world.config.binder = vec![Binding { num_vfs: 1, vfio: false, ..binding(PF) }],
    &[]
)]
#[case::another_card_of_the_binder(|world: &mut World| world.config.binder = vec![binding("ens9")], &[UNBOUND])]
fn only_who_hurts_nobody_is_told_to_bind(
    #[case] change: fn(&mut World),
    #[case] expected: &[&str],
) {
    let mut world = unbound();
    change(&mut world);
    assert_eq!(world.advice(), expected);
}

/// As after a restart of the kubelet: the pod of a DPDK function goes on, and nobody says whose it is.
#[rstest]
#[case::kubelet_answers(true)]
#[case::kubelet_is_silent(false)]
fn function_of_a_pod_is_never_to_be_bound(#[case] answers: bool) {
    let mut world = unbound();
    let devices = BTreeMap::from([(
        "another/resource".to_owned(),
        BTreeSet::from([VF.to_owned()]),
    )]);
    let container = ContainerDevices {
        devices,
        ..ContainerDevices::default()
    };
    world.facts.kubelet = answers.then(|| KubeletFacts {
        containers: vec![container],
        ..KubeletFacts::default()
    });
    let advice = assess(&world.facts, &world.cluster, &world.config).advice;
    let told: Vec<&str> = advice.iter().map(|advice| advice.reason).collect();
    assert!(!told.contains(&"FunctionsNotBound"), "{told:?}");
}

#[rstest]
#[case::no_such_card(
    |world: &mut World| world.config.binder = vec![binding("ens9")],
    Status::True, "InSync", "are advertised; the binder names cards that are not seen on this node: ens9"
)]
#[case::no_such_card_and_no_pools(
    |world: &mut World| {
        world.config.binder = vec![binding("ens9"), binding("ens8")];
        world.assessment.pools.clear();
    },
    Status::True, "NoPools", "the binder names cards that are not seen on this node: ens9, ens8"
)]
#[case::one_of_two_is_refused(
    |world: &mut World| world.config.binder = vec![binding("ens9"), binding("ens1f0v0")],
    Status::False, "BinderRefused",
    "the binder leaves alone ens1f0v0: it is a virtual function: name its card instead; the binder names cards that are not seen on this node: ens9"
)]
#[case::kubelet_silent(
    |world: &mut World| { world.config.binder = vec![binding("ens9")]; world.facts.kubelet = None; },
    Status::Unknown, "KubeletSilent", "not seen on this node: ens9"
)]
#[case::no_pools_and_the_kubelet_is_unreadable(
    |world: &mut World| {
        world.assessment.pools.clear();
        world.facts.kubelet = None;
        world.problem(Area::Kubelet, "/var/lib/kubelet/pod-resources/kubelet.sock");
    },
    Status::True, "NoPools", "can't be read: /var/lib/kubelet/pod-resources/kubelet.sock: Permission denied"
)]
#[case::no_pools_and_cards_are_unreadable(
    |world: &mut World| {
        world.assessment.pools.clear();
        world.problem(Area::Functions, "/sys/bus/pci/devices");
    },
    Status::True, "NoPools", "can't be read: /sys/bus/pci/devices: Permission denied"
)]
fn device_plugin_in_sync(
    #[case] change: fn(&mut World),
    #[case] status: Status,
    #[case] reason: &str,
    #[case] says: &str,
) {
    let mut world = unbound();
    change(&mut world);
    let finding = world.finding(ConditionKind::DevicePluginInSync);
    assert_eq!((finding.status, finding.reason), (status, reason));
    assert!(finding.message.contains(says), "{finding:?}");
}

/// One config serves all nodes, also those without the card.
#[test]
fn card_of_other_nodes_is_no_reason_for_an_event() {
    let mut world = well();
    world.config.binder = vec![binding("ens1f0")];
    assert_eq!(world.advice(), Vec::<String>::new());
}

#[test]
fn many_refusals_of_the_binder_fit() {
    let mut world = unbound();
    let interface = |number| format!("{}{number}", "ens".repeat(80));
    vf(&mut world).interfaces = (0..64).map(|number| named(&interface(number))).collect();
    world.config.binder = (0..64).map(|number| binding(&interface(number))).collect();
    let finding = world.finding(ConditionKind::DevicePluginInSync);
    assert_eq!(finding.reason, "BinderRefused");
    assert!(finding.message.ends_with('…'), "{finding:?}");
}

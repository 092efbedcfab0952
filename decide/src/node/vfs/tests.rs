use rstest::rstest;

use super::*;
use crate::node::cluster::{Node as ApiNode, Pod};
use crate::node::facts::{ContainerDevices, Problem};

const RESOURCE: &str = "intel.com/intel_sriov_vm";
const VF: &str = "0000:3b:02.0";

/// A function that is free in every respect.
fn vf() -> VirtualFunction {
    VirtualFunction {
        address: VF.to_owned(),
        vendor: "8086".to_owned(),
        device: "154c".to_owned(),
        driver: Some("vfio-pci".to_owned()),
        group: Some(IommuGroup::default()),
        ..VirtualFunction::default()
    }
}

fn port() -> Interface {
    Interface {
        name: "ens1f0".to_owned(),
        operstate: "up".to_owned(),
        carrier: Some(true),
        up: true,
        ..Interface::default()
    }
}

fn pf(vfs: Vec<VirtualFunction>) -> PhysicalFunction {
    PhysicalFunction {
        address: "0000:3b:00.0".to_owned(),
        total_vfs: 64,
        num_vfs: 8,
        numa: Some(1),
        interfaces: vec![port()],
        vfs,
        ..PhysicalFunction::default()
    }
}

fn kubelet(advertised: &[&str]) -> KubeletFacts {
    let devices = advertised
        .iter()
        .map(|id| ((*id).to_owned(), BTreeSet::new()));
    KubeletFacts {
        allocatable: BTreeMap::from([(RESOURCE.to_owned(), devices.collect())]),
        ..KubeletFacts::default()
    }
}

fn facts() -> Facts {
    Facts {
        functions: vec![pf(vec![vf()])],
        kubelet: Some(kubelet(&[VF])),
        ..Facts::default()
    }
}

fn pool() -> VfPool {
    VfPool {
        resource: RESOURCE.to_owned(),
        vendors: BTreeSet::new(),
        devices: BTreeSet::new(),
        interfaces: BTreeSet::new(),
    }
}

fn config(pools: Vec<VfPool>) -> Config {
    Config {
        vf_pools: pools,
        ..Config::default()
    }
}

fn held_by(pod: &str) -> ContainerDevices {
    ContainerDevices {
        namespace: "default".to_owned(),
        pod: pod.to_owned(),
        container: "compute".to_owned(),
        devices: BTreeMap::from([(RESOURCE.to_owned(), BTreeSet::from([VF.to_owned()]))]),
        ..ContainerDevices::default()
    }
}

fn launcher(ended: bool) -> Cluster {
    let pod = Pod {
        namespace: "default".to_owned(),
        name: "launcher".to_owned(),
        machine: Some("vm1".to_owned()),
        ended,
        ..Pod::default()
    };
    Cluster {
        pods: vec![pod],
        ..Cluster::default()
    }
}

fn first_function(facts: &mut Facts) -> &mut VirtualFunction {
    &mut facts.functions[0].vfs[0]
}

fn first_port(facts: &mut Facts) -> &mut Interface {
    &mut facts.functions[0].interfaces[0]
}

fn group_with(driver: Option<&str>) -> IommuGroup {
    let others = BTreeMap::from([("0000:3b:02.1".to_owned(), driver.map(str::to_owned))]);
    IommuGroup {
        others,
        ..IommuGroup::default()
    }
}

#[rstest]
#[case::nothing_wrong(|_: &mut Facts| {}, &[])]
#[case::no_driver(|facts: &mut Facts| first_function(facts).driver = None, &[VfReason::NoDriver])]
#[case::host_driver(
    |facts: &mut Facts| first_function(facts).driver = Some("iavf".to_owned()),
    &[VfReason::HostDriver]
)]
#[case::iommu_off(|facts: &mut Facts| first_function(facts).group = None, &[VfReason::NoIommuGroup])]
#[case::no_protection(
    |facts: &mut Facts| first_function(facts).group = Some(IommuGroup {
        name: Some("vfio-noiommu".to_owned()),
        ..IommuGroup::default()
    }),
    &[VfReason::NoIommuProtection]
)]
#[case::group_shared_with_the_host(
    |facts: &mut Facts| first_function(facts).group = Some(group_with(Some("iavf"))),
    &[VfReason::GroupNotViable]
)]
#[case::group_shared_with_vfio(
    |facts: &mut Facts| first_function(facts).group = Some(group_with(Some("vfio-pci"))),
    &[]
)]
#[case::group_shared_with_a_bridge(
    |facts: &mut Facts| first_function(facts).group = Some(group_with(Some("pcieport"))),
    &[]
)]
#[case::group_shared_with_an_unbound_device(
    |facts: &mut Facts| first_function(facts).group = Some(group_with(None)),
    &[]
)]
#[case::not_advertised(
    |facts: &mut Facts| facts.kubelet = Some(kubelet(&[])),
    &[VfReason::NotAdvertised]
)]
#[case::advertised_under_another_resource(
    |facts: &mut Facts| {
        let devices = BTreeMap::from([(VF.to_owned(), BTreeSet::new())]);
        let allocatable = BTreeMap::from([("intel.com/other".to_owned(), devices)]);
        facts.kubelet = Some(KubeletFacts { allocatable, ..KubeletFacts::default() });
    },
    &[VfReason::NotAdvertised]
)]
#[case::allocated(
    |facts: &mut Facts| facts.kubelet.as_mut().unwrap().containers.push(held_by("launcher")),
    &[VfReason::Allocated]
)]
#[case::default_route(
    |facts: &mut Facts| first_port(facts).default_route = true,
    &[VfReason::DefaultRoute]
)]
#[case::kubelet_silent(|facts: &mut Facts| facts.kubelet = None, &[VfReason::KubeletSilent])]
#[case::link_down(
    |facts: &mut Facts| *first_port(facts) = Interface { name: "ens1f0".to_owned(), operstate: "down".to_owned(), ..Interface::default() },
    &[VfReason::LinkDown]
)]
#[case::each_on_its_own(
    |facts: &mut Facts| {
        first_function(facts).driver = None;
        first_function(facts).group = None;
        first_port(facts).default_route = true;
        facts.kubelet = Some(kubelet(&[]));
    },
    &[VfReason::NoDriver, VfReason::NoIommuGroup, VfReason::NotAdvertised, VfReason::DefaultRoute]
)]
fn reasons_against_a_function(#[case] change: fn(&mut Facts), #[case] expected: &[VfReason]) {
    let mut facts = facts();
    change(&mut facts);
    let (vfs, pools) = verdicts(&facts, &launcher(false), &config(vec![pool()]));
    assert_eq!(vfs[0].reasons, expected.iter().copied().collect());
    let is_free = expected.iter().all(|reason| reason.is_soft());
    assert_eq!(vfs[0].is_free(), is_free);
    assert_eq!(pools[0].free, u32::from(is_free));
    assert_eq!(pools[0].discovered, 1);
}

#[test]
fn holder_tells_the_machine() {
    let mut facts = facts();
    facts
        .kubelet
        .as_mut()
        .unwrap()
        .containers
        .push(held_by("launcher"));
    let (vfs, pools) = verdicts(&facts, &launcher(false), &config(vec![pool()]));
    let holder = vfs[0].holder.clone().unwrap();
    assert_eq!(holder.pod, "launcher");
    assert_eq!(holder.virtual_machine.as_deref(), Some("default/vm1"));
    assert_eq!(pools[0].allocated, 1);
}

#[test]
fn pod_that_has_ended_holds_nothing() {
    let mut facts = facts();
    facts
        .kubelet
        .as_mut()
        .unwrap()
        .containers
        .push(held_by("launcher"));
    let (vfs, pools) = verdicts(&facts, &launcher(true), &config(vec![pool()]));
    assert_eq!(vfs[0].holder, None);
    assert_eq!((pools[0].free, pools[0].allocated), (1, 0));
}

#[test]
fn pod_that_the_watch_has_not_seen_holds_its_function() {
    let mut facts = facts();
    facts
        .kubelet
        .as_mut()
        .unwrap()
        .containers
        .push(held_by("new"));
    let (vfs, _) = verdicts(&facts, &launcher(true), &config(vec![pool()]));
    assert_eq!(vfs[0].holder.as_ref().unwrap().pod, "new");
    assert_eq!(vfs[0].holder.as_ref().unwrap().virtual_machine, None);
}

#[rstest]
#[case::selects_all(pool(), true)]
#[case::vendor(VfPool { vendors: BTreeSet::from(["8086".to_owned()]), ..pool() }, true)]
#[case::other_vendor(VfPool { vendors: BTreeSet::from(["15b3".to_owned()]), ..pool() }, false)]
#[case::device(VfPool { devices: BTreeSet::from(["154c".to_owned()]), ..pool() }, true)]
#[case::device_of_the_card(VfPool { devices: BTreeSet::from(["158b".to_owned()]), ..pool() }, false)]
#[case::interface(VfPool { interfaces: BTreeSet::from(["ens1f0".to_owned()]), ..pool() }, true)]
#[case::other_interface(VfPool { interfaces: BTreeSet::from(["ens1f1".to_owned()]), ..pool() }, false)]
fn pool_selects_by_all_that_it_names(#[case] pool: VfPool, #[case] expected: bool) {
    let (vfs, pools) = verdicts(&facts(), &Cluster::default(), &config(vec![pool]));
    assert_eq!(vfs[0].pool.is_some(), expected);
    assert_eq!(vfs[0].is_free(), expected);
    assert_eq!(pools[0].discovered, u32::from(expected));
}

#[test]
fn function_belongs_to_the_first_pool_that_selects_it() {
    let all = VfPool {
        resource: "intel.com/all".to_owned(),
        ..pool()
    };
    let (vfs, pools) = verdicts(&facts(), &Cluster::default(), &config(vec![pool(), all]));
    assert_eq!(vfs[0].pool.as_deref(), Some(RESOURCE));
    assert_eq!((pools[0].discovered, pools[1].discovered), (1, 0));
}

fn unreadable(facts: &mut Facts) {
    facts.problems.push(Problem {
        area: Area::Functions,
        path: "/sys/bus/pci/devices/0000:3b:00.1/class".to_owned(),
        reason: "I/O error".to_owned(),
    });
}

#[test]
fn functions_beyond_their_number_are_not_there() {
    let mut facts = facts();
    facts.functions[0].num_vfs = 0;
    let (vfs, pools) = verdicts(&facts, &Cluster::default(), &config(vec![pool()]));
    assert_eq!(vfs, []);
    assert_eq!(pools[0].stale, [VF]);
}

#[rstest]
#[case::advertised(|_: &mut Facts| {}, &[], &[])]
#[case::waits_for_the_device_plugin(|facts: &mut Facts| facts.kubelet = Some(kubelet(&[])), &[VF], &[])]
#[case::waits_while_a_pod_holds_it(
    |facts: &mut Facts| facts.kubelet = Some(KubeletFacts { containers: vec![held_by("launcher")], ..kubelet(&[]) }),
    &[VF],
    &[]
)]
#[case::not_good_for_a_vm_anyway(
    |facts: &mut Facts| {
        facts.kubelet = Some(kubelet(&[]));
        first_function(facts).group = None;
    },
    &[],
    &[]
)]
#[case::host_driver_came_back(
    |facts: &mut Facts| first_function(facts).driver = Some("iavf".to_owned()),
    &[],
    &[VF]
)]
#[case::gone(|facts: &mut Facts| facts.functions.clear(), &[], &[VF])]
#[case::kubelet_silent(|facts: &mut Facts| facts.kubelet = None, &[], &[])]
#[case::gone_or_unreadable(|facts: &mut Facts| { facts.functions.clear(); unreadable(facts); }, &[], &[])]
#[case::waits_or_else_is_unreadable(
    |facts: &mut Facts| { facts.kubelet = Some(kubelet(&[])); unreadable(facts); },
    &[],
    &[]
)]
fn what_differs_from_the_kubelet(
    #[case] change: fn(&mut Facts),
    #[case] unadvertised: &[&str],
    #[case] stale: &[&str],
) {
    let mut facts = facts();
    change(&mut facts);
    let (_, pools) = verdicts(&facts, &launcher(false), &config(vec![pool()]));
    assert_eq!(pools[0].unadvertised, unadvertised);
    assert_eq!(pools[0].stale, stale);
}

#[test]
fn pool_tells_what_node_and_kubelet_offer() {
    let node = ApiNode {
        allocatable: BTreeMap::from([(RESOURCE.to_owned(), 7)]),
        ..ApiNode::default()
    };
    let cluster = Cluster {
        node: Some(node),
        ..Cluster::default()
    };
    let (vfs, pools) = verdicts(&facts(), &cluster, &config(vec![pool()]));
    assert_eq!((pools[0].advertised, pools[0].node_allocatable), (1, 7));
    assert_eq!(vfs[0].numa, Some(1));
}

#[rstest]
#[case::up("up", Some(true), true, Some(true))]
#[case::carrier_of_a_driver_without_operstate("unknown", Some(true), true, Some(true))]
#[case::unknown("unknown", None, true, None)]
#[case::no_cable("down", Some(false), true, Some(false))]
#[case::lower_layer("lowerlayerdown", None, true, Some(false))]
#[case::switched_off("down", None, false, Some(false))]
fn link_of_a_card(
    #[case] operstate: &str,
    #[case] carrier: Option<bool>,
    #[case] up: bool,
    #[case] expected: Option<bool>,
) {
    let interface = Interface {
        operstate: operstate.to_owned(),
        carrier,
        up,
        ..Interface::default()
    };
    let pf = PhysicalFunction {
        interfaces: vec![interface],
        ..PhysicalFunction::default()
    };
    assert_eq!(link(&pf), expected);
    assert_eq!(link(&PhysicalFunction::default()), None);
}

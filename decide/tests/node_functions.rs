//! Laws of virtual functions that hold for every node: verdicts, restarts of the device plugin, the binder's plan.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use vmberth_decide::node::assess::{Assessment, ConditionKind, Finding, PoolVerdict, Status};
use vmberth_decide::node::binder::{Plan, Step, plan};
use vmberth_decide::node::cluster::{Cluster, Node, Pod};
use vmberth_decide::node::conditions::{advice, carry, findings};
use vmberth_decide::node::config::{Binding, Config, DevicePlugin, VfPool};
use vmberth_decide::node::device_plugin::{Decision, Restarts, decide};
use vmberth_decide::node::facts::{
    ContainerDevices, Facts, Interface, IommuGroup, KubeletFacts, PhysicalFunction, VirtualFunction,
};
use vmberth_decide::node::{publish, vfs};

const RESOURCES: [&str; 2] = ["intel.com/intel_sriov_vm", "intel.com/intel_sriov_dpdk"];
const DRIVERS: [&str; 4] = ["vfio-pci", "vfio-pci", "iavf", "pci-stub"];

fn interface(name: String) -> impl Strategy<Value = Interface> {
    let rare = || prop::bool::weighted(0.1);
    let states = select(vec!["up", "down", "unknown", "lowerlayerdown"]);
    (
        states,
        any::<Option<bool>>(),
        rare(),
        rare(),
        rare(),
        rare(),
    )
        .prop_map(
            move |(operstate, carrier, up, enslaved, default_route, routed)| Interface {
                name: name.clone(),
                operstate: operstate.to_owned(),
                carrier,
                up,
                enslaved,
                default_route,
                routed,
            },
        )
}

fn group() -> impl Strategy<Value = IommuGroup> {
    let name = option::weighted(0.1, Just("vfio-noiommu".to_owned()));
    let driver = option::of(select(DRIVERS.to_vec()).prop_map(str::to_owned));
    let others = btree_map(Just("0000:00:1f.0".to_owned()), driver, 0..2);
    (name, others).prop_map(|(name, others)| IommuGroup {
        number: 1,
        name,
        others,
    })
}

/// Address of a function of a card; some are those of cards, which no machine would have.
fn address(card: u32, index: u32) -> String {
    if index == 9 {
        format!("0000:3b:00.{card}")
    } else {
        format!("0000:3b:0{}.{index}", card + 1)
    }
}

fn function(card: u32, index: u32) -> impl Strategy<Value = VirtualFunction> {
    (
        option::weighted(0.9, select(DRIVERS.to_vec()).prop_map(str::to_owned)),
        option::weighted(0.9, group()),
        vec(interface(format!("ens{card}v{index}")), 0..2),
        select(vec!["154c", "1889"]),
    )
        .prop_map(move |(driver, group, interfaces, device)| VirtualFunction {
            address: address(card, index),
            index,
            vendor: "8086".to_owned(),
            device: device.to_owned(),
            driver,
            numa: None,
            group,
            interfaces,
        })
}

fn card(number: u32) -> impl Strategy<Value = PhysicalFunction> {
    let functions: Vec<_> = (0..10).map(|index| function(number, index)).collect();
    (
        functions,
        0_u32..12,
        0_u32..12,
        vec(interface(format!("ens{number}")), 0..2),
        any::<bool>(),
    )
        .prop_map(move |(mut vfs, num_vfs, total_vfs, interfaces, all)| {
            if !all {
                vfs.truncate(usize::try_from(num_vfs).unwrap());
            }
            PhysicalFunction {
                address: format!("0000:3b:00.{number}"),
                num_vfs,
                total_vfs,
                interfaces,
                vfs,
                ..PhysicalFunction::default()
            }
        })
}

fn kubelet() -> impl Strategy<Value = KubeletFacts> {
    let id = || (0_u32..2, 0_u32..10).prop_map(|(card, index)| address(card, index));
    let resource = || select(RESOURCES.to_vec()).prop_map(str::to_owned);
    let devices = btree_map(id(), Just(BTreeSet::new()), 0..20);
    let container = (0_u32..4, resource(), id()).prop_map(|(pod, resource, id)| ContainerDevices {
        namespace: "default".to_owned(),
        pod: format!("pod{pod}"),
        container: "compute".to_owned(),
        devices: BTreeMap::from([(resource, BTreeSet::from([id]))]),
        ..ContainerDevices::default()
    });
    (btree_map(resource(), devices, 0..3), vec(container, 0..4)).prop_map(
        |(allocatable, containers)| KubeletFacts {
            allocatable,
            containers,
            ..KubeletFacts::default()
        },
    )
}

fn facts() -> impl Strategy<Value = Facts> {
    (card(0), card(1), option::weighted(0.9, kubelet())).prop_map(|(first, second, kubelet)| {
        Facts {
            functions: vec![first, second],
            kubelet,
            ..Facts::default()
        }
    })
}

fn pods() -> impl Strategy<Value = Vec<Pod>> {
    let pod = (0_u32..4, any::<bool>(), any::<bool>());
    let pods = vec(pod, 0..4);
    pods.prop_map(|pods| {
        let pod = |(number, ended, machine): (u32, bool, bool)| {
            let name = format!("pod{number}");
            let pod = Pod {
                namespace: "default".to_owned(),
                name: name.clone(),
                ended,
                machine: machine.then(|| name.clone()),
                ..Pod::default()
            };
            (name, pod)
        };
        let pods: BTreeMap<String, Pod> = pods.into_iter().map(pod).collect();
        pods.into_values().collect()
    })
}

fn cluster() -> impl Strategy<Value = Cluster> {
    (pods(), any::<bool>()).prop_map(|(pods, known)| Cluster {
        node: known.then(Node::default),
        pods,
        ..Cluster::default()
    })
}

fn config() -> impl Strategy<Value = Config> {
    let text = |text: &str| BTreeSet::from([text.to_owned()]);
    let pool = |resource: &str, devices, interfaces| VfPool {
        resource: resource.to_owned(),
        vendors: BTreeSet::new(),
        devices,
        interfaces,
    };
    let pools = vec![
        vec![],
        vec![pool(RESOURCES[0], BTreeSet::new(), BTreeSet::new())],
        vec![
            pool(RESOURCES[0], text("154c"), BTreeSet::new()),
            pool(RESOURCES[1], BTreeSet::new(), text("ens1")),
        ],
    ];
    let name = select(vec![
        "ens0",
        "ens1",
        "0000:3b:00.0",
        "0000:3b:00.1",
        "ens0v1",
        "ens9",
    ]);
    let binding = (name, 0_u32..12, prop::bool::weighted(0.8));
    let bindings = vec(binding, 0..3);
    (select(pools), bindings).prop_map(|(vf_pools, bindings)| Config {
        vf_pools,
        binder: bindings
            .into_iter()
            .map(|(name, num_vfs, vfio)| Binding {
                physical_function: name.to_owned(),
                num_vfs,
                vfio,
            })
            .collect(),
        ..Config::default()
    })
}

/// Written on its own, from facts 3.5: what must not be pulled from under anybody.
fn is_used(facts: &Facts, vf: &VirtualFunction) -> bool {
    let Some(kubelet) = &facts.kubelet else {
        return true;
    };
    let mut held = kubelet
        .containers
        .iter()
        .flat_map(|container| container.devices.values());
    held.any(|ids| ids.contains(&vf.address))
        || vf.interfaces.iter().any(|interface| {
            interface.up || interface.enslaved || interface.default_route || interface.routed
        })
}

fn touches_used(facts: &Facts, step: &Step) -> bool {
    let of_card = |address: &str| facts.functions.iter().find(|pf| pf.address == *address);
    let is_default = |pf: &PhysicalFunction| pf.interfaces.iter().any(|port| port.default_route);
    match step {
        Step::SetNumVfs { address, from, to } => {
            let pf = of_card(address).unwrap();
            let used = pf.vfs.iter().any(|vf| is_used(facts, vf));
            used || is_default(pf)
                || *to > pf.total_vfs
                || *from != pf.num_vfs
                || (*from > 0 && facts.kubelet.is_none())
        }
        Step::BindVfio { address, from } => {
            let owner = |pf: &&PhysicalFunction| pf.vfs.iter().any(|vf| vf.address == *address);
            let pf = facts.functions.iter().find(owner).unwrap();
            let vf = pf.vfs.iter().find(|vf| vf.address == *address).unwrap();
            is_used(facts, vf)
                || is_default(pf)
                || of_card(address).is_some()
                || vf.group.is_none()
                || vf.driver != *from
                || vf.driver.as_deref() == Some("vfio-pci")
        }
    }
}

fn card_of<'f>(facts: &'f Facts, step: &Step) -> &'f str {
    let (Step::SetNumVfs { address, .. } | Step::BindVfio { address, .. }) = step;
    let is_it = |pf: &&PhysicalFunction| {
        pf.address == *address || pf.vfs.iter().any(|vf| vf.address == *address)
    };
    &facts.functions.iter().find(is_it).unwrap().address
}

fn restarting(grace: u64) -> Config {
    let device_plugin = DevicePlugin {
        restart: true,
        grace: Duration::from_secs(grace),
        ..DevicePlugin::default()
    };
    Config {
        device_plugin,
        ..Config::default()
    }
}

/// What the device plugin meets in one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    InSync,
    Differs,
    KubeletSilent,
    MachineStarts,
}

fn assessed(moment: Moment) -> Assessment {
    let unadvertised = match moment {
        Moment::Differs | Moment::MachineStarts => vec!["0000:3b:02.0".to_owned()],
        Moment::InSync | Moment::KubeletSilent => vec![],
    };
    let status = match moment {
        Moment::InSync => Status::True,
        Moment::Differs | Moment::MachineStarts => Status::False,
        Moment::KubeletSilent => Status::Unknown,
    };
    Assessment {
        pools: vec![PoolVerdict {
            unadvertised,
            ..PoolVerdict::default()
        }],
        findings: vec![Finding {
            kind: ConditionKind::DevicePluginInSync,
            status,
            reason: "",
            message: String::new(),
        }],
        ..Assessment::default()
    }
}

fn node_at(moment: Moment) -> Cluster {
    let plugin = Pod {
        namespace: "kube-system".to_owned(),
        name: "sriovdp".to_owned(),
        labels: BTreeMap::from([("app".to_owned(), "sriovdp".to_owned())]),
        ..Pod::default()
    };
    let launcher = Pod {
        machine: Some("vm".to_owned()),
        starting: moment == Moment::MachineStarts,
        ..Pod::default()
    };
    Cluster {
        pods: vec![plugin, launcher],
        ..Cluster::default()
    }
}

fn is_restart(decision: &Decision) -> bool {
    matches!(decision, Decision::Restart { .. })
}

proptest! {
    #[test]
    fn free_and_not_free_are_all(facts in facts(), cluster in cluster(), config in config()) {
        let (vfs, pools) = vfs::verdicts(&facts, &cluster, &config);
        let there = facts.functions.iter().flat_map(|pf| pf.vfs.iter().filter(|vf| vf.index < pf.num_vfs));
        prop_assert_eq!(vfs.len(), there.count());
        for pool in &pools {
            let members = || vfs.iter().filter(|vf| vf.pool.as_deref() == Some(&pool.resource));
            let free = members().filter(|vf| vf.is_free()).count();
            let not_free = members().filter(|vf| !vf.is_free()).count();
            prop_assert_eq!(u32::try_from(free).unwrap(), pool.free);
            prop_assert_eq!(u32::try_from(free + not_free).unwrap(), pool.discovered);
        }
    }

    #[test]
    fn function_that_is_held_is_not_free(facts in facts(), cluster in cluster(), config in config()) {
        let (vfs, pools) = vfs::verdicts(&facts, &cluster, &config);
        prop_assert!(vfs.iter().all(|vf| !(vf.is_free() && vf.holder.is_some())));
        prop_assert!(pools.iter().all(|pool| pool.free + pool.allocated <= pool.discovered));
        if facts.kubelet.is_none() {
            prop_assert!(pools.iter().all(|pool| pool.free == 0 && pool.unadvertised.is_empty()));
        }
    }

    #[test]
    fn order_of_what_was_read_does_not_matter(facts in facts(), cluster in cluster(), config in config()) {
        let mut turned = facts.clone();
        turned.functions.reverse();
        turned.functions.iter_mut().for_each(|pf| pf.vfs.reverse());
        if let Some(kubelet) = &mut turned.kubelet {
            kubelet.containers.reverse();
        }
        let mut turned_cluster = cluster.clone();
        turned_cluster.pods.reverse();
        let verdicts = vfs::verdicts(&facts, &cluster, &config);
        prop_assert_eq!(&verdicts, &vfs::verdicts(&turned, &turned_cluster, &config));
    }

    #[test]
    fn published_groups_hold_each_function_once(facts in facts(), cluster in cluster(), config in config()) {
        let (vfs, pools) = vfs::verdicts(&facts, &cluster, &config);
        let assessment = Assessment { vfs, pools, ..Assessment::default() };
        for pool in publish::status(&assessment, None, "now").vf_pools {
            prop_assert_eq!(pool.functions.iter().map(|group| group.count).sum::<u32>(), pool.discovered);
            let free = pool.functions.iter().filter(|group| group.state == "Free");
            prop_assert_eq!(free.map(|group| group.count).sum::<u32>(), pool.free);
        }
    }

    #[test]
    fn every_node_has_every_condition_and_short_messages(facts in facts(), cluster in cluster(), config in config()) {
        let (vfs, pools) = vfs::verdicts(&facts, &cluster, &config);
        let mut assessment = Assessment { vfs, pools, ..Assessment::default() };
        assessment.findings = findings(&facts, &cluster, &config, &assessment);
        let kinds: Vec<_> = assessment.findings.iter().map(|finding| finding.kind).collect();
        prop_assert_eq!(kinds, ConditionKind::ALL);
        prop_assert!(assessment.findings.iter().all(|finding| finding.message.len() <= 1024));
        prop_assert!(assessment.findings.iter().all(|finding| !finding.reason.is_empty()));
        let advice = advice(&facts, &cluster, &config, &assessment);
        prop_assert!(advice.iter().all(|advice| advice.message.len() <= 1024));
    }

    #[test]
    fn condition_keeps_its_time_while_its_status_is_the_same(
        statuses in vec(select(vec![Status::True, Status::False, Status::Unknown]), 1..20),
    ) {
        let mut before = Vec::new();
        let mut last: Option<(Status, String)> = None;
        for (round, status) in statuses.into_iter().enumerate() {
            let finding = Finding {
                kind: ConditionKind::HugePagesInSync,
                status,
                reason: "Any",
                message: format!("round {round}"),
            };
            before = carry(&[finding], &before, &round.to_string());
            let expected = match last {
                Some((same, time)) if same == status => time,
                _ => round.to_string(),
            };
            prop_assert_eq!(&before[0].last_transition_time, &expected);
            last = Some((status, expected));
        }
    }

    /// Written with a back-off of its own: so many seconds after the first, second, … restart in a row.
    #[test]
    fn device_plugin_is_never_restarted_twice_within_the_back_off(
        moments in vec(
            (prop_oneof![0_u64..90, 0_u64..2000], select(vec![Moment::Differs, Moment::Differs, Moment::Differs, Moment::InSync, Moment::KubeletSilent, Moment::MachineStarts])),
            0..60,
        ),
        grace in select(vec![0, 60, 600]),
    ) {
        let mut memory = Restarts::default();
        let (mut now, mut last, mut in_a_row, mut since) = (0, None, 0_usize, None);
        for (later, moment) in moments {
            now += later;
            match moment {
                Moment::InSync => (in_a_row, since) = (0, None),
                Moment::Differs | Moment::MachineStarts => since = since.or(Some(now)),
                Moment::KubeletSilent => {}
            }
            let decision = decide(&assessed(moment), &node_at(moment), &restarting(grace), &mut memory, Duration::from_secs(now));
            if is_restart(&decision) {
                prop_assert!(matches!(moment, Moment::Differs | Moment::MachineStarts));
                // A machine that starts is waited for so much longer.
                let patience = if moment == Moment::MachineStarts { 300 } else { 0 };
                prop_assert!(now - since.max(last).unwrap() >= grace + patience);
                let wait = [60, 60, 300, 900].get(in_a_row).copied().unwrap_or(3600);
                prop_assert!(last.is_none_or(|last| now - last >= wait), "{} {:?} {}", now, last, in_a_row);
                (last, in_a_row) = (Some(now), in_a_row + 1);
                prop_assert!(in_a_row <= 4, "what does not help is not done for ever");
            }
        }
    }

    #[test]
    fn device_plugin_is_left_alone_unless_asked_for(moments in vec(select(vec![Moment::Differs, Moment::InSync]), 0..20)) {
        let mut memory = Restarts::default();
        for (hour, moment) in (0..).zip(moments) {
            let now = Duration::from_secs(hour * 3600);
            let decision = decide(&assessed(moment), &node_at(moment), &Config::default(), &mut memory, now);
            prop_assert_eq!(decision, Decision::Nothing);
        }
    }

    #[test]
    fn binder_never_touches_what_is_used(facts in facts(), config in config()) {
        let plan = plan(&facts, &config);
        for step in &plan.steps {
            prop_assert!(!touches_used(&facts, step), "{:?}", step);
        }
    }

    #[test]
    fn binder_does_what_is_asked_for_or_says_why_not(facts in facts(), config in config()) {
        let made = plan(&facts, &config);
        if config.binder.is_empty() {
            prop_assert_eq!(&made, &Plan::default());
        }
        prop_assert!(made.refusals.iter().all(|refusal| !refusal.reason.is_empty()));
        let counted = made.steps.iter().filter(|step| matches!(step, Step::SetNumVfs { .. }));
        let counted: Vec<&str> = counted.map(|step| card_of(&facts, step)).collect();
        let distinct: BTreeSet<&str> = counted.iter().copied().collect();
        prop_assert_eq!(counted.len(), distinct.len());
        let names = |binding: &Binding, pf: &PhysicalFunction| {
            pf.address == binding.physical_function
                || pf.interfaces.iter().any(|port| port.name == binding.physical_function)
        };
        for binding in &config.binder {
            let pf = facts.functions.iter().find(|pf| names(binding, pf));
            let done = pf.is_some_and(|pf| pf.num_vfs == binding.num_vfs);
            let is_told = made.refusals.iter().any(|refusal| {
                refusal.device == binding.physical_function || pf.is_some_and(|pf| pf.address == refusal.device)
            });
            let is_told = is_told || made.absent.contains(&binding.physical_function);
            prop_assert!(done || is_told || pf.is_some_and(|pf| distinct.contains(pf.address.as_str())));
        }
    }
}

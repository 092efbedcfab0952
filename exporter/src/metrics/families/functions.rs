//! Gauges of physical and virtual functions.

use vmberth_decide::node::Assessment;
use vmberth_decide::node::assess::{PoolVerdict, VfReason, VfVerdict};
use vmberth_decide::node::facts::PhysicalFunction;

use super::super::assessment::{Samples, count, number, truth};
use super::Family;

const CARD: &[&str] = &["address", "interface"];
const POOL: &[&str] = &["resource"];

pub(super) const ALL: &[Family] = &[
    Family {
        name: "pf_vfs_supported",
        help: "Most virtual functions that a physical one can have.",
        labels: CARD,
        samples: |assessment, samples| of_each_card(assessment, samples, |it| it.total_vfs),
    },
    Family {
        name: "pf_vfs_configured",
        help: "Virtual functions that a physical one has.",
        labels: CARD,
        samples: |assessment, samples| of_each_card(assessment, samples, |it| it.num_vfs),
    },
    Family {
        name: "pf_link_up",
        help: "1 if an interface of a physical function has a link.",
        labels: CARD,
        samples: |assessment, samples| {
            for card in &assessment.functions {
                for interface in &card.interfaces {
                    let link = interface.carrier == Some(true) || interface.operstate == "up";
                    samples.push([&card.address, &interface.name], truth(link));
                }
            }
        },
    },
    Family {
        name: "vfs",
        help: "Virtual functions of a pool by what they are worth to VMs.",
        labels: &["resource", "state"],
        samples: |assessment, samples| assessment.pools.iter().for_each(|it| states(it, samples)),
    },
    Family {
        name: "vfs_unusable",
        help: "Virtual functions of a pool by each reason why a VM cannot take them, or would be sorry.",
        labels: &["resource", "reason"],
        samples: reasons,
    },
    Family {
        name: "vfs_advertised",
        help: "Virtual functions of a pool that the kubelet may hand out.",
        labels: POOL,
        samples: |assessment, samples| {
            of_each_pool(assessment, samples, |it| f64::from(it.advertised));
        },
    },
    Family {
        name: "vfs_allocatable",
        help: "The node's allocatable resources of a pool, as the API server says.",
        labels: POOL,
        samples: |assessment, samples| {
            of_each_pool(assessment, samples, |it| number(it.node_allocatable));
        },
    },
    Family {
        name: "vfs_unadvertised",
        help: "Virtual functions of a pool that are good for VMs but for the device plugin, which did not see them.",
        labels: POOL,
        samples: |assessment, samples| {
            of_each_pool(assessment, samples, |it| count(it.unadvertised.len()));
        },
    },
    Family {
        name: "vfs_stale",
        help: "Virtual functions of a pool that are advertised though a VM would fail with them.",
        labels: POOL,
        samples: |assessment, samples| {
            of_each_pool(assessment, samples, |it| count(it.stale.len()));
        },
    },
    Family {
        name: "vf_info",
        help: "Always 1; the labels say which pod and VM hold a virtual function.",
        labels: &[
            "address",
            "resource",
            "physical_function",
            "namespace",
            "pod",
            "virtual_machine",
        ],
        samples: |assessment, samples| assessment.vfs.iter().for_each(|it| info(it, samples)),
    },
];

fn of_each_card(
    assessment: &Assessment,
    samples: &mut Samples,
    functions: impl Fn(&PhysicalFunction) -> u32,
) {
    for card in &assessment.functions {
        // Several with switchdev: one series a card all the same.
        let names: Vec<&str> = card.interfaces.iter().map(|it| it.name.as_str()).collect();
        samples.push(
            [&card.address, &names.join(",")],
            f64::from(functions(card)),
        );
    }
}

fn of_each_pool(
    assessment: &Assessment,
    samples: &mut Samples,
    value: impl Fn(&PoolVerdict) -> f64,
) {
    for pool in &assessment.pools {
        samples.push([&pool.resource], value(pool));
    }
}

fn states(pool: &PoolVerdict, samples: &mut Samples) {
    let good = pool.free.saturating_add(pool.allocated);
    let states = [
        ("free", pool.free),
        ("allocated", pool.allocated),
        ("unusable", pool.discovered.saturating_sub(good)),
    ];
    for (state, functions) in states {
        samples.push([&pool.resource, state], f64::from(functions));
    }
}

fn reasons(assessment: &Assessment, samples: &mut Samples) {
    for pool in &assessment.pools {
        let ours = |it: &&VfVerdict| it.pool.as_ref() == Some(&pool.resource);
        for reason in VfReason::ALL {
            let those = assessment.vfs.iter().filter(ours);
            let those = those.filter(|it| it.reasons.contains(&reason));
            samples.push([&pool.resource, reason.as_str()], count(those.count()));
        }
    }
}

fn info(function: &VfVerdict, samples: &mut Samples) {
    let holder = function.holder.as_ref();
    let machine = holder.and_then(|it| it.virtual_machine.as_deref());
    let labels = [
        &function.address,
        function.pool.as_deref().unwrap_or_default(),
        &function.physical_function,
        holder.map(|it| it.namespace.as_str()).unwrap_or_default(),
        holder.map(|it| it.pod.as_str()).unwrap_or_default(),
        machine.unwrap_or_default(),
    ];
    samples.push(labels, 1.0);
}

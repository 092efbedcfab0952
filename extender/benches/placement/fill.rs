//! A fleet is filled: VMs come one after the other, and each is several pods, as KubeVirt and CDI make them.

use crate::cluster::{Cluster, Pod};
use crate::fleet::{Amounts, Case};
use crate::random::Random;

/// What CDI asks for a pod that fills a disk: 100m and 60M.
const FILLER: Amounts = Amounts {
    cpu: 100,
    memory: 58,
    functions: [0; crate::fleet::POOLS],
    pages: 0,
};

/// In which order a VM's pods come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Each disk is uploaded, then the VM starts.
    DisksFirst,
    /// KubeVirt's first pod asks for all of the VM and binds all of its disks at once.
    VmFirst,
}

/// What is to be placed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stage {
    /// The pod that fills this disk.
    Disk(usize),
    /// The pod that runs the VM.
    Vm,
}

/// Who has a say beside kube-scheduler.
pub(crate) trait Say {
    /// A VM is made, with its claims.
    fn comes(&mut self, vm: usize);
    /// Points for the nodes that would do, or nothing for one that won't.
    fn points(&mut self, vm: usize, stage: Stage, nodes: &[usize]) -> Vec<Option<u64>>;
    /// A disk of the VM has got this volume of this node.
    fn bound(&mut self, vm: usize, disk: usize, node: usize, volume: usize);
    /// The VM runs.
    fn runs(&mut self, vm: usize, node: usize);
    /// The VM could not be placed, and is gone with its claims.
    fn gives_up(&mut self, vm: usize);
}

/// What became of a stream.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filled {
    /// VMs that run.
    pub(crate) run: usize,
    /// VMs that ran before the first that did not.
    pub(crate) before_first_refusal: usize,
    /// VMs that can never run: their disks lie on two nodes, or on one that has not what they need, or whose disk is full.
    pub(crate) pinned: usize,
    /// VMs with a disk on a node where they could run if others were gone.
    pub(crate) waiting: usize,
}

/// Fills the fleet of a case with its stream.
pub(crate) fn fill(case: &Case, order: Order, say: &mut dyn Say) -> Filled {
    let mut cluster = Cluster::of(case);
    let mut filled = Filled::default();
    let mut random = Random::of(1);
    for vm in 0..case.stream.len() {
        say.comes(vm);
        match place(case, vm, order, &mut cluster, &mut random, say) {
            Fate::Runs => {
                if filled.run == vm {
                    filled.before_first_refusal += 1;
                }
                filled.run += 1;
            }
            Fate::Pinned => filled.pinned += 1,
            Fate::Waits => filled.waiting += 1,
            Fate::Refused => say.gives_up(vm),
        }
    }
    filled
}

enum Fate {
    Runs,
    Refused,
    Pinned,
    Waits,
}

fn place(
    case: &Case,
    vm: usize,
    order: Order,
    cluster: &mut Cluster,
    random: &mut Random,
    say: &mut dyn Say,
) -> Fate {
    let kind = &case.kinds[case.stream[vm]];
    let mut bound_on = Vec::new();
    if order == Order::DisksFirst {
        for (disk, gib) in kind.disks.iter().enumerate() {
            let pod = Pod {
                amounts: FILLER,
                open: vec![*gib],
                ..Pod::default()
            };
            let Some(node) = best(cluster, &pod, random, |nodes| {
                say.points(vm, Stage::Disk(disk), nodes)
            }) else {
                return if bound_on.is_empty() {
                    Fate::Refused
                } else {
                    Fate::Waits
                };
            };
            let volume = cluster.bind(node, &[*gib])[0];
            say.bound(vm, disk, node, volume);
            bound_on.push(node);
            if !cluster.fill(node, *gib) {
                return Fate::Pinned;
            }
        }
    }
    let pod = Pod {
        amounts: kind.amounts,
        open: if bound_on.is_empty() {
            kind.disks.clone()
        } else {
            Vec::new()
        },
        bound_on,
    };
    let Some(node) = best(cluster, &pod, random, |nodes| {
        say.points(vm, Stage::Vm, nodes)
    }) else {
        return unplaced(case, kind.amounts, &pod.bound_on);
    };
    for (disk, volume) in cluster.bind(node, &pod.open).into_iter().enumerate() {
        say.bound(vm, disk, node, volume);
    }
    if !pod.open.iter().all(|gib| cluster.fill(node, *gib)) {
        return Fate::Pinned;
    }
    cluster.run(node, kind.amounts);
    say.runs(vm, node);
    Fate::Runs
}

/// What becomes of a VM whose pod no node takes, by where its disks lie.
fn unplaced(case: &Case, needs: Amounts, bound_on: &[usize]) -> Fate {
    let Some(node) = bound_on.first() else {
        return Fate::Refused;
    };
    let on_one = bound_on.iter().all(|on| on == node);
    if on_one && case.nodes[*node].amounts.has(needs) {
        Fate::Waits
    } else {
        Fate::Pinned
    }
}

/// The node with the most points: an extender's ten count like a plugin's hundred, each 200 times, with the chart's weight of 200.
/// Of equals kube-scheduler takes any.
fn best(
    cluster: &Cluster,
    pod: &Pod,
    random: &mut Random,
    points: impl FnOnce(&[usize]) -> Vec<Option<u64>>,
) -> Option<usize> {
    let would_do = cluster.would_do(pod);
    let nodes: Vec<usize> = would_do.iter().map(|(node, _)| *node).collect();
    let all = would_do.iter().zip(points(&nodes));
    let sums = all.filter_map(|((node, own), extender)| Some((*node, own + extender? * 2000)));
    let sums: Vec<(usize, u64)> = sums.collect();
    let most = sums.iter().map(|(_, points)| *points).max()?;
    let best: Vec<usize> = sums
        .iter()
        .filter(|it| it.1 == most)
        .map(|it| it.0)
        .collect();
    Some(random.one(&best))
}

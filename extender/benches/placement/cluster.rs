//! The fleet as it fills, and what kube-scheduler itself does with a pod: which nodes would do, how good each is by its own
//! rules, and which volumes are bound. A model of its source, named so: plugins NodeResourcesFit with LeastAllocated,
//! NodeResourcesBalancedAllocation and VolumeBinding (Kubernetes 1.35).

use crate::fleet::{Amounts, Case, NodeHas};

/// What one pod asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pod {
    pub(crate) amounts: Amounts,
    /// GiB of its claims without a volume.
    pub(crate) open: Vec<u64>,
    /// Nodes of its claims that have one.
    pub(crate) bound_on: Vec<usize>,
}

/// A node as it fills.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    all: Amounts,
    free: Amounts,
    /// GiB of each volume, and whether it is taken.
    volumes: Vec<(u64, bool)>,
    /// GiB that are left for disks.
    disk: u64,
}

/// All nodes.
#[derive(Debug, Clone)]
pub(crate) struct Cluster(Vec<Node>);

impl Cluster {
    pub(crate) fn of(case: &Case) -> Self {
        let node = |has: &NodeHas| Node {
            all: has.amounts,
            free: has.amounts,
            volumes: has.volumes.iter().map(|gib| (*gib, false)).collect(),
            disk: has.disk,
        };
        Self(case.nodes.iter().map(node).collect())
    }

    /// Nodes that would do for the pod, each with kube-scheduler's own points for it.
    pub(crate) fn would_do(&self, pod: &Pod) -> Vec<(usize, u64)> {
        let nodes = self.0.iter().enumerate();
        let fits = nodes.filter(|(at, node)| {
            node.free.has(pod.amounts)
                && pod.bound_on.iter().all(|on| on == at)
                && node.smallest_volumes(&pod.open).is_some()
        });
        fits.map(|(at, node)| (at, node.points(pod))).collect()
    }

    /// Binds the pod's claims there; the places of their volumes, in the order of the claims.
    pub(crate) fn bind(&mut self, at: usize, claims: &[u64]) -> Vec<usize> {
        let node = &mut self.0[at];
        let chosen = node.smallest_volumes(claims).unwrap_or_default();
        for volume in &chosen {
            node.volumes[*volume].1 = true;
        }
        chosen
    }

    /// Fills a disk; `false` if the file system is full before.
    pub(crate) fn fill(&mut self, at: usize, gib: u64) -> bool {
        let disk = &mut self.0[at].disk;
        match disk.checked_sub(gib) {
            Some(left) => *disk = left,
            None => return false,
        }
        true
    }

    /// Gives the pod of a VM what it asks for, for good.
    pub(crate) fn run(&mut self, at: usize, amounts: Amounts) {
        let free = &mut self.0[at].free;
        free.cpu -= amounts.cpu;
        free.memory -= amounts.memory;
        free.pages -= amounts.pages;
        for (free, taken) in free.functions.iter_mut().zip(amounts.functions) {
            *free -= taken;
        }
    }
}

impl Node {
    /// VolumeBinding: the claims in the order of their sizes, each the smallest volume that is left; no way back.
    fn smallest_volumes(&self, claims: &[u64]) -> Option<Vec<usize>> {
        let mut order: Vec<usize> = (0..claims.len()).collect();
        order.sort_by_key(|at| claims[*at]);
        let mut chosen = vec![usize::MAX; claims.len()];
        for claim in order {
            let volumes = self.volumes.iter().enumerate();
            let free = volumes.filter(|(at, (gib, taken))| {
                !taken && *gib >= claims[claim] && !chosen.contains(at)
            });
            chosen[claim] = free.min_by_key(|(_, (gib, _))| *gib)?.0;
        }
        Some(chosen)
    }

    /// LeastAllocated and BalancedAllocation, each from 0 to 100, of processors and memory.
    fn points(&self, pod: &Pod) -> u64 {
        let share = |free: u64, asked: u64, all: u64| {
            let used = all - free + asked;
            (used * 1000).checked_div(all).unwrap_or(1000).min(1000)
        };
        let cpu = share(self.free.cpu, pod.amounts.cpu, self.all.cpu);
        let memory = share(self.free.memory, pod.amounts.memory, self.all.memory);
        let least = (2000 - cpu - memory) / 20;
        // Of two shares the standard deviation is half of their difference.
        let balanced = (1000 - cpu.abs_diff(memory) / 2) / 10;
        least + balanced
    }
}

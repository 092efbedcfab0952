//! Fleets of edge nodes and streams of VMs, made by chance from a seed.

use crate::random::Random;

/// Bytes of a GiB.
pub(crate) const GI: u64 = 1 << 30;
/// Kinds of virtual functions.
pub(crate) const POOLS: usize = 2;

/// What is counted, of a node or for a VM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amounts {
    /// Thousandths of a processor.
    pub(crate) cpu: u64,
    /// MiB of ordinary memory.
    pub(crate) memory: u64,
    /// Virtual functions of each kind.
    pub(crate) functions: [u64; POOLS],
    /// Huge pages of 1Gi.
    pub(crate) pages: u64,
}

/// What a node has.
#[derive(Debug, Clone)]
pub(crate) struct NodeHas {
    pub(crate) amounts: Amounts,
    /// GiB of each volume.
    pub(crate) volumes: Vec<u64>,
    /// GiB that the file system of all of them holds.
    pub(crate) disk: u64,
}

/// A kind of VMs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) amounts: Amounts,
    /// GiB of each disk.
    pub(crate) disks: Vec<u64>,
}

/// A fleet, and VMs that come to it one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) nodes: Vec<NodeHas>,
    pub(crate) kinds: Vec<Kind>,
    /// The kind of each VM.
    pub(crate) stream: Vec<usize>,
}

impl Amounts {
    /// Each with its counterpart.
    pub(crate) fn zip(self, other: Self) -> impl Iterator<Item = (u64, u64)> {
        [
            (self.cpu, other.cpu),
            (self.memory, other.memory),
            (self.pages, other.pages),
        ]
        .into_iter()
        .chain(self.functions.into_iter().zip(other.functions))
    }

    /// Whether there is as much of each as is needed.
    pub(crate) fn has(self, needs: Self) -> bool {
        self.zip(needs).all(|(has, needs)| has >= needs)
    }
}

impl Case {
    /// A fleet of so many nodes, and so many VMs for each of them.
    pub(crate) fn of(seed: u64, nodes: usize, vms_per_node: usize) -> Self {
        let random = &mut Random::of(seed);
        let nodes: Vec<NodeHas> = (0..nodes).map(|_| node(random)).collect();
        let count = random.within(3, 7);
        let mut kinds = Vec::new();
        while (kinds.len() as u64) < count {
            let kind = kind(random);
            // What hardly any node could hold leaves nothing to choose.
            let could = nodes.iter().filter(|node| could_hold(node, &kind));
            if could.count() * 3 >= nodes.len() {
                kinds.push(kind);
            }
        }
        let stream = (0..nodes.len() * vms_per_node)
            .map(|_| usize::try_from(random.below(count)).unwrap())
            .collect();
        Self {
            nodes,
            kinds,
            stream,
        }
    }
}

/// Half of the nodes have functions and most have pages; volumes are cut in four sizes, and the disk below them holds all of
/// them, or not quite.
fn node(random: &mut Random) -> NodeHas {
    let count = random.within(4, 10);
    let volumes: Vec<u64> = (0..count)
        .map(|_| random.one(&[16, 16, 32, 32, 64, 128]))
        .collect();
    let promised: u64 = volumes.iter().sum();
    let mut functions = [0; POOLS];
    if random.percent(50) {
        functions[0] = random.one(&[4, 8]);
    }
    if random.percent(20) {
        functions[1] = random.one(&[2, 4]);
    }
    NodeHas {
        amounts: Amounts {
            cpu: random.one(&[32_000, 48_000, 64_000]),
            memory: random.one(&[64, 96, 128]) * 1024,
            functions,
            pages: random.one(&[0, 16, 32, 32]),
        },
        disk: promised * random.within(80, 130) / 100,
        volumes,
    }
}

/// Most VMs have one disk; four in ten want functions, every second one pages.
fn kind(random: &mut Random) -> Kind {
    let disks = random.one(&[1, 1, 1, 2, 2, 3]);
    let mut functions = [0; POOLS];
    if random.percent(30) {
        functions[0] = random.within(1, 2);
    } else if random.percent(15) {
        functions[1] = 1;
    }
    let cores = random.one(&[2, 2, 4, 8]);
    let has_pages = random.percent(50);
    Kind {
        amounts: Amounts {
            cpu: cores * 1000,
            memory: if has_pages { 300 } else { cores * 2048 + 300 },
            functions,
            pages: if has_pages { cores * 2 } else { 0 },
        },
        disks: (0..disks)
            .map(|_| random.one(&[10, 15, 15, 30, 60, 120]))
            .collect(),
    }
}

/// Whether a VM of this kind could be alone on the node.
fn could_hold(node: &NodeHas, kind: &Kind) -> bool {
    let mut volumes = node.volumes.clone();
    volumes.sort_unstable();
    let mut disks = kind.disks.clone();
    disks.sort_unstable();
    let pairs = volumes.iter().rev().zip(disks.iter().rev());
    let volumes_do = disks.len() <= volumes.len() && { pairs }.all(|(volume, disk)| volume >= disk);
    volumes_do && kind.disks.iter().sum::<u64>() <= node.disk && node.amounts.has(kind.amounts)
}

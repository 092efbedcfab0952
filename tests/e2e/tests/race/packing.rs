//! VMs of many kinds, and nodes that hold exactly them and a little more: nodes are made around VMs, so a solution exists.

use vmberth_e2e::networks::FUNCTION;

use crate::settings::Settings;

/// How a disk comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A claim, empty; the VM's own pod binds it.
    Claim,
    /// A DataVolume of the VM's, empty.
    Blank,
    /// A DataVolume of the VM's, by HTTP: needs scratch space.
    Import,
    /// A DataVolume that somebody uploads, before or after the VM is there: needs scratch space.
    Upload,
}

impl Source {
    fn needs_scratch(self) -> bool {
        matches!(self, Self::Import | Self::Upload)
    }
}

/// A disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disk {
    /// Its size in GiB.
    pub(crate) gib: u64,
    pub(crate) source: Source,
}

/// A VM.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) disks: Vec<Disk>,
    /// Functions of the pool.
    pub(crate) functions: u64,
    /// Huge pages of 2Mi behind its memory; none: ordinary memory.
    pub(crate) pages: u64,
}

impl Machine {
    /// Name of one of its disks.
    pub(crate) fn disk(&self, number: usize) -> String {
        format!("{}-disk{number}", self.name)
    }
}

/// What a node of the fleet has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Room {
    pub(crate) node: String,
    /// How the node was called when its volumes were made: their hostname.
    pub(crate) renamed_from: Option<String>,
    /// Functions behind [`FUNCTION`].
    pub(crate) functions: u64,
    /// Huge pages of 2Mi.
    pub(crate) pages: u64,
    /// Its volumes, by the GiB of the disks that they are for.
    pub(crate) volumes: Vec<u64>,
}

impl Room {
    /// Its label, which its volumes ask for.
    pub(crate) fn hostname(&self) -> &str {
        self.renamed_from.as_ref().unwrap_or(&self.node)
    }

    /// What the node advertises, beside what all have.
    pub(crate) fn resources(&self) -> [(&'static str, String); 2] {
        let mib = self.pages * 2;
        [
            (FUNCTION, self.functions.to_string()),
            ("hugepages-2Mi", format!("{mib}Mi")),
        ]
    }
}

/// Makes VMs, in no order that says where they belong, and the nodes around them.
pub(crate) fn pack(settings: &Settings, nodes: &[String]) -> (Vec<Machine>, Vec<Room>) {
    let mut dice = Dice(settings.seed);
    let (mut machines, mut rooms) = (Vec::new(), Vec::new());
    for (at, node) in nodes.iter().enumerate() {
        // As evenly as it goes.
        let here = settings.vms * (at + 1) / nodes.len() - settings.vms * at / nodes.len();
        let guests: Vec<_> = (0..here).map(|_| machine(&mut dice)).collect();
        rooms.push(around(&guests, node, settings.slack, &mut dice));
        machines.extend(guests);
    }
    for last in (1..machines.len()).rev() {
        machines.swap(last, dice.below(last + 1));
    }
    for (number, machine) in machines.iter_mut().enumerate() {
        machine.name = format!("vm{number:04}");
    }
    (machines, rooms)
}

fn machine(dice: &mut Dice) -> Machine {
    use Source::{Blank, Claim, Import, Upload};
    let disks = *dice.one_of(&[1, 1, 2, 2, 3]);
    let disks = (0..disks).map(|_| Disk {
        gib: *dice.one_of(&[1, 1, 2, 4]),
        source: *dice.one_of(&[Claim, Claim, Claim, Blank, Blank, Import, Import, Upload]),
    });
    let disks = disks.collect();
    Machine {
        name: String::new(),
        disks,
        functions: *dice.one_of(&[0, 0, 0, 1, 1, 2]),
        pages: *dice.one_of(&[0, 0, 64, 128, 256]),
    }
}

/// The node that holds these: one more volume for scratch space, which they use one after the other, and the slack.
fn around(guests: &[Machine], node: &str, slack: u64, dice: &mut Dice) -> Room {
    let more = |sum: u64| sum + (sum * slack).div_ceil(100);
    let disks = || guests.iter().flat_map(|guest| &guest.disks);
    let mut volumes: Vec<u64> = disks().map(|disk| disk.gib).collect();
    let scratch = disks().filter(|disk| disk.source.needs_scratch());
    volumes.extend(scratch.map(|disk| disk.gib).max());
    let wanted = more(volumes.len() as u64);
    while (volumes.len() as u64) < wanted {
        volumes.push(*dice.one_of(&[1, 2, 4]));
    }
    Room {
        node: node.to_owned(),
        renamed_from: None,
        functions: more(guests.iter().map(|guest| guest.functions).sum()),
        pages: more(guests.iter().map(|guest| guest.pages).sum()),
        volumes,
    }
}

/// Numbers that look random and are the same with the same seed (splitmix64).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.throw() % limit as u64).unwrap_or_default()
    }

    fn one_of<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_fleet_has_room_for_all() {
        let settings = Settings {
            vms: 100,
            nodes: 20,
            seed: 1,
            slack: 5,
            faults: false,
            own: true,
            limit: Duration::ZERO,
            quiet: Duration::ZERO,
        };
        let nodes: Vec<String> = (0..20).map(|at| at.to_string()).collect();
        let (machines, rooms) = pack(&settings, &nodes);
        assert_eq!((machines.len(), rooms.len()), (100, 20));
        let functions: u64 = machines.iter().map(|it| it.functions).sum();
        let disks: usize = machines.iter().map(|it| it.disks.len()).sum();
        assert!(functions <= rooms.iter().map(|it| it.functions).sum());
        assert!(disks < rooms.iter().map(|it| it.volumes.len()).sum());
    }
}

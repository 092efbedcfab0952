//! Kinds of VMs that may come where few are known: a new cluster's first VMs have to go somewhere, too.
//!
//! What nodes have is there for somebody. So it is taken for as probable that VMs with a disk of each size come, each with none of
//! what is counted, or with some of one thing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::fit::Offer;
use crate::fit::counted::Counted;

/// Who knows so many VMs has no need to guess.
const ENOUGH: usize = 64;
/// So many sizes of disks are looked at, and so many things that are counted: a score costs as much for each pair.
const MOST: usize = 4;

/// A kind of VMs that may come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Guess {
    /// Class and bytes of its disk.
    pub(super) disk: (Arc<str>, u64),
    /// What it needs that is counted.
    pub(super) counted: Option<(Counted, u64)>,
}

/// Whether it is guessed what may come, where so many VMs are known.
pub(super) fn are_made(known: usize) -> bool {
    known < ENOUGH
}

/// What may come, by what these nodes have.
pub(super) fn guesses(known: usize, offers: &[Option<&Offer>]) -> Vec<Guess> {
    if !are_made(known) {
        return Vec::new();
    }
    let (mut disks, mut most) = (BTreeSet::new(), BTreeMap::new());
    for offer in offers.iter().flatten() {
        for volume in &offer.volumes {
            let bytes = size_of(volume.bytes);
            if !disks.contains(&(bytes, &volume.class)) {
                disks.insert((bytes, &volume.class));
            }
        }
        for (of, supply) in offer.counted.iter().filter(|(_, it)| it.usable() > 0) {
            let most: &mut u64 = most.entry(of).or_default();
            *most = supply.usable().max(*most);
        }
    }
    let counted = most.into_iter().take(MOST).map(|(of, most)| match of {
        Counted::Vfs(_) => (of, 1),
        // Pages are a guest's memory, and a node is for some guests.
        Counted::Pages(_) => (of, (most / 4).max(1)),
    });
    let counted: Vec<Option<(&Counted, u64)>> =
        [None].into_iter().chain(counted.map(Some)).collect();
    let of_disk = |(bytes, class): (u64, &Arc<str>)| {
        let disk = (Arc::clone(class), bytes);
        let guess = move |counted: &Option<(&Counted, u64)>| Guess {
            disk: disk.clone(),
            counted: counted.map(|(of, amount)| (of.clone(), amount)),
        };
        counted.iter().map(guess).collect::<Vec<_>>()
    };
    // Large ones are the scarce ones.
    disks
        .into_iter()
        .rev()
        .take(MOST)
        .flat_map(of_disk)
        .collect()
}

/// The power of two below: of volumes that are nearly of one size it is one.
fn size_of(bytes: u64) -> u64 {
    bytes.checked_ilog2().map_or(0, |power| 1 << power)
}

#[cfg(test)]
mod tests;

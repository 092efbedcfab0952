//! Whether something came free: who was refused before is asked about again then, and not when there is only less.

use std::collections::{BTreeMap, BTreeSet};

use crate::fit::Offer;
use crate::fit::counted::Supply;
use crate::fit::volumes::{ClaimDemand, FileSystemOffer, FreeVolume, matching};

/// Whether some VM might find in an offer what it did not find in the one before. It may say yes where there is no such VM, and
/// never no where there is one.
pub(super) fn has_more(now: Option<&Offer>, before: Option<&Offer>) -> bool {
    match (now, before) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(now), Some(before)) => {
            let nothing = Supply::default();
            let mut counted = now.counted.iter();
            counted.any(|(of, supply)| is_more(supply, before.counted.get(of).unwrap_or(&nothing)))
                || has_new_volume(now, before)
                || has_more_space(now, before)
                || has_fewer_holds(now, before)
                || has_fewer_traps(now, before)
                || now.cells != before.cells
        }
    }
}

/// For a VM for which nothing is kept, or for one for which something is.
fn is_more(now: &Supply, before: &Supply) -> bool {
    let free = |vm| now.free_for(vm) > before.free_for(vm);
    now.usable() > before.usable() || free(None) || now.held.keys().any(|vm| free(Some(vm)))
}

/// One that was not there, or not so.
fn has_new_volume(now: &Offer, before: &Offer) -> bool {
    let known: BTreeMap<&str, &FreeVolume> = by_name(before).collect();
    by_name(now).any(|(name, volume)| known.get(name) != Some(&volume))
}

fn by_name(offer: &Offer) -> impl Iterator<Item = (&str, &FreeVolume)> {
    offer.volumes.iter().map(|volume| (&*volume.name, volume))
}

/// A list of another length is another list.
fn has_more_space(now: &Offer, before: &Offer) -> bool {
    let mut pairs = now.file_systems.iter().zip(&before.file_systems);
    now.file_systems.len() != before.file_systems.len()
        || pairs.any(|(now, before)| now.free_bytes > before.free_bytes)
}

/// kube-scheduler no longer takes a volume that can't be used, or one on a disk without room for it.
fn has_fewer_traps(now: &Offer, before: &Offer) -> bool {
    let room = |volume: &FreeVolume| {
        let file_system = volume
            .file_system
            .and_then(|at| before.file_systems.get(at));
        file_system.is_none_or(|it| it.free_bytes >= volume.bytes)
    };
    let left = |volume: &&FreeVolume| !now.volumes.iter().any(|it| it.name == volume.name);
    let mut gone = before.volumes.iter().filter(left);
    gone.any(|volume| !room(volume)) || before.spoilt.iter().any(|it| !now.spoilt.contains(it))
}

/// Claims are held for no longer, and more than just got volumes and space that are gone: a claim that has what was kept for it
/// leaves the others what they had.
fn has_fewer_holds(now: &Offer, before: &Offer) -> bool {
    let released: Vec<ClaimDemand> = (before.held.iter())
        .flat_map(|(vm, claims)| {
            let still = now.held.get(vm).map_or(&[][..], Vec::as_slice);
            claims.iter().filter(move |claim| !still.contains(claim))
        })
        .cloned()
        .collect();
    if released.is_empty() {
        return false;
    }
    let kept: BTreeSet<&str> = by_name(now).map(|(name, _)| name).collect();
    let gone = by_name(before).filter(|(name, _)| !kept.contains(name));
    let gone: Vec<FreeVolume> = gone.map(|(_, volume)| volume.clone()).collect();
    let pairs = now.file_systems.iter().zip(&before.file_systems);
    let lost = pairs.map(|(now, before)| FileSystemOffer {
        free_bytes: before.free_bytes.saturating_sub(now.free_bytes),
    });
    matching(&released, &gone, &lost.collect::<Vec<_>>()).is_err()
}

#[cfg(test)]
mod tests;

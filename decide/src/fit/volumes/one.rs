//! One claim alone, which is nearly every question.

use std::cmp::Ordering;

use super::{ClaimDemand, FileSystemOffer, FreeVolume, Volumes};

/// What the best volume for one claim wastes, if there is any; the same as [`matching`](super::matching) would find, at once.
pub(in crate::fit) fn least_waste_of_one(
    claim: &ClaimDemand,
    volumes: &[FreeVolume],
    file_systems: &[FileSystemOffer],
) -> Option<u64> {
    let has_room = |volume: &&FreeVolume| {
        let file_system = volume.file_system.and_then(|at| file_systems.get(at));
        file_system.is_none_or(|it| it.free_bytes >= claim.bytes)
    };
    let fits = volumes.iter().filter(|volume| claim.takes(volume));
    let bytes = fits.filter(has_room).map(|volume| volume.bytes).min()?;
    Some(bytes.saturating_sub(claim.bytes))
}

/// What the best volume for one claim wastes, if whichever equal one is taken will do; the same as [`worst_waste`](super::worst_waste), at once.
pub(in crate::fit) fn waste_of_one(claim: &ClaimDemand, volumes: Volumes<'_>) -> Option<u64> {
    let mut best: Option<(u64, bool)> = None;
    for volume in volumes.usable.iter().filter(|it| claim.takes(it)) {
        let order = best.map_or(Ordering::Less, |(bytes, _)| volume.bytes.cmp(&bytes));
        if order == Ordering::Greater {
            continue;
        }
        let has_room = volumes.room_of(volume).is_none_or(|it| it >= claim.bytes);
        let all_had = order == Ordering::Less || best.is_some_and(|(_, all_had)| all_had);
        best = Some((volume.bytes, has_room && all_had));
    }
    let (bytes, _) = best.filter(|(_, will_do)| *will_do)?;
    let mut spoilt = volumes.spoilt.iter();
    let is_taken = |volume: &FreeVolume| volume.bytes <= bytes && claim.takes(volume);
    (!spoilt.any(is_taken)).then(|| bytes.saturating_sub(claim.bytes))
}

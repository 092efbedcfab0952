//! The volumes that kube-scheduler chooses for the claims of the pod in hand.
//!
//! It has chosen on each node before it asks: claim after claim, the small before the large, each the smallest volume that fits
//! and is left (Kubernetes 1.35, pkg/scheduler/framework/plugins/volumebinding/binder.go, `findMatchingVolumes`;
//! component-helpers, storage/volume/pv_helpers.go, `FindMatchingVolume`). It knows nothing of the claims of later pods, of those
//! that are held, of room and of health. Nodes can be left out, and nothing else. Of equally small volumes it takes the first of
//! a list whose order is that of a Go map, another one each time (client-go, tools/cache/thread_safe_store.go, `ByIndex`), so a
//! node will do only if every such choice does. One order for all claims of a pod or one for each makes no difference: who is
//! taken first was preferred to what is there yet, never to what is gone.

mod told;

use std::collections::BTreeMap;
use std::slice;

use super::misfit::{Harm, VolumeMisfit};
use super::{ClaimDemand, FileSystemOffer, FreeVolume, Volumes, matching_among, too_few};

/// Choices that are looked at. Only volumes that are told apart count, by labels or by a file system that is nearly full.
const CHOICES: usize = 256;

/// What volumes for `own`, the pod's own claims, and for the first so many of the others waste at most, if every choice leaves
/// volumes for the others.
///
/// # Errors
/// A choice that does not.
pub(in crate::fit) fn worst_waste(
    own: &[ClaimDemand],
    others: &[ClaimDemand],
    counted: usize,
    volumes: Volumes<'_>,
) -> Result<u64, VolumeMisfit> {
    // As the scheduler's sort does with no more than 12 claims, equal ones stay in the order of the pod.
    let mut turns: Vec<&ClaimDemand> = own.iter().collect();
    turns.sort_by_key(|claim| claim.bytes);
    let (kinds, options) = kinds(&turns, others, volumes);
    let candidates = others.iter().map(|claim| {
        let fits = volumes.usable.iter().enumerate();
        fits.filter(|(_, it)| claim.takes(it))
            .map(|(at, _)| at)
            .collect()
    });
    let mut play = Play {
        turns,
        options,
        kinds,
        room: volumes.file_systems.to_vec(),
        chosen: Vec::with_capacity(own.len()),
        candidates: candidates.collect(),
        others,
        counted,
        volumes,
        choices: 0,
        worst: 0,
    };
    play.choose()?;
    Ok(play.worst)
}

/// Volumes that are the same to every claim.
struct Kind {
    bytes: u64,
    place: Place,
    /// Places of those that are there yet: among the usable ones, or among the spoilt ones.
    left: Vec<usize>,
}

/// What is behind a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A disk with room for all claims together, or one of which nothing is known.
    Roomy,
    /// A file system, by its place.
    Tight(usize),
    /// Nothing that could be used.
    Spoilt,
}

/// A volume that a claim took.
struct Taken {
    kind: usize,
    volume: usize,
    /// So many were as small.
    equals: usize,
}

struct Play<'p> {
    /// The pod's own claims, as they choose.
    turns: Vec<&'p ClaimDemand>,
    /// The kinds that each of them may take, the smallest first.
    options: Vec<Vec<usize>>,
    kinds: Vec<Kind>,
    room: Vec<FileSystemOffer>,
    /// What was taken in each turn that is over.
    chosen: Vec<Taken>,
    /// Usable volumes that each of the others could take.
    candidates: Vec<Vec<usize>>,
    others: &'p [ClaimDemand],
    counted: usize,
    volumes: Volumes<'p>,
    choices: usize,
    worst: u64,
}

/// The kinds in the order of their bytes, and which of them each of the pod's own claims may take.
fn kinds(
    own: &[&ClaimDemand],
    others: &[ClaimDemand],
    volumes: Volumes<'_>,
) -> (Vec<Kind>, Vec<Vec<usize>>) {
    let all = own.iter().copied().chain(others);
    let needed = all.fold(0, |sum: u64, claim| sum.saturating_add(claim.bytes));
    let place = |volume: &FreeVolume| match volumes.room_of(volume).zip(volume.file_system) {
        Some((free, at)) if free < needed => Place::Tight(at),
        _ => Place::Roomy,
    };
    let usable = volumes.usable.iter().enumerate();
    let usable = usable.map(|(at, volume)| (at, volume, place(volume)));
    let spoilt = volumes.spoilt.iter().enumerate();
    let spoilt = spoilt.map(|(at, volume)| (at, volume, Place::Spoilt));
    let mut alike: BTreeMap<(u64, Place, Vec<bool>), Vec<usize>> = BTreeMap::new();
    for (at, volume, place) in usable.chain(spoilt) {
        let all = own.iter().copied().chain(others);
        let takers: Vec<bool> = all.map(|claim| claim.takes(volume)).collect();
        if takers.iter().take(own.len()).any(|takes| *takes) {
            let kind = alike.entry((volume.bytes, place, takers));
            kind.or_default().push(at);
        }
    }
    let mut options = vec![Vec::new(); own.len()];
    let mut kinds = Vec::with_capacity(alike.len());
    for ((bytes, place, takers), mut left) in alike {
        for (options, takes) in options.iter_mut().zip(takers) {
            if takes {
                options.push(kinds.len());
            }
        }
        // The first one is taken first.
        left.reverse();
        kinds.push(Kind { bytes, place, left });
    }
    (kinds, options)
}

impl<'p> Play<'p> {
    /// Lets the claim whose turn it is take each of the smallest volumes. As deep as the pod has claims.
    fn choose(&mut self) -> Result<(), VolumeMisfit> {
        let at = self.chosen.len();
        let Some(claim) = self.turns.get(at).copied() else {
            return self.leaves_enough();
        };
        let open: Vec<(usize, u64, usize)> = self.open(at).collect();
        let Some((_, least, _)) = open.first().copied() else {
            let (claims, usable) = (slice::from_ref(claim), self.volumes.usable);
            let missing = too_few(claims, usable, &[], &[0].into());
            return Err(self.none_left(claims, missing));
        };
        let smallest = || open.iter().filter(|(_, bytes, _)| *bytes == least);
        let equals = smallest().map(|(_, _, left)| left).sum();
        // Claims that nothing tells apart take the same volumes in whatever order.
        let before = at.checked_sub(1).and_then(|at| self.turns.get(at));
        let first = match (before, self.chosen.last()) {
            (Some(before), Some(taken)) if before.is_like(claim) => taken.kind,
            _ => 0,
        };
        for (kind, _, _) in smallest().filter(|(kind, _, _)| *kind >= first) {
            if self.choices >= CHOICES {
                return Err(VolumeMisfit::TooManyWays {
                    class: claim.class.to_string(),
                    claims: self.turns.len(),
                });
            }
            self.choices += 1;
            self.take(*kind, claim, equals)?;
            self.choose()?;
            self.give_back(claim);
        }
        Ok(())
    }

    /// Kinds that the claim could take now, with their bytes and how many of each there are.
    fn open(&self, at: usize) -> impl Iterator<Item = (usize, u64, usize)> {
        let options = self.options.get(at).into_iter().flatten();
        let kinds = options.filter_map(|at| Some((*at, self.kinds.get(*at)?)));
        kinds
            .filter(|(_, kind)| !kind.left.is_empty())
            .map(|(at, kind)| (at, kind.bytes, kind.left.len()))
    }

    fn take(&mut self, at: usize, claim: &ClaimDemand, equals: usize) -> Result<(), VolumeMisfit> {
        let Some(kind) = self.kinds.get_mut(at) else {
            return Ok(());
        };
        let Some(volume) = kind.left.pop() else {
            return Ok(());
        };
        self.chosen.push(Taken {
            kind: at,
            volume,
            equals,
        });
        let harm = match kind.place {
            Place::Roomy => return Ok(()),
            Place::Spoilt => Harm::Unusable,
            Place::Tight(file_system) => {
                let Some(room) = self.room.get_mut(file_system) else {
                    return Ok(());
                };
                match room.free_bytes.checked_sub(claim.bytes) {
                    Some(left) => {
                        room.free_bytes = left;
                        return Ok(());
                    }
                    None => self.no_space(file_system, claim),
                }
            }
        };
        Err(self.misfit(self.chosen.len().saturating_sub(1), harm))
    }

    fn give_back(&mut self, claim: &ClaimDemand) {
        let Some(taken) = self.chosen.pop() else {
            return;
        };
        let Some(kind) = self.kinds.get_mut(taken.kind) else {
            return;
        };
        kind.left.push(taken.volume);
        if let Place::Tight(file_system) = kind.place
            && let Some(room) = self.room.get_mut(file_system)
        {
            room.free_bytes = room.free_bytes.saturating_add(claim.bytes);
        }
    }

    /// Matches the others with what is left.
    fn leaves_enough(&mut self) -> Result<(), VolumeMisfit> {
        let wastes = self.chosen.iter().zip(&self.turns);
        let own = wastes.fold(0, |sum: u64, (taken, claim)| {
            let bytes = self.kinds.get(taken.kind).map_or(0, |kind| kind.bytes);
            sum.saturating_add(bytes.saturating_sub(claim.bytes))
        });
        let mut candidates = self.candidates.clone();
        for of_claim in &mut candidates {
            of_claim.retain(|at| !self.chosen.iter().any(|taken| taken.volume == *at));
        }
        let usable = self.volumes.usable;
        let found = matching_among(self.others, usable, &self.room, &candidates);
        let found = found.map_err(|missing| self.none_left(self.others, missing))?;
        let counted = self.others.get(..self.counted).unwrap_or_default();
        let waste = own.saturating_add(found.waste_of(counted, usable));
        self.worst = self.worst.max(waste);
        Ok(())
    }
}

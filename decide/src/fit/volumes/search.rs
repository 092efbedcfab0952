//! The choice that wastes least, by branch and bound.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{ClaimDemand, FileSystemOffer, FreeVolume, Matching};

/// Choices that are tried. A VM has few disks and volumes are mostly alike, so a first choice is found in as many steps as
/// there are claims; the others look for a better one.
const STEPS: usize = 4096;

/// Volumes that are the same to every claim, and so tried once.
struct Kind {
    bytes: u64,
    file_system: Option<usize>,
    /// Places of those that are free yet.
    left: Vec<usize>,
}

/// A claim at its turn.
struct Turn {
    /// Its place among the claims.
    claim: usize,
    bytes: u64,
    /// Kinds that it may take, the least wasteful first.
    options: Vec<usize>,
    /// Nothing tells it from the claim before: the two choose in the order of their options.
    like_before: bool,
    /// The least that this claim and those after it waste, whatever the others choose.
    rest: u64,
}

struct Search {
    turns: Vec<Turn>,
    kinds: Vec<Kind>,
    /// Free bytes of each file system.
    room: Vec<u64>,
    /// Option and volume of each turn that is over.
    chosen: Vec<(usize, usize)>,
    waste: u64,
    best: Option<(u64, Vec<usize>)>,
    steps: usize,
}

/// The volumes for which the sum of what no claim asked for is least, among those whose file systems have the bytes.
pub(super) fn least_waste(
    claims: &[ClaimDemand],
    volumes: &[FreeVolume],
    file_systems: &[FileSystemOffer],
    candidates: &[Vec<usize>],
) -> Option<Matching> {
    let (kinds, options) = kinds(volumes, candidates);
    let mut search = Search {
        turns: turns(claims, &kinds, options),
        kinds,
        room: file_systems.iter().map(|it| it.free_bytes).collect(),
        chosen: Vec::with_capacity(claims.len()),
        waste: 0,
        best: None,
        steps: 0,
    };
    search.choose();
    let (waste, chosen) = search.best?;
    let mut volumes = vec![0; claims.len()];
    for (turn, volume) in search.turns.iter().zip(chosen) {
        if let Some(place) = volumes.get_mut(turn.claim) {
            *place = volume;
        }
    }
    Some(Matching { volumes, waste })
}

/// The kinds of volumes, and which of them each claim may take.
fn kinds(volumes: &[FreeVolume], candidates: &[Vec<usize>]) -> (Vec<Kind>, Vec<Vec<usize>>) {
    let mut takers: Vec<Vec<usize>> = vec![Vec::new(); volumes.len()];
    for (claim, options) in candidates.iter().enumerate() {
        for volume in options {
            if let Some(takers) = takers.get_mut(*volume) {
                takers.push(claim);
            }
        }
    }
    let mut alike: BTreeMap<(u64, Option<usize>, Vec<usize>), Vec<usize>> = BTreeMap::new();
    for (at, (volume, takers)) in volumes.iter().zip(takers).enumerate().rev() {
        if !takers.is_empty() {
            let key = (volume.bytes, volume.file_system, takers);
            alike.entry(key).or_default().push(at);
        }
    }
    let mut kinds = Vec::with_capacity(alike.len());
    let mut options = vec![Vec::new(); candidates.len()];
    // In the order of their bytes.
    for ((bytes, file_system, takers), left) in alike {
        for claim in takers {
            if let Some(options) = options.get_mut(claim) {
                options.push(kinds.len());
            }
        }
        kinds.push(Kind {
            bytes,
            file_system,
            left,
        });
    }
    (kinds, options)
}

/// The claims in the order in which they choose: those with the fewest volumes first, and the large before the small.
fn turns(claims: &[ClaimDemand], kinds: &[Kind], options: Vec<Vec<usize>>) -> Vec<Turn> {
    let mut order: Vec<(usize, &ClaimDemand, Vec<usize>)> = claims
        .iter()
        .zip(options)
        .enumerate()
        .map(|(at, (claim, options))| (at, claim, options))
        .collect();
    let volumes = |options: &[usize]| {
        let kinds = options.iter().filter_map(|at| kinds.get(*at));
        kinds.map(|kind| kind.left.len()).sum::<usize>()
    };
    order.sort_by_key(|(_, claim, options)| (volumes(options), Reverse(claim.bytes)));
    let mut turns: Vec<Turn> = Vec::with_capacity(order.len());
    let mut before: Option<&ClaimDemand> = None;
    for (claim, demand, options) in order {
        turns.push(Turn {
            claim,
            bytes: demand.bytes,
            options,
            like_before: before.is_some_and(|before| before.is_like(demand)),
            rest: 0,
        });
        before = Some(demand);
    }
    let mut rest = 0_u64;
    for turn in turns.iter_mut().rev() {
        let least = turn.options.first().and_then(|at| kinds.get(*at));
        let least = least.map_or(0, |kind| kind.bytes.saturating_sub(turn.bytes));
        rest = rest.saturating_add(least);
        turn.rest = rest;
    }
    turns
}

impl Search {
    /// Tries every choice of the claim whose turn it is. As deep as there are claims.
    fn choose(&mut self) {
        let at = self.chosen.len();
        let Some(turn) = self.turns.get(at) else {
            if !self.is_beaten(self.waste) {
                let chosen = self.chosen.iter().map(|(_, volume)| *volume).collect();
                self.best = Some((self.waste, chosen));
            }
            return;
        };
        let first = match self.chosen.last() {
            Some((option, _)) if turn.like_before => *option,
            _ => 0,
        };
        let (bytes, rest, last) = (turn.bytes, turn.rest, turn.options.len());
        for option in first..last {
            if self.is_beaten(self.waste.saturating_add(rest)) || self.steps >= STEPS {
                return;
            }
            self.steps += 1;
            let Some(taken) = self.take(at, option, bytes) else {
                continue;
            };
            self.choose();
            self.give_back(taken, bytes);
        }
    }

    /// A choice was found already that wastes no more.
    fn is_beaten(&self, waste: u64) -> bool {
        self.best.as_ref().is_some_and(|(least, _)| waste >= *least)
    }

    /// Takes a volume of this option, if there is one and its file system has the bytes; returns its kind.
    fn take(&mut self, at: usize, option: usize, bytes: u64) -> Option<usize> {
        let kind_at = *self.turns.get(at)?.options.get(option)?;
        let kind = self.kinds.get_mut(kind_at)?;
        let room = kind.file_system.and_then(|it| self.room.get_mut(it));
        let left = match &room {
            Some(room) => room.checked_sub(bytes)?,
            None => 0,
        };
        let volume = kind.left.pop()?;
        if let Some(room) = room {
            *room = left;
        }
        self.chosen.push((option, volume));
        self.waste = (self.waste).saturating_add(kind.bytes.saturating_sub(bytes));
        Some(kind_at)
    }

    fn give_back(&mut self, kind: usize, bytes: u64) {
        let Some(kind) = self.kinds.get_mut(kind) else {
            return;
        };
        if let Some((_, volume)) = self.chosen.pop() {
            kind.left.push(volume);
        }
        self.waste = (self.waste).saturating_sub(kind.bytes.saturating_sub(bytes));
        if let Some(room) = kind.file_system.and_then(|it| self.room.get_mut(it)) {
            *room = room.saturating_add(bytes);
        }
    }
}

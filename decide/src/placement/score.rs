//! Which of the nodes that fit is the best.
//!
//! Each node gets a share of the points for each of the parts below, as the policy weighs them (`scoreWeights`). Then the best node
//! gets [`MOST`], the worst 0, and the others what lies between, so that small differences count where there are no large ones.
//! Numbers are whole, and the same for the same nodes in any order. Which weights are the defaults, and why, is measured by
//! extender/benches/placement.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use super::room::Room;
use super::worth::Worth;
use crate::event::ObjectName;
use crate::fit::counted::{Counted, Supply};
use crate::fit::{Demand, Fit, Offer};
use crate::index::Index;
use crate::policy::ScoreWeights;

/// The highest score that kube-scheduler takes (`MaxExtenderPriority`).
pub const MOST: u64 = 10;

/// All points of a part: shares are in thousandths.
pub(super) const ALL: u64 = 1000;

/// Weight of a VM that sees NUMA cells having all in one; of all others no node is better.
const ONE_CELL: u32 = 2;

/// A score from 0 to [`MOST`] for each of these nodes that fit, in their order.
#[must_use]
pub fn scores<'n>(index: &Index, demand: &Demand, fits: &[(&'n str, Fit)]) -> Vec<(&'n str, u64)> {
    let offers: Vec<Option<&Offer>> = fits.iter().map(|it| index.offer(it.0).ok()).collect();
    let asked = Asked::of(index, demand, &offers);
    let mut worth = Worth::for_nodes(fits.len(), asked.kinds());
    for ((_, fit), offer) in fits.iter().zip(&offers) {
        asked.look_at(*offer, fit, &mut worth);
    }
    asked.scores(fits.iter().map(|(node, _)| *node), &worth)
}

/// Makes scores of points.
fn stretch(nodes: &mut [(&str, u64)]) {
    let points = || nodes.iter().map(|(_, points)| *points);
    let (best, worst) = (points().max().unwrap_or(0), points().min().unwrap_or(0));
    let spread = best.saturating_sub(worst).max(1);
    for (_, points) in nodes {
        let behind = best.saturating_sub(*points).saturating_mul(MOST);
        *points = MOST.saturating_sub(behind.div_ceil(spread));
    }
}

/// Leaves one of the best nodes the best, always the same for a pod: who comes next has to know which it will be.
pub fn settle_ties(pod: &ObjectName, scores: &mut [(&str, u64)]) {
    let seed = FixedState::default().hash_one(pod);
    let place = |node: &str| FixedState::with_seed(seed).hash_one(node);
    let Some(best) = scores.iter().map(|(_, score)| *score).max() else {
        return;
    };
    let tied = scores.iter().filter(|(_, score)| *score == best);
    let first = tied.map(|(node, _)| *node).min_by_key(|node| place(node));
    for (node, score) in scores.iter_mut() {
        if *score == best && Some(*node) != first {
            *score = score.saturating_sub(1);
        }
    }
}

/// What is the same for all nodes.
pub(super) struct Asked<'k> {
    demand: &'k Demand,
    /// Bytes of all claims.
    bytes: u64,
    weights: ScoreWeights,
    /// Of a disk whose VM nobody knows it is not asked what it takes from others.
    room: Option<Room<'k>>,
}

impl<'k> Asked<'k> {
    /// These nodes will be looked at, or others where nothing has to be guessed.
    pub(super) fn of(index: &Index, demand: &'k Demand, offers: &[Option<&Offer>]) -> Self {
        let bytes = demand.claims.iter().map(|claim| claim.bytes);
        Self {
            demand,
            bytes: bytes.fold(0, u64::saturating_add),
            weights: index.score_weights(),
            room: (!keeps_open(demand)).then(|| Room::of(index, demand, offers)),
        }
    }

    /// How many kinds of VMs room is counted for on each node.
    pub(super) fn kinds(&self) -> usize {
        self.room.as_ref().map_or(0, Room::kinds)
    }

    /// Adds what is to be said of a node.
    pub(super) fn look_at(&self, offer: Option<&Offer>, fit: &Fit, worth: &mut Worth) {
        let points = offer.map_or(0, |offer| self.points(offer, fit));
        worth.points.push(points);
        if let Some(room) = &self.room {
            room.count(offer, &mut worth.rooms);
        }
    }

    /// Scores of these nodes, of which this is said.
    pub(super) fn scores<'n>(
        &self,
        nodes: impl Iterator<Item = &'n str>,
        worth: &Worth,
    ) -> Vec<(&'n str, u64)> {
        let points = worth.points.iter().copied();
        let mut scores: Vec<(&str, u64)> = nodes.zip(points).collect();
        if let Some(room) = &self.room {
            let weight = u64::from(self.weights.room);
            for ((_, points), kept) in scores.iter_mut().zip(room.kept(&worth.rooms)) {
                *points = points.saturating_add(weight.saturating_mul(kept));
            }
        }
        stretch(&mut scores);
        scores
    }

    /// All points of a node but those for room.
    fn points(&self, offer: &Offer, fit: &Fit) -> u64 {
        let weights = self.weights;
        let parts = [
            (weights.free_now, if fit.all_free_now { ALL } else { 0 }),
            (
                weights.right_size,
                share(self.bytes, self.bytes.saturating_add(fit.waste)),
            ),
            (weights.full_nodes, self.fullness(offer)),
            (ONE_CELL, if fit.one_cell { ALL } else { 0 }),
            (
                weights.functions,
                self.spared(offer, |of| matches!(of, Counted::Vfs(_))),
            ),
            (
                weights.pages,
                self.spared(offer, |of| matches!(of, Counted::Pages(_))),
            ),
            (
                weights.disk_headroom,
                ALL.saturating_sub(share(self.bytes, free_bytes(offer))),
            ),
        ];
        let points = parts.map(|(weight, share)| u64::from(weight).saturating_mul(share));
        points.into_iter().fold(0, u64::saturating_add)
    }

    /// The more of a node's volumes and bytes it takes, the fuller the node was: empty ones are kept for what needs much.
    fn fullness(&self, offer: &Offer) -> u64 {
        let claims = u64::try_from(self.demand.claims.len()).unwrap_or(u64::MAX);
        let volumes = u64::try_from(offer.volumes.len()).unwrap_or(u64::MAX);
        let both = share(claims, volumes).saturating_add(share(self.bytes, free_bytes(offer)));
        both / 2
    }

    /// What it takes of the free functions, or pages, that the node has: all of the points where there are none to be wasted. Of a
    /// disk without a VM it is the other way round.
    fn spared(&self, offer: &Offer, is_this: impl Fn(&Counted) -> bool) -> u64 {
        let vm = self.demand.vm.as_ref();
        let kinds = offer.counted.iter().filter(|(of, _)| is_this(of));
        let free = |supply: &Supply| supply.free_for(vm);
        if keeps_open(self.demand) {
            let mut kinds = kinds;
            let is_free = kinds.any(|(_, supply)| free(supply) > 0);
            return if is_free { ALL } else { 0 };
        }
        let there = kinds.filter(|(of, supply)| supply.usable() > 0 || self.needs(of) > 0);
        let shares = there.map(|(of, supply)| share(self.needs(of), free(supply)));
        let (sum, count) = shares.fold((0_u64, 0_u64), |(sum, count), share| {
            (sum.saturating_add(share), count.saturating_add(1))
        });
        sum.checked_div(count).unwrap_or(ALL)
    }

    fn needs(&self, of: &Counted) -> u64 {
        self.demand.counted.get(of).map_or(0, |(amount, _)| *amount)
    }
}

/// A disk whose VM does not exist yet may be anything's: it goes where most is possible.
fn keeps_open(demand: &Demand) -> bool {
    demand.vm.is_none() && demand.counted.is_empty()
}

/// How much this is of all, in thousandths; of nothing it is all.
fn share(part: u64, all: u64) -> u64 {
    let thousandths = u128::from(part).saturating_mul(u128::from(ALL));
    let share = thousandths.checked_div(u128::from(all));
    let share = share.map_or(ALL, |share| u64::try_from(share).unwrap_or(ALL));
    share.min(ALL)
}

/// What the node's disks still hold when all promises are kept; without any file system that is known, more than anything needs.
fn free_bytes(offer: &Offer) -> u64 {
    if offer.file_systems.is_empty() {
        return u64::MAX;
    }
    let free = offer.file_systems.iter().map(|it| it.free_bytes);
    free.fold(0, u64::saturating_add)
}

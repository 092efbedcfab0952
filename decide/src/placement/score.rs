//! Which of the nodes that fit is the best.
//!
//! Each node gets a share of the points for each of the parts below, as the policy weighs them (`scoreWeights`). Then the best node
//! gets [`MOST`], the worst 0, and the others what lies between, so that small differences count where there are no large ones.
//! Numbers are whole, and the same for the same nodes in any order. Which weights are the defaults, and why, is measured by
//! extender/benches/placement.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::room::Room;
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
    let asked = Asked::of(index, demand);
    let kept = if asked.keeps_open() {
        vec![0; offers.len()]
    } else {
        Room::of(index, demand, &offers).kept(&offers)
    };
    let nodes = fits.iter().zip(&offers).zip(kept);
    let points = nodes.map(|(((_, fit), offer), kept)| {
        let offer = offer.as_ref();
        offer.map_or(0, |offer| asked.points(offer, fit, kept))
    });
    let points: Vec<u64> = points.collect();
    let best = points.iter().copied().max().unwrap_or(0);
    let worst = points.iter().copied().min().unwrap_or(0);
    let spread = best.saturating_sub(worst).max(1);
    let score = |points: u64| {
        let behind = best.saturating_sub(points).saturating_mul(MOST);
        MOST.saturating_sub(behind.div_ceil(spread))
    };
    let nodes = fits.iter().map(|(node, _)| *node);
    nodes.zip(points.into_iter().map(score)).collect()
}

/// Leaves one of the best nodes the best, always the same for a pod: who comes next has to know which it will be. Those as good
/// as it are left to kube-scheduler's own rules otherwise.
pub fn settle_ties(pod: &ObjectName, scores: &mut [(&str, u64)]) {
    let place = |node: &str| {
        let mut hasher = DefaultHasher::new();
        (pod, node).hash(&mut hasher);
        hasher.finish()
    };
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
struct Asked<'k> {
    demand: &'k Demand,
    /// Bytes of all claims.
    bytes: u64,
    weights: ScoreWeights,
}

impl<'k> Asked<'k> {
    fn of(index: &Index, demand: &'k Demand) -> Self {
        let bytes = demand.claims.iter().map(|claim| claim.bytes);
        Self {
            demand,
            bytes: bytes.fold(0, u64::saturating_add),
            weights: index.score_weights(),
        }
    }

    /// All points of a node that keeps this share of its room.
    fn points(&self, offer: &Offer, fit: &Fit, kept: u64) -> u64 {
        let weights = self.weights;
        let parts = [
            (weights.free_now, if fit.all_free_now { ALL } else { 0 }),
            (
                weights.right_size,
                share(self.bytes, self.bytes.saturating_add(fit.waste)),
            ),
            (weights.room, kept),
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

    /// A disk whose VM does not exist yet may be anything's: it goes where most is possible.
    fn keeps_open(&self) -> bool {
        self.demand.vm.is_none() && self.demand.counted.is_empty()
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
        if self.keeps_open() {
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

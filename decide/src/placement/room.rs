//! Room for further VMs of the kinds that the cluster has: how much of it a node loses.
//!
//! A VM takes a volume, and with the last volume of a node its free functions and pages are lost, too, and the other way round. So
//! it is not asked what is left of each thing, but how many VMs of each kind would still find all that they need.

use std::sync::Arc;

use crate::fit::counted::Counted;
use crate::fit::volumes::{ClaimDemand, FreeVolume};
use crate::fit::{Demand, Offer};
use crate::index::{Index, Kind};

/// Who loses room for so many VMs of each kind gets no points: more than any VM takes that is placed well.
const MOST_LOST: u64 = 3;

/// What a node can run out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit<'k> {
    /// Volumes of this class and of so many bytes or more.
    Volumes(&'k Arc<str>, u64),
    Counted(&'k Counted),
    /// Bytes on disk.
    Disk,
}

/// What is asked of each node.
#[derive(Debug)]
pub(super) struct Room<'k> {
    demand: &'k Demand,
    /// Claims in the order in which kube-scheduler binds them: the small before the large.
    claims: Vec<&'k ClaimDemand>,
    limits: Vec<Limit<'k>>,
    /// Of each kind: the places of its limits, and how much it needs of each.
    kinds: Vec<Vec<(usize, u64)>>,
}

impl<'k> Room<'k> {
    /// For the VMs that there are, and this one that is to be placed.
    pub(super) fn of(index: &'k Index, demand: &'k Demand) -> Self {
        let mut claims: Vec<&ClaimDemand> = demand.claims.iter().collect();
        claims.sort_by_key(|claim| claim.bytes);
        let mut room = Self {
            demand,
            claims,
            limits: Vec::new(),
            kinds: Vec::new(),
        };
        for kind in index.kinds() {
            let needs = room.needs_of(index, kind);
            room.kinds.push(needs);
        }
        room
    }

    /// Claims of a kind have volumes of their own if, for each size, there are no more of them that need as much than volumes that
    /// have it: who may take a volume may take all larger ones.
    fn needs_of(&mut self, index: &Index, kind: &'k Kind) -> Vec<(usize, u64)> {
        let mut needs = Vec::new();
        for (class, bytes) in &kind.disks {
            let as_large = (kind.disks.iter()).filter(|(of, size)| of == class && size >= bytes);
            let count = u64::try_from(as_large.count()).unwrap_or(u64::MAX);
            needs.push((self.place_of(Limit::Volumes(class, *bytes)), count));
        }
        // Of what no inventory lists nobody knows how much is free.
        for (of, amount) in kind.counted.iter().filter(|(of, _)| index.is_counted(of)) {
            needs.push((self.place_of(Limit::Counted(of)), *amount));
        }
        let bytes = kind.disks.iter().map(|(_, bytes)| *bytes);
        let bytes = bytes.fold(0, u64::saturating_add);
        if bytes > 0 {
            needs.push((self.place_of(Limit::Disk), bytes));
        }
        needs.sort_unstable();
        needs.dedup();
        needs
    }

    fn place_of(&mut self, limit: Limit<'k>) -> usize {
        let known = self.limits.iter().position(|it| *it == limit);
        known.unwrap_or_else(|| {
            self.limits.push(limit);
            self.limits.len().saturating_sub(1)
        })
    }

    /// The share of points, in thousandths, for what a node with this offer does not lose.
    pub(super) fn kept(&self, offer: &Offer) -> u64 {
        let before: Vec<u64> = self.limits.iter().map(|it| self.free(*it, offer)).collect();
        let after = self.after(offer, &before);
        let lost = self.kinds.iter().map(|kind| {
            let lost = room_of(kind, &before).saturating_sub(room_of(kind, &after));
            lost.min(MOST_LOST)
        });
        let kinds = u64::try_from(self.kinds.len()).unwrap_or(u64::MAX);
        let all = MOST_LOST.saturating_mul(kinds).max(1);
        let kept = all.saturating_sub(lost.fold(0, u64::saturating_add));
        kept.saturating_mul(super::score::ALL) / all
    }

    fn free(&self, limit: Limit<'_>, offer: &Offer) -> u64 {
        match limit {
            Limit::Volumes(class, bytes) => {
                let fit = |it: &&FreeVolume| it.bytes >= bytes && is_same(&it.class, class);
                let fit = offer.volumes.iter().filter(fit);
                u64::try_from(fit.count()).unwrap_or(u64::MAX)
            }
            Limit::Counted(of) => {
                let supply = offer.counted.get(of);
                supply.map_or(0, |supply| supply.free_for(self.demand.vm.as_ref()))
            }
            // Of volumes whose file system nobody knows there is nothing to say.
            Limit::Disk if offer.file_systems.is_empty() => u64::MAX,
            Limit::Disk => {
                let free = offer.file_systems.iter().map(|it| it.free_bytes);
                free.fold(0, u64::saturating_add)
            }
        }
    }

    /// What is free when the VM is there, with the volumes that kube-scheduler will most probably take.
    fn after(&self, offer: &Offer, before: &[u64]) -> Vec<u64> {
        let mut taken: Vec<usize> = Vec::with_capacity(self.claims.len());
        for claim in &self.claims {
            let fits = |(at, it): &(usize, &FreeVolume)| {
                it.bytes >= claim.bytes && is_same(&it.class, &claim.class) && !taken.contains(at)
            };
            let volumes = offer.volumes.iter().enumerate().filter(fits);
            taken.extend(volumes.min_by_key(|(_, it)| it.bytes).map(|(at, _)| at));
        }
        let taken = || taken.iter().filter_map(|at| offer.volumes.get(*at));
        let left = |(limit, before): (&Limit<'_>, &u64)| {
            let less = match limit {
                Limit::Volumes(class, bytes) => {
                    let gone = taken().filter(|it| it.bytes >= *bytes && is_same(&it.class, class));
                    u64::try_from(gone.count()).unwrap_or(u64::MAX)
                }
                Limit::Counted(of) => self.demand.counted.get(*of).map_or(0, |it| it.0),
                Limit::Disk => {
                    let bytes = self.claims.iter().map(|claim| claim.bytes);
                    bytes.fold(0, u64::saturating_add)
                }
            };
            before.saturating_sub(less)
        };
        self.limits.iter().zip(before).map(left).collect()
    }
}

fn is_same(one: &Arc<str>, other: &Arc<str>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

/// How many VMs that need this find room in what is free.
fn room_of(needs: &[(usize, u64)], free: &[u64]) -> u64 {
    let each = needs.iter().map(|(limit, needs)| {
        let free = free.get(*limit).copied().unwrap_or(0);
        if *needs == 1 {
            free
        } else {
            free / (*needs).max(1)
        }
    });
    each.min().unwrap_or(0)
}

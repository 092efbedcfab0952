//! Room for further VMs of the kinds that the cluster has: how much of it each node loses, and how dear that is.
//!
//! A VM takes a volume, and with the last volume of a node its free functions and pages are lost, too, and the other way round. So
//! it is not asked what is left of each thing, but how many VMs of each kind would still find all that they need. Room is dearer
//! for kinds that are frequent, and for those that find little of it on all these nodes together: so a node with functions is
//! left to VMs with functions as long as others find room elsewhere.

use std::sync::Arc;

use super::guesses::guesses;
use super::score::ALL;
use crate::fit::counted::Counted;
use crate::fit::volumes::{ClaimDemand, FreeVolume};
use crate::fit::{Demand, Offer};
use crate::index::{Index, Kind};

/// Room for one VM.
const ONE: u64 = 1024;
/// More room for VMs of one kind than any node has.
const MOST: u64 = ONE << 20;
/// Who loses room for so many VMs gets no points: more than any VM takes that is placed well.
const MOST_LOST: u64 = 3 * ONE;
/// How often any VM comes that is guessed.
const GUESSED: u64 = 2 * ONE;
/// All prices together.
const PRICES: u64 = 1 << 20;

/// Room of a node for VMs of one kind, and what the VM that is to be placed takes of it; in parts of [`ONE`].
pub(super) type HasAndLoses = [u32; 2];

/// What a node can run out of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Limit {
    /// Volumes of this class and of so many bytes or more.
    Volumes(Arc<str>, u64),
    Counted(Counted),
    /// Bytes on disk.
    Disk,
}

/// VMs of one kind that may come.
#[derive(Debug)]
struct Wanted {
    /// The places of its limits, and how much it needs of each.
    needs: Vec<(usize, u64)>,
    /// How often it comes, against the others.
    frequency: u64,
}

/// What is asked of each node.
#[derive(Debug)]
pub(super) struct Room<'k> {
    demand: &'k Demand,
    /// Claims in the order in which kube-scheduler binds them: the small before the large.
    claims: Vec<&'k ClaimDemand>,
    limits: Vec<Limit>,
    kinds: Vec<Wanted>,
}

impl<'k> Room<'k> {
    /// For the VMs that there are, and this one that is to be placed.
    pub(super) fn of(index: &Index, demand: &'k Demand, offers: &[Option<&Offer>]) -> Self {
        let mut claims: Vec<&ClaimDemand> = demand.claims.iter().collect();
        claims.sort_by_key(|claim| claim.bytes);
        let mut room = Self {
            demand,
            claims,
            limits: Vec::new(),
            kinds: Vec::new(),
        };
        // What was counted is remembered for kinds in this order, however frequent they are by now.
        let mut kinds: Vec<(usize, &Kind)> = index.kinds().collect();
        kinds.sort_by_key(|(_, kind)| *kind);
        for (count, kind) in kinds {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            // Of a kind that was seen once, the next one is as probable as not.
            room.add(kind, index, count.saturating_add(1).saturating_mul(ONE));
        }
        let guesses = guesses(index.vms_of_kinds(), offers);
        let each = GUESSED.checked_div(u64::try_from(guesses.len()).unwrap_or(u64::MAX));
        for guess in guesses {
            let (class, bytes) = guess.disk;
            let mut needs = vec![(room.place_of(Limit::Volumes(class, bytes)), 1)];
            if let Some((of, amount)) = guess.counted {
                needs.push((room.place_of(Limit::Counted(of)), amount));
            }
            let frequency = each.unwrap_or(0);
            room.kinds.push(Wanted { needs, frequency });
        }
        room
    }

    /// Claims of a kind have volumes of their own if, for each size, there are no more of them that need as much than volumes that
    /// have it: who may take a volume may take all larger ones.
    fn add(&mut self, kind: &Kind, index: &Index, frequency: u64) {
        let mut needs = Vec::new();
        for (class, bytes) in &kind.disks {
            let as_large = (kind.disks.iter()).filter(|(of, size)| of == class && size >= bytes);
            let count = u64::try_from(as_large.count()).unwrap_or(u64::MAX);
            needs.push((
                self.place_of(Limit::Volumes(Arc::clone(class), *bytes)),
                count,
            ));
        }
        // Of what no inventory lists nobody knows how much is free.
        for (of, amount) in kind.counted.iter().filter(|(of, _)| index.is_counted(of)) {
            needs.push((self.place_of(Limit::Counted(of.clone())), *amount));
        }
        let bytes = kind.disks.iter().map(|(_, bytes)| *bytes);
        let bytes = bytes.fold(0, u64::saturating_add);
        if bytes > 0 {
            needs.push((self.place_of(Limit::Disk), bytes));
        }
        needs.sort_unstable();
        needs.dedup();
        self.kinds.push(Wanted { needs, frequency });
    }

    fn place_of(&mut self, limit: Limit) -> usize {
        let known = self.limits.iter().position(|it| *it == limit);
        known.unwrap_or_else(|| {
            self.limits.push(limit);
            self.limits.len().saturating_sub(1)
        })
    }

    /// How many kinds there are.
    pub(super) fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// Adds what a node has of room for each kind.
    pub(super) fn count(&self, offer: Option<&Offer>, rooms: &mut Vec<HasAndLoses>) {
        let Some(offer) = offer else {
            rooms.extend(self.kinds.iter().map(|_| [0, 0]));
            return;
        };
        let taken = self.taken(offer);
        let limits = self.limits.iter();
        let free: Vec<u64> = limits.map(|it| self.free(it, offer)).collect();
        let left = self.limits.iter().zip(&free);
        let left = left.map(|(limit, free)| free.saturating_sub(self.takes(limit, &taken)));
        let left: Vec<u64> = left.collect();
        rooms.extend(self.kinds.iter().map(|kind| {
            let has = room_of(&kind.needs, &free);
            [has, has.saturating_sub(room_of(&kind.needs, &left))]
        }));
    }

    /// For each node, of which this was counted, the share of points, in thousandths, for what it does not lose.
    pub(super) fn kept(&self, rooms: &[HasAndLoses]) -> impl Iterator<Item = u64> {
        let kinds = self.kinds.len();
        let mut sums = vec![0_u64; kinds];
        for node in rooms.chunks(kinds.max(1)) {
            for (sum, [has, _]) in sums.iter_mut().zip(node) {
                *sum = sum.saturating_add(u64::from(*has));
            }
        }
        let prices = self.prices(&sums);
        let kept = move |node: &[HasAndLoses]| {
            let dear = node.iter().zip(&prices);
            let dear = dear.map(|([_, loses], price)| u64::from(*loses).saturating_mul(*price));
            let lost = dear.fold(0, u64::saturating_add) / PRICES;
            MOST_LOST.saturating_sub(lost).saturating_mul(ALL) / MOST_LOST
        };
        rooms.chunks(kinds.max(1)).map(kept)
    }

    /// What room for one VM of each kind is worth, if there is so much of it: the more frequent, and the scarcer, the dearer. The
    /// power of one and a half is what `extender/benches/placement` found best between none and two.
    fn prices(&self, rooms: &[u64]) -> Vec<u64> {
        let price = |(kind, room): (&Wanted, &u64)| {
            let room = room.saturating_add(ONE);
            let scarce = u128::from(room).saturating_mul(u128::from(room.isqrt()));
            (u128::from(kind.frequency) << 64) / scarce.max(1)
        };
        let prices: Vec<u128> = self.kinds.iter().zip(rooms).map(price).collect();
        let sum = prices.iter().copied().fold(0, u128::saturating_add).max(1);
        let share = |price: u128| price.saturating_mul(u128::from(PRICES)) / sum;
        let shares = prices.into_iter().map(share);
        shares
            .map(|it| u64::try_from(it).unwrap_or(PRICES))
            .collect()
    }

    fn free(&self, limit: &Limit, offer: &Offer) -> u64 {
        match limit {
            Limit::Volumes(class, bytes) => {
                let fit = |it: &&FreeVolume| it.bytes >= *bytes && is_same(&it.class, class);
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

    /// The volumes that kube-scheduler will most probably take.
    fn taken<'o>(&self, offer: &'o Offer) -> Vec<&'o FreeVolume> {
        let mut taken: Vec<usize> = Vec::with_capacity(self.claims.len());
        for claim in &self.claims {
            let fits = |(at, it): &(usize, &FreeVolume)| {
                it.bytes >= claim.bytes && is_same(&it.class, &claim.class) && !taken.contains(at)
            };
            let volumes = offer.volumes.iter().enumerate().filter(fits);
            taken.extend(volumes.min_by_key(|(_, it)| it.bytes).map(|(at, _)| at));
        }
        let taken = taken.into_iter();
        taken.filter_map(|at| offer.volumes.get(at)).collect()
    }

    fn takes(&self, limit: &Limit, taken: &[&FreeVolume]) -> u64 {
        match limit {
            Limit::Volumes(class, bytes) => {
                let gone =
                    (taken.iter()).filter(|it| it.bytes >= *bytes && is_same(&it.class, class));
                u64::try_from(gone.count()).unwrap_or(u64::MAX)
            }
            Limit::Counted(of) => self.demand.counted.get(of).map_or(0, |it| it.0),
            Limit::Disk => {
                let bytes = self.claims.iter().map(|claim| claim.bytes);
                bytes.fold(0, u64::saturating_add)
            }
        }
    }
}

fn is_same(one: &Arc<str>, other: &Arc<str>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

/// How many VMs that need this find room in what is free. What is left over beside whole VMs counts half: with what other VMs
/// give back, or do without, it may be one more.
fn room_of(needs: &[(usize, u64)], free: &[u64]) -> u32 {
    let each = needs.iter().map(|(limit, needs)| {
        let free = free.get(*limit).copied().unwrap_or(0);
        let free = free.saturating_mul(ONE);
        if *needs == 1 {
            free
        } else {
            free / (*needs).max(1)
        }
    });
    let room = each.min().unwrap_or(0).min(MOST);
    let whole = room / ONE * ONE;
    u32::try_from(whole.saturating_add(room) / 2).unwrap_or(u32::MAX)
}

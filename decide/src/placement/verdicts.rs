//! What was found of nodes, kept as long as nothing of them changes: most pods need what another one needed a moment ago.

use std::collections::BTreeMap;

use super::refusal::Refusal;
use super::score::Asked;
use super::worth::Worth;
use super::{guesses, on, place, scores};
use crate::fit::Demand;
use crate::fit::cells::Wish;
use crate::fit::counted::Amounts;
use crate::fit::volumes::ClaimDemand;
use crate::index::{Index, Place};
use crate::placing::Placing;

/// So many kinds of demands are remembered, those that were asked about last.
const KINDS: usize = 8;

/// What was found of the nodes of one index.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// The one that was asked about last is the last.
    kinds: Vec<OfKind>,
}

/// Nodes with their scores, from 0 to [`MOST`](super::MOST), and why others were refused.
#[derive(Debug, Default, PartialEq)]
pub struct Ranked<'n> {
    /// Those that can hold the VM, in the order in which they were asked about.
    pub fits: Vec<(&'n str, u64)>,
    /// The others.
    pub refused: BTreeMap<&'n str, Refusal>,
}

#[derive(Debug)]
struct OfKind {
    kind: Kind,
    /// What the points depend on beside the node ([`Index::scoring`]).
    scoring: u64,
    /// By the number of the node's place: its stamp when it was looked at, 0 if it never was.
    stamps: Vec<u64>,
    /// By the same number, and for rooms by as many as there are kinds of VMs.
    worth: Worth,
}

/// What a node is asked for, whoever asks.
#[derive(Debug, PartialEq)]
struct Kind {
    /// Without their names.
    claims: Vec<ClaimDemand>,
    own: usize,
    counted: Amounts,
    cells: Wish,
    placing: Option<Placing>,
    /// A disk without a VM is scored by another rule.
    has_vm: bool,
}

impl<'n> Ranked<'n> {
    /// Those with the highest score.
    #[must_use]
    pub fn best(&self) -> Vec<(&'n str, u64)> {
        let best = self.fits.iter().map(|(_, score)| *score).max();
        let fits = self.fits.iter().copied();
        fits.filter(|(_, score)| Some(*score) == best).collect()
    }
}

impl Verdicts {
    /// Asks each of these nodes for all that the VM needs, and which of them is the best; the same as [`place`] and [`scores`] would find.
    pub fn rank<'n>(
        &mut self,
        index: &Index,
        demand: &Demand,
        nodes: impl ExactSizeIterator<Item = &'n str>,
    ) -> Ranked<'n> {
        // Who is tied to a node is asked about few, and a guess depends on all of them.
        let is_tied = !demand.ties.are_of_any_node();
        if is_tied || demand.is_nothing_of_stock() || guesses::are_made(index.vms_of_kinds()) {
            let placement = place(index, demand, nodes);
            return Ranked {
                fits: scores(index, demand, &placement.fits),
                refused: placement.refused,
            };
        }
        let mut known = self.take(index, demand);
        let special = index.special_for(demand);
        let asked = Asked::of(index, demand, &[]);
        let (mut fits, mut refused) = (Vec::with_capacity(nodes.len()), BTreeMap::new());
        let mut worth = Worth::for_nodes(nodes.len(), asked.kinds());
        for node in nodes {
            let place = index.place(node).filter(|it| !special.contains(*it));
            if place.is_some_and(|place| known.tell(index, place, &mut worth)) {
                fits.push(node);
                continue;
            }
            match on(index, demand, node) {
                Err(refusal) => drop(refused.insert(node, refusal)),
                Ok(fit) => {
                    fits.push(node);
                    asked.look_at(index.offer(node).ok(), &fit, &mut worth);
                    if let Some(place) = place {
                        known.keep(index, place, &worth);
                    }
                }
            }
        }
        self.kinds.push(known);
        Ranked {
            fits: asked.scores(fits.into_iter(), &worth),
            refused,
        }
    }

    /// How many kinds of demands something is known of.
    #[must_use]
    pub fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// Takes out what is known of this kind, and whom nobody asked about for longest if there are too many.
    fn take(&mut self, index: &Index, demand: &Demand) -> OfKind {
        let (kind, scoring) = (Kind::of(demand), index.scoring());
        let at = self.kinds.iter().position(|it| it.kind == kind);
        let known = at.map(|at| self.kinds.remove(at));
        if self.kinds.len() >= KINDS {
            self.kinds.remove(0);
        }
        let known = known.filter(|it| it.scoring == scoring);
        known.unwrap_or_else(|| OfKind {
            kind,
            scoring,
            stamps: Vec::new(),
            worth: Worth::default(),
        })
    }
}

impl OfKind {
    /// Adds what is known of a node, if something is.
    fn tell(&self, index: &Index, place: Place, worth: &mut Worth) -> bool {
        let at = place.number();
        let is_known = self.stamps.get(at) == Some(&index.stamp(place));
        is_known && self.worth.copy(at, worth)
    }

    /// Keeps what was found last.
    fn keep(&mut self, index: &Index, place: Place, worth: &Worth) {
        let at = place.number();
        if self.stamps.len() <= at {
            self.stamps.resize(at.saturating_add(1), 0);
        }
        if let Some(stamp) = self.stamps.get_mut(at) {
            *stamp = index.stamp(place);
            self.worth.put_last_of(worth, at);
        }
    }
}

impl Kind {
    fn of(demand: &Demand) -> Self {
        let claims = demand.claims.iter();
        let unnamed = |claim: &ClaimDemand| ClaimDemand {
            name: String::new(),
            ..claim.clone()
        };
        Self {
            claims: claims.map(unnamed).collect(),
            own: demand.own,
            counted: demand.counted.clone(),
            cells: demand.cells,
            placing: demand.ties.placing.clone(),
            has_vm: demand.vm.is_some(),
        }
    }
}

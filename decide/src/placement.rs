//! Which nodes can hold a VM, which one best, and why the others can't.

mod guesses;
mod refusal;
mod room;
mod score;
mod verdicts;
mod worth;

use std::collections::BTreeMap;

use crate::fit::{Demand, Fit, Misfit, fit};
use crate::index::{Index, Unknown};

pub use refusal::{Refusal, words};
pub use score::{MOST, scores, settle_ties};
pub use verdicts::{Ranked, Verdicts};

/// What became of the nodes that were asked about.
#[derive(Debug, Default, PartialEq)]
pub struct Placement<'n> {
    /// Those that can hold the VM, in the order in which they were asked about.
    pub fits: Vec<(&'n str, Fit)>,
    /// The others.
    pub refused: BTreeMap<&'n str, Refusal>,
}

/// Asks each of these nodes for all that the VM needs.
#[must_use]
pub fn place<'n>(
    index: &Index,
    demand: &Demand,
    nodes: impl IntoIterator<Item = &'n str>,
) -> Placement<'n> {
    let mut placement = Placement::default();
    for node in nodes {
        match on(index, demand, node) {
            Ok(fit) => placement.fits.push((node, fit)),
            Err(refusal) => drop(placement.refused.insert(node, refusal)),
        }
    }
    placement
}

/// What needs nothing of ours fits anywhere, on nodes that nobody knows, too.
fn on(index: &Index, demand: &Demand, name: &str) -> Result<Fit, Refusal> {
    if demand.is_nothing() {
        return Ok(Fit::of_nothing());
    }
    let (node, offer) = index.node(name).map_err(Refusal::Unknown)?;
    let allowed = demand.ties.allow(name, node);
    allowed.map_err(|tie| Refusal::Misfits(vec![Misfit::Tied(tie)]))?;
    if demand.is_nothing_of_stock() {
        return Ok(Fit::of_nothing());
    }
    let offer = offer.map_err(Refusal::Unknown)?;
    let less = index.less_promises(name, offer, demand);
    fit(demand, less.as_ref().unwrap_or(offer)).map_err(Refusal::Misfits)
}

#[cfg(test)]
mod tests;

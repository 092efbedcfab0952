//! Which of the nodes that fit is the best.
//!
//! In this order: what the VM needs later is free there already; its volumes are the right ones, not larger ones; functions
//! are left to VMs that need them, and a disk that comes before its VM goes where there are some; a VM that sees NUMA cells gets one. Numbers are whole and the same for the same nodes, whatever else is asked.

use crate::fit::counted::{Counted, Supply};
use crate::fit::{Demand, Fit};
use crate::index::Index;

/// The highest score that kube-scheduler takes (`MaxExtenderPriority`).
pub const MOST: u64 = 10;

/// Points for what a VM needs later and could have now.
const FREE_NOW: u64 = 4;
/// Most points for volumes without waste.
const RIGHT_SIZE: u64 = 4;
/// Most points for what the node has that this VM does not need: none of it for a VM that needs none, all of it for a disk whose
/// VM does not exist yet and may want any of it.
const REST: u64 = 2;

/// A score from 0 to [`MOST`] for each of these nodes that fit, in their order.
#[must_use]
pub fn scores<'n>(index: &Index, demand: &Demand, fits: &[(&'n str, Fit)]) -> Vec<(&'n str, u64)> {
    let needs = demand
        .claims
        .iter()
        .fold(0, |sum: u64, claim| sum.saturating_add(claim.bytes));
    let wants_functions = demand
        .counted
        .keys()
        .any(|of| matches!(of, Counted::Vfs(_)));
    let score = |node: &str, fit: &Fit| {
        let free = if fit.all_free_now { FREE_NOW } else { 0 };
        // Waste of as much as is needed costs half of the points.
        let waste = fit.waste;
        let right = if needs == 0 {
            RIGHT_SIZE
        } else {
            let of = u128::from(needs).saturating_add(u128::from(waste));
            let points = u128::from(RIGHT_SIZE).saturating_mul(u128::from(needs)) / of;
            u64::try_from(points).unwrap_or(RIGHT_SIZE)
        };
        let rest = if wants_functions {
            0
        } else {
            rest(index, demand, node)
        };
        let points = free.saturating_add(right).saturating_add(rest);
        let across = u64::from(!fit.one_cell);
        let points = points.saturating_sub(across);
        // Who needs functions can't earn the points for sparing them.
        let most = if wants_functions {
            MOST.saturating_sub(REST)
        } else {
            MOST
        };
        points.saturating_mul(MOST) / most.max(1)
    };
    fits.iter()
        .map(|(node, fit)| (*node, score(node, fit)))
        .collect()
}

/// Points for what is left over.
fn rest(index: &Index, demand: &Demand, node: &str) -> u64 {
    let Ok(offer) = index.offer(node) else {
        return 0;
    };
    let has = |wanted: fn(&Counted) -> bool, amount: fn(&Supply) -> u64| {
        let mut counted = offer.counted.iter();
        counted.any(|(of, supply)| wanted(of) && amount(supply) > 0)
    };
    let functions: fn(&Counted) -> bool = |of| matches!(of, Counted::Vfs(_));
    let pages: fn(&Counted) -> bool = |of| matches!(of, Counted::Pages(_));
    let free: fn(&Supply) -> u64 = |supply| supply.free_for(None);
    if demand.vm.is_none() {
        return u64::from(has(functions, free)).saturating_add(u64::from(has(pages, free)));
    }
    if has(functions, Supply::usable) {
        0
    } else {
        REST
    }
}

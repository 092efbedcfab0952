//! Whether any node could ever hold a VM: asked when the VM comes, before anything of it is to be placed.
//!
//! As if all others were gone: what is healthy counts, whoever has it now. What nobody can say yet is no reason to say
//! anything: a class, a network or a node that is not known makes the answer [`Feasible::Unknown`].

mod closest;
mod infeasible;
mod review;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::event::ObjectName;
use crate::fit::counted::{VmName, When};
use crate::fit::ties::{Tie, Ties};
use crate::fit::volumes::ClaimDemand;
use crate::fit::{Demand, Misfit, fit};
use crate::guest::Guest;
use crate::index::Index;
use crate::index::possible::Possible;
use crate::placing::Bar;
use crate::whose::only_pools;

pub(crate) use closest::Closest;
use closest::Rank;
pub use infeasible::{Home, Infeasible};
pub use review::{Change, asked_at, review};

/// Whether any node could ever hold a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feasible {
    /// This one could.
    On(Arc<str>),
    /// Too little is known, or the VM is none of ours.
    Unknown,
    /// None.
    Never(Infeasible),
}

/// What asking every node came to.
enum Found {
    Node(Arc<str>),
    Unknown,
    Nowhere(Closest),
}

/// Asks every node for all that the VM will need; the VM need not be in the index yet.
#[must_use]
pub fn feasible(index: &Index, vm: &VmName, guest: &Guest) -> Feasible {
    if !index.looks_after(vm, guest) {
        return Feasible::Unknown;
    }
    let own: BTreeSet<ObjectName> = guest
        .claims
        .iter()
        .map(|name| (Arc::clone(&vm.0), Arc::clone(name)))
        .collect();
    let Some(demand) = demand(index, vm, guest, &own) else {
        return Feasible::Unknown;
    };
    let closest = match ask_all(index, &demand, &own) {
        Found::Node(node) => return Feasible::On(node),
        Found::Unknown => return Feasible::Unknown,
        Found::Nowhere(closest) => closest,
    };
    let disks = demand.ties.disks.clone();
    if disks.is_empty() {
        return Feasible::Never(Infeasible::Nowhere(closest));
    }
    // Is it because of where its disks lie?
    let moved = Demand {
        claims: everything(index, vm, guest, own.iter()),
        ties: Ties {
            disks: Vec::new(),
            ..demand.ties
        },
        ..demand
    };
    let elsewhere = match ask_all(index, &moved, &BTreeSet::new()) {
        Found::Node(_) => first_by_name(index, &moved),
        Found::Unknown => None,
        Found::Nowhere(closest) => return Feasible::Never(Infeasible::Nowhere(closest)),
    };
    Feasible::Never(Infeasible::Pinned(Home {
        disks,
        // If no node has all of the disks, none is the one that lacks something.
        closest: Some(closest).filter(|it| it.rank != Rank::OffItsDisks),
        elsewhere,
    }))
}

/// Why no node could hold a VM that is in the index.
#[must_use]
pub fn why_never(index: &Index, vm: &VmName) -> Option<Infeasible> {
    match feasible(index, vm, index.guest(vm)?) {
        Feasible::Never(why) => Some(why),
        Feasible::On(_) | Feasible::Unknown => None,
    }
}

/// All that it will need, as far as its disks are still to come; `None` if nobody can say.
fn demand(index: &Index, vm: &VmName, guest: &Guest, own: &BTreeSet<ObjectName>) -> Option<Demand> {
    let amounts = guest.needs.amounts(index, When::Later).ok()?;
    let open = own.iter().filter(|name| !index.is_bound(name));
    let demand = Demand {
        claims: everything(index, vm, guest, open),
        counted: only_pools(index, amounts),
        ties: Ties {
            disks: index.disks_among(own),
            runs_on: None,
            promised: None,
            placing: Some(index.placing(guest)),
        },
        cells: guest.cells,
        ..Demand::default()
    };
    let mut claims = demand.claims.iter();
    let known = claims.all(|claim| index.knows_class(&claim.class));
    known.then_some(demand)
}

/// A volume for each of these claims, and scratch space if CDI will need some.
fn everything<'c>(
    index: &Index,
    vm: &VmName,
    guest: &Guest,
    claims: impl Iterator<Item = &'c ObjectName>,
) -> Vec<ClaimDemand> {
    // An instance has no templates of its own: its VM has them.
    let own = Some(&guest.templates).filter(|it| !it.is_empty());
    let templates = own.or_else(|| index.templates_of(vm));
    let claims: BTreeSet<ObjectName> = claims.cloned().collect();
    let mut all = index.demands(claims.iter(), templates);
    all.extend(index.scratch_among(&claims, templates, false));
    all
}

fn ask_all(index: &Index, demand: &Demand, own: &BTreeSet<ObjectName>) -> Found {
    let mut closest: Option<Closest> = None;
    let mut is_unknown = false;
    for possible in index.possible(own) {
        match ask(demand, &possible) {
            Answer::Holds => return Found::Node(Arc::clone(possible.name)),
            Answer::Unknown => is_unknown = true,
            Answer::IsNone => {}
            Answer::Lacks(misfits) => {
                let this = Closest::of(possible.name, misfits);
                if closest.as_ref().is_none_or(|best| this.is_before(best)) {
                    closest = Some(this);
                }
            }
        }
    }
    match closest {
        Some(closest) if !is_unknown => Found::Nowhere(closest),
        _ => Found::Unknown,
    }
}

/// Of all nodes that could hold it, the first by name: whoever asks is told the same.
fn first_by_name(index: &Index, demand: &Demand) -> Option<Arc<str>> {
    let none = BTreeSet::new();
    let holds = |possible: &Possible<'_>| matches!(ask(demand, possible), Answer::Holds);
    let names = index.possible(&none).filter(holds).map(|it| it.name);
    names.min().cloned()
}

enum Answer {
    Holds,
    Unknown,
    /// It is no node for VMs, or not yet.
    IsNone,
    Lacks(Vec<Misfit>),
}

fn ask(demand: &Demand, possible: &Possible<'_>) -> Answer {
    match demand.ties.allow(possible.name, possible.node) {
        Ok(()) => {}
        Err(Tie::Bar(Bar::NoKubevirt)) => return Answer::IsNone,
        Err(tie) => return Answer::Lacks(vec![Misfit::Tied(tie)]),
    }
    if demand.is_nothing_of_stock() {
        return Answer::Holds;
    }
    match &possible.offer {
        None => Answer::Unknown,
        Some(offer) => fit(demand, offer).map_or_else(Answer::Lacks, |_| Answer::Holds),
    }
}

#[cfg(test)]
mod tests;

//! Whether a node can hold a VM: one file for each kind of thing that a VM needs of a node.
//!
//! All of it on one node, at every stage: a disk must never be tied to a node on which its VM could never run. What
//! kube-scheduler knows by itself of the pod in hand (CPUs, memory, taints) is left to it.

pub mod cells;
pub mod counted;
pub mod ties;
pub mod volumes;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::event::ObjectName;
use cells::{Across, Cells, Wish};
use counted::{Amounts, Counted, NotEnough, Supply, VmName, When, enough};
use ties::{Tie, Ties};
use volumes::{
    Chosen, ClaimDemand, FileSystemOffer, FreeVolume, VolumeMisfit, Volumes, least_waste_of_one,
    matching, waste_of_one, worst_waste,
};

/// What a VM needs of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demand {
    /// The VM, so that what is kept for it is free to it; `None` of a disk whose VM does not exist yet.
    pub vm: Option<VmName>,
    /// The pod in hand, so that what was promised to it is free to it.
    pub pod: Option<ObjectName>,
    /// Its claims that have no volume yet, those of later pods among them: a volume that is free now is the only one that is
    /// sure to be.
    pub claims: Vec<ClaimDemand>,
    /// So many of them, the first ones, are the pod's own: kube-scheduler chooses their volumes by itself.
    pub own: usize,
    /// What is counted: how much, and when.
    pub counted: Amounts,
    /// What ties it to certain nodes.
    pub ties: Ties,
    /// How it wants to lie on its node.
    pub cells: Wish,
}

/// What one node has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    /// Free and healthy volumes.
    pub volumes: Vec<FreeVolume>,
    /// Volumes that nobody has either and that can't be used. kube-scheduler takes them for free ones.
    pub spoilt: Vec<FreeVolume>,
    /// The file systems behind them.
    pub file_systems: Vec<FileSystemOffer>,
    /// What is counted.
    pub counted: BTreeMap<Counted, Supply>,
    /// Claims of VMs whose other disks lie here: each needs a volume of this node, and can have none elsewhere.
    pub held: BTreeMap<VmName, Vec<ClaimDemand>>,
    /// Its NUMA cells.
    pub cells: Arc<Cells>,
}

/// How a demand fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// Bytes of the volumes for its claims that no claim asked for.
    pub waste: u64,
    /// What is needed later is free now, too.
    pub all_free_now: bool,
    /// One NUMA cell has it, if the VM would like that.
    pub one_cell: bool,
}

/// Why a node can't hold a VM.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misfit {
    /// It has to be elsewhere.
    Tied(Tie),
    /// Its volumes.
    Volumes(VolumeMisfit),
    /// Something that is counted.
    NotEnough(NotEnough),
    /// There is enough, but not together.
    Across(Across),
}

/// What is missing, without numbers: nodes that lack the same have this in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// It has to be elsewhere.
    Tied(Tie),
    /// Volumes of this class.
    Volumes(String),
    /// Volumes of this class are there, and kube-scheduler takes the wrong ones.
    Choice(String),
    /// Bytes on disk.
    Space,
    /// Something that is counted.
    Counted(Counted, When),
    /// Something in one NUMA cell.
    Across(Across),
}

impl Demand {
    /// Whether any node would do, as far as this is concerned.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.is_nothing_of_stock() && self.ties.are_none()
    }

    /// Whether it needs nothing that a node could run out of.
    #[must_use]
    pub fn is_nothing_of_stock(&self) -> bool {
        self.claims.is_empty() && self.counted.is_empty()
    }
}

impl Fit {
    /// How nothing fits.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self {
            waste: 0,
            all_free_now: true,
            one_cell: true,
        }
    }
}

impl Misfit {
    /// What is missing.
    #[must_use]
    pub fn lack(&self) -> Lack {
        match self {
            Self::Tied(tie) => Lack::Tied(tie.in_common()),
            Self::Volumes(
                VolumeMisfit::TooFew { class, .. } | VolumeMisfit::Held { class, .. },
            ) => Lack::Volumes(class.clone()),
            Self::Volumes(
                VolumeMisfit::Chosen(Chosen { class, .. })
                | VolumeMisfit::TooManyWays { class, .. },
            ) => Lack::Choice(class.clone()),
            Self::Volumes(VolumeMisfit::NoSpace { .. }) => Lack::Space,
            Self::NotEnough(NotEnough { of, when, .. }) => Lack::Counted(of.clone(), *when),
            Self::Across(across) => Lack::Across(across.clone()),
        }
    }

    /// How much is missing; comparable among misfits of the same [`Lack`].
    #[must_use]
    pub fn shortfall(&self) -> u64 {
        match self {
            Self::Tied(tie) => tie.shortfall().unwrap_or(0),
            Self::Across(_) => 0,
            Self::Volumes(misfit) => misfit.shortfall(),
            Self::NotEnough(misfit) => misfit.needs.saturating_sub(misfit.there()),
        }
    }

    /// Whether nothing that others give back would cure it.
    #[must_use]
    pub fn is_for_good(&self) -> bool {
        match self {
            Self::Tied(_) | Self::Volumes(_) => true,
            Self::NotEnough(misfit) => misfit.needs > misfit.usable(),
            Self::Across(across) => across.when == When::Later,
        }
    }
}

/// Fits a demand into an offer.
///
/// # Errors
/// Everything that is missing; never empty.
pub fn fit(demand: &Demand, offer: &Offer) -> Result<Fit, Vec<Misfit>> {
    let vm = demand.vm.as_ref();
    let supply = |of: &Counted| offer.counted.get(of);
    let counted = demand.counted.iter();
    let mut misfits: Vec<Misfit> = counted
        .filter_map(|(of, (needs, when))| enough(of, *needs, *when, supply(of), vm).err())
        .map(Misfit::NotEnough)
        .collect();
    let one_cell = offer.cells.one_for(demand.cells, &demand.counted);
    let one_cell = match one_cell {
        Ok(one_cell) => one_cell,
        Err(across) => {
            // What is not there at all is told rather.
            if misfits.is_empty() {
                misfits.push(Misfit::Across(across));
            }
            false
        }
    };
    match waste_of(demand, offer) {
        Ok(waste) if misfits.is_empty() => {
            let mut counted = demand.counted.iter();
            let is_free = |(of, (needs, _)): (&Counted, &(u64, When))| {
                supply(of).map_or(0, |supply| supply.free_for(vm)) >= *needs
            };
            Ok(Fit {
                waste,
                all_free_now: counted.all(is_free),
                one_cell,
            })
        }
        Ok(_) => Err(misfits),
        Err(misfit) => {
            misfits.insert(0, Misfit::Volumes(misfit));
            Err(misfits)
        }
    }
}

/// Finds volumes for the demand's claims so that those that are held for others have one, too; returns what they waste.
fn waste_of(demand: &Demand, offer: &Offer) -> Result<u64, VolumeMisfit> {
    let volumes = Volumes {
        usable: &offer.volumes,
        spoilt: &offer.spoilt,
        file_systems: &offer.file_systems,
    };
    let matched = |claims: &[ClaimDemand]| matching(claims, volumes.usable, volumes.file_systems);
    let is_other = |vm: &&VmName| Some(*vm) != demand.vm.as_ref();
    let others = || offer.held.iter().filter(|(vm, _)| is_other(vm));
    let (own, later) = demand.claims.split_at(demand.own.min(demand.claims.len()));
    if demand.claims.is_empty() {
        return Ok(0);
    }
    if others().next().is_none() {
        // Nearly all VMs, on nearly all nodes.
        match demand.claims.as_slice() {
            [claim] => {
                let at_once = if own.is_empty() {
                    least_waste_of_one(claim, volumes.usable, volumes.file_systems)
                } else {
                    waste_of_one(claim, volumes)
                };
                if let Some(waste) = at_once {
                    return Ok(waste);
                }
            }
            claims if own.is_empty() => return matched(claims).map(|found| found.waste),
            _ => {}
        }
    }
    let held = others().flat_map(|(_, claims)| claims);
    let rest: Vec<ClaimDemand> = later.iter().chain(held).cloned().collect();
    if let Ok(waste) = worst_waste(own, &rest, later.len(), volumes) {
        return Ok(waste);
    }
    // What no choice would cure is told first.
    matched(&demand.claims)?;
    let all: Vec<ClaimDemand> = own.iter().chain(&rest).cloned().collect();
    if matched(&all).is_ok() {
        // In words, each claim is somebody's.
        let held = others().flat_map(|(vm, claims)| claims.iter().map(|it| it.of_vm(vm)));
        let rest: Vec<ClaimDemand> = later.iter().cloned().chain(held).collect();
        return worst_waste(own, &rest, later.len(), volumes);
    }
    Err(VolumeMisfit::Held {
        class: demand.claims.first().map_or("", |it| &it.class).to_owned(),
        count: demand.claims.len(),
        holders: others().map(|(vm, _)| vm.clone()).collect(),
    })
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tied(tie) => tie.fmt(f),
            Self::Volumes(misfit) => misfit.fmt(f),
            Self::NotEnough(misfit) => misfit.fmt(f),
            Self::Across(across) => across.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;

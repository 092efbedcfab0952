//! Why a node was chosen, or none.

use std::fmt;

use crate::demand::Unclear;
use crate::feasible::Closest;
use crate::fit::Demand;
use crate::fit::counted::VmName;
use crate::names;

/// The node that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    /// Its name.
    pub(super) node: String,
    /// What it was chosen by.
    pub(super) since: Since,
    /// So many would have done.
    pub(super) fits: usize,
    /// Of so many.
    pub(super) nodes: usize,
    /// There is no other way than to take what others were given, or a node that takes no pods now.
    pub(super) is_given: bool,
}

/// What a node was chosen by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Since {
    /// A disk of the VM is there.
    Disk(String),
    /// The VM runs there.
    Runs(VmName),
    /// What this VM needs.
    Vm(VmName),
    /// What the VM will need that it stands for.
    StandsFor,
    /// Nothing but a volume.
    Volume,
}

/// Why no node was chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotChosen {
    /// A first list is not complete.
    #[error(
        "no node was chosen, since vmberth does not know the whole cluster yet; if the disk gets to where its VM can't run, make it again"
    )]
    Unlisted,
    /// Nobody can say what the VM needs.
    #[error("no node was chosen, since {0}; what binds now may be where the VM can't run")]
    Unclear(Unclear),
    /// No node has it now.
    #[error("no node can hold all of it now{}; what binds now may be where the VM can't run", closest(.0.as_ref()))]
    Nowhere(Option<Closest>),
    /// A node would do, and there is nothing to restrict the claims by.
    #[error(
        "no node was chosen: node {0} would do, but its volumes lack the label that those of vmberth's exporter have: kubectl label pv NAME {label}={0}",
        label = names::NODE_LABEL
    )]
    Unlabelled(String),
}

impl Since {
    pub(super) fn of(demand: &Demand) -> Self {
        let ties = &demand.ties;
        match &demand.vm {
            Some(vm) if ties.runs_on.is_some() => Self::Runs(vm.clone()),
            Some(vm) => match ties.disks.first() {
                Some(disk) => Self::Disk(disk.claim.to_string()),
                None => Self::Vm(vm.clone()),
            },
            None if demand.counted.is_empty() => Self::Volume,
            None => Self::StandsFor,
        }
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            node,
            since,
            fits,
            nodes,
            is_given,
        } = self;
        write!(f, "chosen node {node}, since ")?;
        let best = format!("it is the best of {fits} (of {nodes}) that");
        match since {
            Since::Disk(claim) => write!(f, "the VM's disk {claim} is there"),
            Since::Runs((_, vm)) => write!(f, "the VM {vm} runs there"),
            Since::Vm((_, vm)) => write!(f, "{best} can hold VM {vm}"),
            Since::StandsFor => write!(f, "{best} can hold a VM of the disk's profile"),
            Since::Volume => write!(f, "{best} have a volume for it"),
        }?;
        if *is_given {
            f.write_str("; no node that takes pods now has all of it beside what others were given that do not run yet, so it may have to wait")?;
        }
        Ok(())
    }
}

/// The closest node, and what it lacks first.
fn closest(closest: Option<&Closest>) -> String {
    let told = closest.and_then(|it| Some((it, it.misfits.first()?)));
    told.map_or_else(String::new, |(closest, misfit)| {
        format!(": {misfit} (on {}, the closest)", closest.node)
    })
}

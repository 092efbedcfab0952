//! What ties a VM to certain nodes, whatever they have: disks that lie somewhere, and what the VM itself asks for.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::event::Node;
use crate::placing::{Bar, Placing};

/// What ties a VM to certain nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ties {
    /// Its disks that have a volume already.
    pub disks: Vec<Disk>,
    /// The node on which it runs; a disk for it is of use nowhere else.
    pub runs_on: Option<Arc<str>>,
    /// Where another pod of it was just placed that binds volumes, and nobody has seen it yet.
    pub promised: Option<Arc<str>>,
    /// Where it may be, if the pod in hand does not say so itself.
    pub placing: Option<Placing>,
}

/// A disk with a local volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Its claim.
    pub claim: Arc<str>,
    /// Hostnames that the volume is tied to.
    pub hostnames: BTreeSet<Arc<str>>,
}

/// Why a VM has to be elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tie {
    /// A disk of it lies on a node with one of these hostnames.
    Disk(Arc<str>, BTreeSet<Arc<str>>),
    /// It runs there.
    Runs(Arc<str>),
    /// Volumes are being bound for it there.
    Promised(Arc<str>),
    /// It does not want to be here.
    Bar(Bar),
}

impl Ties {
    /// Whether there are none.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.are_of_any_node() && self.placing.is_none()
    }

    /// Whether they name no node: what is left is how nodes have to be.
    #[must_use]
    pub fn are_of_any_node(&self) -> bool {
        self.disks.is_empty() && self.runs_on.is_none() && self.promised.is_none()
    }

    /// Whether they let it be on this node.
    ///
    /// # Errors
    /// The first one that does not.
    pub fn allow(&self, name: &str, node: &Node) -> Result<(), Tie> {
        if let Some(there) = self.runs_on.as_ref().filter(|there| &***there != name) {
            return Err(Tie::Runs(Arc::clone(there)));
        }
        if let Some(there) = self.promised.as_ref().filter(|there| &***there != name) {
            return Err(Tie::Promised(Arc::clone(there)));
        }
        let mut disks = self.disks.iter();
        if let Some(disk) = disks.find(|disk| !disk.hostnames.contains(&node.hostname)) {
            return Err(Tie::Disk(Arc::clone(&disk.claim), disk.hostnames.clone()));
        }
        let allowed = self.placing.iter().try_for_each(|it| it.allows(name, node));
        allowed.map_err(Tie::Bar)
    }
}

impl Tie {
    /// How much is missing, if the tie has numbers in it.
    #[must_use]
    pub fn shortfall(&self) -> Option<u64> {
        let Self::Bar(bar) = self else {
            return None;
        };
        bar.shortfall()
    }

    /// What nodes have in common that are refused by it.
    #[must_use]
    pub fn in_common(&self) -> Self {
        let mut tie = self.clone();
        if let Self::Bar(bar) = &mut tie {
            *bar = bar.in_common();
        }
        tie
    }
}

impl fmt::Display for Tie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(claim, hostnames) => {
                write!(f, "the VM's disk {claim} lies on ")?;
                for (at, hostname) in hostnames.iter().enumerate() {
                    let or = if at == 0 { "" } else { " or " };
                    write!(f, "{or}{hostname}")?;
                }
                Ok(())
            }
            Self::Runs(node) => write!(f, "the VM runs on {node}"),
            Self::Promised(node) => write!(f, "another disk of the VM was just placed on {node}"),
            Self::Bar(bar) => bar.fmt(f),
        }
    }
}

//! Why no node could ever hold a VM, and the way out, in words.

use std::fmt;
use std::sync::Arc;

use super::closest::Closest;
use crate::fit::ties::Disk;
use crate::names;

/// So many disks are named.
const DISKS_TOLD: usize = 3;

/// Why no node could ever hold a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Infeasible {
    /// None has what it will need, wherever its disks lie.
    Nowhere(Closest),
    /// Its disks lie where it can't run.
    Pinned(Home),
}

/// Where the disks of a VM lie that can't run there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Its disks.
    pub disks: Vec<Disk>,
    /// The node that has all of them, and what it lacks; `None` if no node has.
    pub closest: Option<Closest>,
    /// A node that could hold the VM with its disks.
    pub elsewhere: Option<Arc<str>>,
}

impl Infeasible {
    /// What a person can do; `exists` if the VM is there, which disks that are filled from now on follow.
    #[must_use]
    pub fn way_out(&self, exists: bool) -> Option<String> {
        let Self::Pinned(Home {
            disks,
            elsewhere: Some(node),
            ..
        }) = self
        else {
            return None;
        };
        let claims = list(disks);
        let (plural, them, go) = match disks.as_slice() {
            [_] => ("", "it", "it then goes"),
            _ => ("s", "them", "they then go"),
        };
        let profile = if exists {
            String::new()
        } else {
            let annotation = names::PROFILE_ANNOTATION;
            format!(" with annotation {annotation}, a profile that needs as much")
        };
        Some(format!(
            "delete the claim{plural} {claims} with all data and fill {them} again{profile}: {go} to a node like {node}"
        ))
    }

    /// Why, and what a person can do.
    #[must_use]
    pub fn in_full(&self, exists: bool) -> String {
        match self.way_out(exists) {
            None => self.to_string(),
            Some(way_out) => format!("{self}; {way_out}"),
        }
    }
}

fn list(disks: &[Disk]) -> String {
    let names = disks.iter().take(DISKS_TOLD).map(|disk| &*disk.claim);
    let mut text = names.collect::<Vec<_>>().join(", ");
    if disks.len() > DISKS_TOLD {
        text.push_str(", ...");
    }
    text
}

impl fmt::Display for Infeasible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere(closest) => write!(
                f,
                "no node could ever hold this VM: {closest} (on {}, the closest)",
                closest.node
            ),
            Self::Pinned(home) => home.fmt(f),
        }
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(closest) = &self.closest {
            let plural = if self.disks.len() == 1 { "" } else { "s" };
            return write!(
                f,
                "the VM's disk{plural} {} can be used on {} only, which could never run it: {closest}",
                list(&self.disks),
                closest.node
            );
        }
        f.write_str("no node has all of the VM's disks: ")?;
        for (at, disk) in self.disks.iter().take(DISKS_TOLD).enumerate() {
            let hostnames: Vec<&str> = disk.hostnames.iter().map(|it| &**it).collect();
            let comma = if at == 0 { "" } else { ", " };
            write!(
                f,
                "{comma}{} lies on {}",
                disk.claim,
                hostnames.join(" or ")
            )?;
        }
        Ok(())
    }
}

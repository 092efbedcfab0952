//! What to do about the PersistentVolumes of a node.
//!
//! Each action is safe to repeat and safe to lose: after a crash at any point the next plan goes on from what is there.

use std::collections::BTreeMap;

use super::cluster::ClaimRef;

/// One thing to do, in the order in which it is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make this one.
    Create(NewVolume),
    /// Set these labels and annotations (`None` takes one away) of one of ours; nothing else is ever changed.
    Mend(Mend),
    /// Its claim is gone and the policy says that the data goes too: check again, empty the directory, offer it again.
    Reclaim(ReclaimOrder),
}

/// A PersistentVolume to make.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVolume {
    /// Its name: of node and path, so that nobody makes a second one of the same directory.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its class.
    pub class: String,
    /// Its capacity in bytes.
    pub capacity: u64,
    /// Its path on the node.
    pub path: String,
    /// The node's label `kubernetes.io/hostname`.
    pub hostname: String,
}

/// A change of labels and annotations.
#[derive(Debug, Clone, PartialEq)]
pub struct Mend {
    /// The PersistentVolume.
    pub name: String,
    /// It must still be this one.
    pub uid: String,
    /// Labels to set or take away.
    pub labels: BTreeMap<String, Option<String>>,
    /// Annotations to set or take away.
    pub annotations: BTreeMap<String, Option<String>>,
}

/// A volume to give back.
#[derive(Debug, Clone, PartialEq)]
pub struct ReclaimOrder {
    /// The PersistentVolume.
    pub name: String,
    /// It must still be this one.
    pub uid: String,
    /// Released by this claim, which must be gone.
    pub claim: ClaimRef,
    /// The directory.
    pub path: String,
    /// It must still be on this file system and have this number.
    pub directory: DirectoryId,
}

/// Identity of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryId {
    /// File system.
    pub device: super::facts::Device,
    /// Number of the file.
    pub inode: u64,
}

//! A volume's directory below a root of its own.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use vmberth_decide::node::cluster::ClaimRef;
use vmberth_decide::node::facts::Device;
use vmberth_decide::node::local_volumes::{DirectoryId, ReclaimOrder};
use vmberth_exporter::wipe::{Held, WipeError};

/// Path of the volume on its node.
pub(crate) const PATH: &str = "/var/vd/vol0";
/// Where processes are seen: ours are the host's.
pub(crate) const PROC: &str = "/proc";

/// A root with one volume.
pub(crate) struct Volume {
    root: TempDir,
    path: PathBuf,
}

impl Volume {
    /// With an empty directory.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(&PATH[1..]);
        fs::create_dir_all(&path).unwrap();
        Self { root, path }
    }

    /// Where the host's root is seen.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a disk into it.
    pub(crate) fn disk(&self) {
        fs::write(self.path.join("disk.img"), "guest").unwrap();
    }

    /// The order to give it back, as of now.
    pub(crate) fn order(&self) -> ReclaimOrder {
        order(self.root())
    }

    /// Names of its entries, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.path).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// How many entries it has at any depth.
    pub(crate) fn entries(&self) -> u64 {
        count(&self.path)
    }
}

fn count(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => 1 + count(&entry.path()),
            false => 1,
        })
        .sum()
}

/// Takes the directory of the order.
pub(crate) fn take(root: &Path, order: &ReclaimOrder) -> Result<Held, WipeError> {
    Held::take(root, &order.path, order.directory)
}

/// The order to give back the volume below `root`, as of now.
pub(crate) fn order(root: &Path) -> ReclaimOrder {
    let found = fs::metadata(root.join(&PATH[1..])).unwrap();
    ReclaimOrder {
        name: "vmberth-node-a-vol0-00000001".to_owned(),
        uid: "pv-uid-1".to_owned(),
        claim: ClaimRef {
            namespace: "default".to_owned(),
            name: "debian".to_owned(),
            uid: "claim-uid-1".to_owned(),
        },
        path: PATH.to_owned(),
        directory: DirectoryId {
            device: Device {
                major: rustix::fs::major(found.dev()),
                minor: rustix::fs::minor(found.dev()),
            },
            inode: found.ino(),
        },
    }
}

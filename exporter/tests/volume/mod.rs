//! A volume's directory below a root of its own.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod emptying;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use vmberth_decide::node::cluster::ClaimRef;
use vmberth_decide::node::facts::Device;
use vmberth_decide::node::local_volumes::{DirectoryId, ReclaimOrder};
use vmberth_exporter::wipe::{Held, WipeError};

/// Path of the volume on its node.
pub(crate) const PATH: &str = "/var/vd/vol0";
/// A root with one volume, in whose `/proc` this process is seen, and the first one of every node. Not all of the
/// machine's: it may hide some even from root, and then nothing is emptied.
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
        let volume = Self { root, path };
        fs::create_dir_all(volume.loops()).unwrap();
        fs::create_dir(volume.proc()).unwrap();
        volume.shows(std::process::id());
        // In a PID namespace of its own, this process may be the first.
        if std::process::id() != 1 {
            fs::create_dir_all(volume.proc().join("1/fd")).unwrap();
        }
        volume
    }

    /// Where the host's root is seen.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where processes are seen.
    pub(crate) fn proc(&self) -> PathBuf {
        self.root().join("proc")
    }

    /// Where loop devices are seen.
    pub(crate) fn loops(&self) -> PathBuf {
        self.root().join("sys/devices/virtual/block")
    }

    /// Has the process seen, with what it has open.
    pub(crate) fn shows(&self, process: u32) {
        let name = process.to_string();
        symlink(Path::new("/proc").join(&name), self.proc().join(name)).unwrap();
    }

    /// Has this process seen no longer.
    pub(crate) fn hides_us(&self) {
        fs::remove_file(self.proc().join(std::process::id().to_string())).unwrap();
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

/// Takes the directory of the order. What another test starts holds every lock of this process until it is executed, so a
/// lock is waited for a moment.
pub(crate) fn take(root: &Path, order: &ReclaimOrder) -> Result<Held, WipeError> {
    for _ in 0..2000 {
        match Held::take(root, &order.path, order.directory) {
            Err(WipeError::Locked(_)) => std::thread::sleep(std::time::Duration::from_millis(10)),
            taken => return taken,
        }
    }
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

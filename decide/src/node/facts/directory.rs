//! Directories that may back local volumes, and what is in them.

use std::collections::BTreeSet;

use super::Device;

/// One directory that may back a local volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeFacts {
    /// Its last component, such as `vol3`.
    pub name: String,
    /// Path on the node, such as `/var/vd/vol3`.
    pub path: String,
    /// What is at that path.
    pub content: Content,
}

/// What is at a volume's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A directory.
    Directory(DirectoryFacts),
    /// A link, a file, a device: never followed, never used.
    NotADirectory {
        /// What it is, in words: `a symbolic link`.
        kind: &'static str,
    },
    /// It can't be read; the reason is what the system says.
    Unreadable {
        /// What the system says.
        reason: String,
    },
}

/// A directory that may back a local volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryFacts {
    /// The file system it lies on: the device of the mount that leads to it.
    pub device: Device,
    /// Device as stat has it. Each subvolume of btrfs has one of its own, though all share the room of one file system.
    pub stat_device: Device,
    /// Number of the file: another one means that the directory was made anew.
    pub inode: u64,
    /// When it was made, in nanoseconds since 1970, if the file system knows.
    pub born: Option<i128>,
    /// Owner.
    pub uid: u32,
    /// Owning group; the kubelet makes it the pod's fsGroup at mount (facts: domain 5).
    pub gid: u32,
    /// Permission bits, such as 0o755.
    pub mode: u32,
    /// Label of SELinux, if the file system carries one.
    pub selinux: Option<String>,
    /// `disk.img`, if there is one.
    pub disk: Option<DiskFacts>,
    /// Everything else in it.
    pub foreign: Foreign,
    /// UIDs of the pods that the kubelet has mounted it for (mountinfo).
    pub mounted_by: BTreeSet<String>,
    /// Other paths of the node, none of them a pod's, that lead to it or to something in it (mountinfo); at most
    /// [`DirectoryFacts::PATHS`].
    pub also_at: BTreeSet<String>,
}

impl DirectoryFacts {
    /// So many other paths are known, and no more.
    pub const PATHS: usize = 64;

    /// Which directory it is, whatever it is reached by: another disk in its place has another number or was made at another
    /// time.
    #[must_use]
    pub fn mark(&self) -> String {
        match self.born {
            Some(born) => format!("{}:{born}", self.inode),
            None => self.inode.to_string(),
        }
    }

    /// Nothing is in it; `lost+found` of a file system of its own does not count.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.disk.is_none() && self.foreign.count == 0
    }
}

/// Files of a volume that are not its disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Foreign {
    /// How many entries; [`Foreign::MOST`] means so many or more.
    pub count: u64,
    /// Names of the first few, sorted; never more than [`Foreign::NAMED`].
    pub names: Vec<String>,
}

impl Foreign {
    /// So many are named.
    pub const NAMED: usize = 3;
    /// So many are counted, and no more.
    pub const MOST: u64 = 1_000;
}

/// A VM's disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskFacts {
    /// How it is written.
    pub format: DiskFormat,
    /// Size of the file, which is what the guest sees. Never what a header in it says: that is the guest's to write.
    pub virtual_bytes: u64,
    /// Bytes of the file system that it takes up.
    pub allocated_bytes: u64,
    /// Last change, seconds since 1970.
    pub modified: i64,
}

/// How a disk is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskFormat {
    /// Byte for byte: what CDI and KubeVirt write (facts: domain 5).
    Raw,
    /// QEMU's copy-on-write format: KubeVirt would boot it as garbage.
    Qcow2,
    /// We may not read it.
    Unknown,
}

impl DiskFormat {
    /// QEMU's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Unknown => "unknown",
        }
    }
}

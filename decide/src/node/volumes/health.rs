//! Whether a directory can be used.
//!
//! Owner and mode are no faults: at mount the kubelet gives a local volume to the pod's fsGroup, with all rights, which
//! is why root's 0755 works, and 0700 would (facts: domain 5).

use std::collections::BTreeMap;
use std::fmt;

use super::owners::{moved_from, was_another};
use super::paths::normal;
use crate::names::{DIRECTORY_ANNOTATION, DISK_FILE};
use crate::node::cluster::PersistentVolume;
use crate::node::facts::{
    Area, Content, Device, DirectoryFacts, DiskFormat, Facts, FileSystemFacts,
};
use crate::node::local_volumes::DirectoryId;
use crate::node::reclaim;

/// Why a directory can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) enum Fault {
    /// It is not there, but its PersistentVolume is.
    Gone,
    /// A link, a file, a device.
    NotADirectory(&'static str),
    /// It, or a directory above it, can't be read; what the system says.
    Unreadable(String),
    /// Its file system, mounted there, can't be written to.
    ReadOnly(String),
    /// It lies on another mount point than when its PersistentVolume was made.
    Moved {
        /// Where it was made.
        made_on: String,
        /// Where it lies; `None` if that can't be read.
        now: Option<String>,
    },
    /// One of ours was made of it by another path, which leads to it as well.
    OtherPath {
        /// The PersistentVolume.
        name: String,
        /// Its path.
        path: String,
    },
    /// It is another directory than its PersistentVolume was made of, though in the same place.
    Another {
        /// The PersistentVolume.
        name: String,
        /// What it was made of.
        made_of: String,
        /// What is there.
        now: String,
    },
    /// Other paths lead to it as well: two VMs would share a disk.
    SameAs(Vec<String>),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str(
                "directory is gone; its PersistentVolume is kept: mount or make the directory, or delete the \
                 PersistentVolume",
            ),
            Self::NotADirectory(kind) => write!(f, "is {kind}, not a directory: it is never used"),
            Self::Unreadable(reason) => write!(f, "can't be read: {reason}"),
            Self::ReadOnly(mount_point) => write!(
                f,
                "file system {mount_point} is read-only: see dmesg on the node, repair it and mount it again"
            ),
            Self::Moved {
                made_on,
                now: Some(now),
            } => write!(
                f,
                "lies on {now} now, not on {made_on} where it was made: is its file system mounted?"
            ),
            Self::Moved { made_on, now: None } => write!(
                f,
                "lies on a file system that can't be read, not surely on {made_on} where it was made: is that mounted?"
            ),
            Self::OtherPath { name, path } => write!(
                f,
                "is the directory that PersistentVolume {name} calls {path}, which is left alone: name that path in the \
                 config, or delete the PersistentVolume when nobody needs its data"
            ),
            Self::Another { name, made_of, now } => write!(
                f,
                "is another directory ({now}) than its PersistentVolume was made of ({made_of}): were disks swapped, or \
                 was it made anew? Mount the right one, by its UUID; if this one is right: kubectl annotate pv {name} \
                 {DIRECTORY_ANNOTATION}={now} --overwrite"
            ),
            Self::SameAs(paths) => write!(
                f,
                "is the same directory as {}: two VMs would share a disk; unmount one",
                paths.join(", ")
            ),
        }
    }
}

/// Looks at one scan.
#[derive(Debug)]
pub(in crate::node) struct Health<'a> {
    facts: &'a Facts,
    file_systems: BTreeMap<Device, &'a FileSystemFacts>,
    /// Paths by directory, of those that have more than one.
    twins: BTreeMap<DirectoryId, Vec<&'a str>>,
}

impl<'a> Health<'a> {
    /// Prepares.
    pub(in crate::node) fn of(facts: &'a Facts) -> Self {
        let mut twins: BTreeMap<DirectoryId, Vec<&str>> = BTreeMap::new();
        for volume in &facts.volumes {
            if let Content::Directory(directory) = &volume.content {
                let paths = twins.entry(DirectoryId::of(directory)).or_default();
                paths.push(&volume.path);
                paths.sort_unstable();
                paths.dedup();
            }
        }
        twins.retain(|_, paths| paths.len() > 1);
        let file_systems = facts.file_systems.iter().map(|fs| (fs.device, fs));
        Self {
            facts,
            file_systems: file_systems.collect(),
            twins,
        }
    }

    /// The directory, if there is one, and what is wrong.
    pub(in crate::node) fn look(
        &self,
        path: &str,
        content: Option<&'a Content>,
    ) -> (Option<&'a DirectoryFacts>, Option<Fault>) {
        match content {
            None => (None, Some(self.absent(path))),
            Some(Content::NotADirectory { kind }) => (None, Some(Fault::NotADirectory(kind))),
            Some(Content::Unreadable { reason }) => (None, Some(Fault::Unreadable(reason.clone()))),
            Some(Content::Directory(directory)) => {
                (Some(directory), self.fault_of(path, directory))
            }
        }
    }

    /// One of ours whose directory is not the one that it was made of.
    pub(in crate::node) fn moved(
        &self,
        path: &str,
        directory: Option<&DirectoryFacts>,
        ours: &[&PersistentVolume],
    ) -> Option<Fault> {
        let directory = directory?;
        if let Some(pv) = ours.iter().find(|pv| normal(&pv.path) != path) {
            return Some(Fault::OtherPath {
                name: pv.name.clone(),
                path: pv.path.clone(),
            });
        }
        let file_system = self.file_systems.get(&directory.device);
        let now = file_system.map(|file_system| file_system.mount_point.as_str());
        let now = now.filter(|mount_point| !mount_point.is_empty());
        if let Some(made_on) = ours.iter().find_map(|pv| moved_from(pv, now)) {
            return Some(Fault::Moved {
                made_on: made_on.to_owned(),
                now: now.map(ToOwned::to_owned),
            });
        }
        ours.iter().find_map(|pv| {
            Some(Fault::Another {
                name: pv.name.clone(),
                made_of: was_another(pv, directory)?.to_owned(),
                now: directory.mark(),
            })
        })
    }

    /// Absent ones are left out of facts, and so are those below a directory that can't be read.
    fn absent(&self, path: &str) -> Fault {
        let above = self.facts.problems.iter().find(|problem| {
            let rest = path.strip_prefix(problem.path.trim_end_matches('/'));
            problem.area == Area::Volumes
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        above.map_or(Fault::Gone, |problem| {
            Fault::Unreadable(format!("{}: {}", problem.path, problem.reason))
        })
    }

    fn fault_of(&self, path: &str, directory: &DirectoryFacts) -> Option<Fault> {
        if let Some(paths) = self.twins.get(&DirectoryId::of(directory)) {
            let others = paths.iter().filter(|other| **other != path);
            return Some(Fault::SameAs(
                others.map(|&other| other.to_owned()).collect(),
            ));
        }
        let file_system = self.file_systems.get(&directory.device)?;
        let read_only = file_system.read_only;
        read_only.then(|| Fault::ReadOnly(file_system.mount_point.clone()))
    }
}

/// What is in a directory that is in use, and should not be; none of it keeps a VM from running.
pub(in crate::node) fn oddities(directory: &DirectoryFacts, pv: &PersistentVolume) -> Vec<String> {
    let mut told = Vec::new();
    let disk = directory.disk.as_ref();
    if disk.is_some_and(|disk| disk.format == DiskFormat::Qcow2) {
        told.push(format!(
            "{DISK_FILE} is qcow2, which KubeVirt boots as if it were raw: qemu-img convert -O raw"
        ));
    }
    // CDI's own files lie in scratch space.
    if directory.foreign.count > 0 && !reclaim::is_scratch(pv) {
        told.push(format!(
            "holds files of others: {}",
            foreign_names(directory)
        ));
    }
    told
}

/// Everything in a directory, for people: `disk.img (15Gi), a, b and 3 more`.
pub(in crate::node) fn contents(directory: &DirectoryFacts) -> String {
    let disk = directory.disk.as_ref().map(|disk| {
        let size = crate::quantity::format_bytes(disk.virtual_bytes);
        format!("{DISK_FILE} ({size})")
    });
    let foreign = (directory.foreign.count > 0).then(|| foreign_names(directory));
    let parts: Vec<String> = disk.into_iter().chain(foreign).collect();
    parts.join(", ")
}

fn foreign_names(directory: &DirectoryFacts) -> String {
    let foreign = &directory.foreign;
    let named = u64::try_from(foreign.names.len()).unwrap_or(u64::MAX);
    let names = foreign.names.join(", ");
    match foreign.count.saturating_sub(named) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

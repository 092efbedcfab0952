//! What each file system has left. Volumes are plain directories, so that each of them seems to have all of it
//! (facts: domain 5): everything here is counted once by device.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::assess::{FileSystemVerdict, VolumeVerdict};
use super::cluster::{Cluster, PersistentVolume};
use super::facts::{Content, Device, DirectoryFacts, DiskFacts, Facts, FileSystemFacts};
use super::local_volumes::DirectoryId;
use super::sizes::Room;
use super::volumes::owners;
use super::volumes::paths::normal;
use crate::names::{FILE_SYSTEM_LABEL, PROVISIONED_BY_ANNOTATION};

/// So begins what sig-storage's static provisioner writes into [`PROVISIONED_BY_ANNOTATION`]; its node's name follows.
const STATIC_PROVISIONER: &str = "local-volume-provisioner";

/// By device.
#[must_use]
pub fn verdicts(
    facts: &Facts,
    cluster: &Cluster,
    volumes: &[VolumeVerdict],
) -> Vec<FileSystemVerdict> {
    let file_systems = by_device(facts);
    let promises = promises(facts, cluster, &file_systems);
    let on = |device| {
        promises
            .iter()
            .filter(move |promise| promise.device == device)
    };
    let file_systems = file_systems.iter();
    file_systems
        .map(|(device, file_system)| {
            let unmeasured = on(*device).filter(|promise| !promise.is_measured);
            FileSystemVerdict {
                promised: sum(on(*device).map(|promise| promise.bytes)),
                unmeasured: sum(unmeasured.map(|promise| promise.bytes)),
                ..verdict(file_system, volumes)
            }
        })
        .collect()
}

/// What each file system may promise, and has promised.
#[must_use]
pub fn rooms(
    facts: &Facts,
    cluster: &Cluster,
    volumes: &[VolumeVerdict],
) -> BTreeMap<Device, Room> {
    let with_room = |(device, fs): (Device, &FileSystemFacts)| (device, room(fs, 0, volumes));
    let file_systems = by_device(facts);
    let mut rooms: BTreeMap<Device, Room> =
        file_systems.clone().into_iter().map(with_room).collect();
    for promise in promises(facts, cluster, &file_systems) {
        if let Some(room) = rooms.get_mut(&promise.device) {
            room.promised = room.promised.saturating_add(promise.bytes);
        }
    }
    rooms
}

/// The capacity of one PersistentVolume.
struct Promise {
    device: Device,
    bytes: u64,
    /// What its directory takes up is known: it was looked at, and nothing but a disk is in it.
    is_measured: bool,
}

fn promises(
    facts: &Facts,
    cluster: &Cluster,
    file_systems: &BTreeMap<Device, &FileSystemFacts>,
) -> Vec<Promise> {
    let scanned = scanned(facts);
    let holders = owners::by_path(cluster, facts);
    let promises = holders.iter().flat_map(|(path, holders)| {
        let directory = scanned.get(path);
        holders.iter().filter_map(move |pv| {
            let device = match directory {
                Some(directory) => Some(directory.device),
                // Of no node in particular: it may be anybody's, and most are another's.
                None if owners::is_of_any_node(pv) => None,
                None => device_of(path, pv, file_systems),
            };
            Some(Promise {
                device: device?,
                bytes: pv.capacity,
                is_measured: directory.is_some_and(|directory| directory.foreign.count == 0),
            })
        })
    });
    promises.collect()
}

/// What one file system may promise, by what disks on it take up of what they were promised.
pub(super) fn room(facts: &FileSystemFacts, promised: u64, volumes: &[VolumeVerdict]) -> Room {
    let kept = disks_on(facts.device, volumes);
    let kept = kept
        .iter()
        .filter_map(|disk| Some(disk.facts.allocated_bytes.min(disk.promised?)));
    Room {
        mount_point: facts.mount_point.clone(),
        promisable: facts.free.saturating_add(sum(kept)),
        promised,
        directories: facts.directories.clone(),
    }
}

/// Bytes that the disks on a file system may yet take up.
pub(super) fn growth(device: Device, volumes: &[VolumeVerdict]) -> u64 {
    let disks = disks_on(device, volumes);
    sum(disks
        .iter()
        .map(|disk| disk.size().saturating_sub(disk.facts.allocated_bytes)))
}

/// As a label's value, which has no colon.
#[must_use]
pub fn label_of(device: Device) -> String {
    format!("{}-{}", device.major, device.minor)
}

fn by_device(facts: &Facts) -> BTreeMap<Device, &FileSystemFacts> {
    let file_systems = facts.file_systems.iter();
    file_systems.map(|fs| (fs.device, fs)).collect()
}

fn scanned(facts: &Facts) -> BTreeMap<String, &DirectoryFacts> {
    let volumes = facts.volumes.iter();
    volumes
        .filter_map(|volume| match &volume.content {
            Content::Directory(directory) => Some((normal(&volume.path), directory)),
            Content::NotADirectory { .. } | Content::Unreadable { .. } => None,
        })
        .collect()
}

/// The file system of a directory that was not scanned: one of ours says it, another's lies below a mount point. The
/// static provisioner takes nothing but mount points (facts: domain 5), so its volumes are on file systems of their own.
fn device_of(
    path: &str,
    pv: &PersistentVolume,
    file_systems: &BTreeMap<Device, &FileSystemFacts>,
) -> Option<Device> {
    if let Some(label) = pv.labels.get(FILE_SYSTEM_LABEL) {
        let mut devices = file_systems.keys().copied();
        return devices.find(|device| label_of(*device) == *label);
    }
    let by = pv.annotations.get(PROVISIONED_BY_ANNOTATION);
    let only_mount_points = by.is_some_and(|by| by.starts_with(STATIC_PROVISIONER));
    let below = file_systems.iter().filter_map(|(device, fs)| {
        let mount_point = normal(&fs.mount_point);
        let rest = path.strip_prefix(&mount_point)?;
        let lies_below = rest.starts_with('/') && !only_mount_points;
        (rest.is_empty() || lies_below).then_some((mount_point.len(), *device))
    });
    below.max().map(|(_, device)| device)
}

/// A disk, and the capacity of the PersistentVolume that it is in.
struct Disk<'a> {
    facts: &'a DiskFacts,
    promised: Option<u64>,
}

impl Disk<'_> {
    /// What it may grow to. Whoever has the directory mounted can make the file as large as he likes; what he was promised
    /// is what counts.
    fn size(&self) -> u64 {
        let virtual_bytes = self.facts.virtual_bytes;
        self.promised
            .map_or(virtual_bytes, |promised| virtual_bytes.min(promised))
    }
}

/// Each directory once, even if two paths lead to it.
fn volumes_on(device: Device, volumes: &[VolumeVerdict]) -> Vec<(&VolumeVerdict, &DirectoryFacts)> {
    let mut seen = BTreeSet::new();
    let directories = volumes
        .iter()
        .filter_map(|volume| Some((volume, volume.directory.as_ref()?)));
    directories
        .filter(|(_, directory)| {
            directory.device == device && seen.insert(DirectoryId::of(directory))
        })
        .collect()
}

fn disks_on(device: Device, volumes: &[VolumeVerdict]) -> Vec<Disk<'_>> {
    let on = volumes_on(device, volumes).into_iter();
    on.filter_map(|(volume, directory)| {
        Some(Disk {
            facts: directory.disk.as_ref()?,
            promised: volume.capacity,
        })
    })
    .collect()
}

fn sum(bytes: impl Iterator<Item = u64>) -> u64 {
    bytes.fold(0, u64::saturating_add)
}

/// But for promises.
fn verdict(facts: &FileSystemFacts, volumes: &[VolumeVerdict]) -> FileSystemVerdict {
    let count = volumes_on(facts.device, volumes).len();
    let disks = disks_on(facts.device, volumes);
    FileSystemVerdict {
        facts: facts.clone(),
        volumes: u32::try_from(count).unwrap_or(u32::MAX),
        disk_virtual: sum(disks.iter().map(Disk::size)),
        disk_allocated: sum(disks.iter().map(|disk| disk.facts.allocated_bytes)),
        free_after_promises: facts.free.saturating_sub(growth(facts.device, volumes)),
        ..FileSystemVerdict::default()
    }
}

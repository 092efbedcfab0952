//! What each file system has left. Volumes are plain directories, so that each of them seems to have all of it
//! (facts: domain 5): everything here is counted once by device.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::assess::{FileSystemVerdict, VolumeVerdict};
use super::cluster::{Cluster, PersistentVolume};
use super::facts::{Content, Device, DirectoryFacts, Facts, FileSystemFacts};
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
    let rooms = rooms(facts, cluster);
    by_device(facts)
        .into_iter()
        .map(|(device, file_system)| {
            let promised = rooms.get(&device).map_or(0, |room| room.promised);
            verdict(file_system, promised, &directories_on(device, volumes))
        })
        .collect()
}

/// What each file system may promise, and has promised.
#[must_use]
pub fn rooms(facts: &Facts, cluster: &Cluster) -> BTreeMap<Device, Room> {
    let with_room = |(device, fs): (Device, &FileSystemFacts)| {
        let room = Room {
            mount_point: fs.mount_point.clone(),
            size: fs.size,
            promised: 0,
        };
        (device, room)
    };
    let file_systems = by_device(facts);
    let mut rooms: BTreeMap<Device, Room> =
        file_systems.clone().into_iter().map(with_room).collect();
    let scanned = scanned(facts);
    for (path, holders) in owners::by_path(cluster) {
        for pv in holders {
            let device = match scanned.get(&path) {
                Some(device) => Some(*device),
                None => device_of(&path, pv, &file_systems),
            };
            if let Some(room) = device.and_then(|device| rooms.get_mut(&device)) {
                room.promised = room.promised.saturating_add(pv.capacity);
            }
        }
    }
    rooms
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

fn scanned(facts: &Facts) -> BTreeMap<String, Device> {
    let directory = |content: &Content| match content {
        Content::Directory(directory) => Some(directory.device),
        Content::NotADirectory { .. } | Content::Unreadable { .. } => None,
    };
    let volumes = facts.volumes.iter();
    volumes
        .filter_map(|volume| Some((normal(&volume.path), directory(&volume.content)?)))
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

/// Each directory once, even if two paths lead to it.
fn directories_on(device: Device, volumes: &[VolumeVerdict]) -> Vec<&DirectoryFacts> {
    let mut seen = BTreeSet::new();
    let directories = volumes
        .iter()
        .filter_map(|volume| volume.directory.as_ref());
    directories
        .filter(|directory| directory.device == device && seen.insert(directory.inode))
        .collect()
}

fn verdict(
    facts: &FileSystemFacts,
    promised: u64,
    directories: &[&DirectoryFacts],
) -> FileSystemVerdict {
    let disks = || directories.iter().filter_map(|found| found.disk.as_ref());
    let sum = |total: u64, bytes: u64| total.saturating_add(bytes);
    let growth = disks()
        .map(|disk| disk.virtual_bytes.saturating_sub(disk.allocated_bytes))
        .fold(0, sum);
    FileSystemVerdict {
        facts: facts.clone(),
        volumes: u32::try_from(directories.len()).unwrap_or(u32::MAX),
        promised,
        disk_virtual: disks().map(|disk| disk.virtual_bytes).fold(0, sum),
        disk_allocated: disks().map(|disk| disk.allocated_bytes).fold(0, sum),
        free_after_promises: facts.free.saturating_sub(growth),
    }
}

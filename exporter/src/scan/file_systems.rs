//! File systems of the volumes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rustix::fs::{StatVfs, fstat, fstatvfs};
use vmberth_decide::node::config::Config;
use vmberth_decide::node::facts::{Area, Content, Device, FileSystemFacts, VolumeFacts};

use super::mounts::Mounts;
use super::read::Host;
use super::volumes;

/// Reads each file system once, by device.
pub(super) fn read(
    host: &Host,
    config: &Config,
    volumes: &[VolumeFacts],
    mounts: &Mounts,
) -> Vec<FileSystemFacts> {
    let mut directories = directories(host, config, mounts);
    by_device(volumes)
        .into_iter()
        .filter_map(|(device, paths)| {
            let path = paths.first()?;
            let stat = host.noted(Area::FileSystems, path, stat(host, path))?;
            Some(FileSystemFacts {
                directories: directories.remove(&device).unwrap_or_default(),
                ..facts(device, &paths, &stat, mounts)
            })
        })
        .collect()
}

/// The patterns' directories on each file system. Why one can't be opened is told with its volumes.
fn directories(
    host: &Host,
    config: &Config,
    mounts: &Mounts,
) -> BTreeMap<Device, BTreeSet<String>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for pattern in &config.volumes {
        let path = &pattern.directory;
        let opened = host.plain_directory(path);
        if let Ok(stat) = opened.and_then(|directory| Ok(fstat(&directory)?)) {
            let device = mounts.file_system(path, volumes::device(&stat));
            found.entry(device).or_default().insert(path.clone());
        }
    }
    found
}

/// Paths of the volumes on each file system.
fn by_device(volumes: &[VolumeFacts]) -> BTreeMap<Device, Vec<&str>> {
    let mut devices: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for volume in volumes {
        match &volume.content {
            Content::Directory(directory) => devices
                .entry(directory.device)
                .or_default()
                .push(volume.path.as_str()),
            Content::NotADirectory { .. } | Content::Unreadable { .. } => {}
        }
    }
    devices
}

fn stat(host: &Host, path: &str) -> io::Result<StatVfs> {
    Ok(fstatvfs(host.plain_directory(path)?)?)
}

fn facts(device: Device, paths: &[&str], stat: &StatVfs, mounts: &Mounts) -> FileSystemFacts {
    let place = paths
        .iter()
        .filter_map(|path| mounts.first_place(path, device))
        .min_by_key(|mount| (mount.point.len(), &mount.point));
    // The container's own mount of the host's root is read-only, so statvfs would say that of every file system: the
    // node's mounts know better.
    let read_only = place.is_some_and(|mount| mount.file_system_read_only)
        || paths.iter().all(|path| {
            mounts
                .reaching(path, device)
                .is_some_and(|mount| mount.read_only)
        });
    FileSystemFacts {
        device,
        mount_point: place.map(|mount| mount.point.clone()).unwrap_or_default(),
        kind: place.map(|mount| mount.kind.clone()).unwrap_or_default(),
        size: stat.f_blocks.saturating_mul(stat.f_frsize),
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        inodes: stat.f_files,
        inodes_free: stat.f_favail,
        read_only,
        ..FileSystemFacts::default()
    }
}

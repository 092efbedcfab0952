//! How large volumes are, and whether one more fits.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::assess::VolumeVerdict;
use super::config::{Capacity, Config, Offer};
use super::facts::{Device, DirectoryFacts};
use super::volumes::paths::place_of;
use crate::inventory::VolumeState;
use crate::quantity::format_bytes;

/// Capacities are multiples of it: CDI and KubeVirt round disks to it (facts: domain 5).
pub const MIB: u64 = 1 << 20;
const MILLION: u64 = 1_000_000;

/// What a file system may promise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Room {
    /// Where it is mounted.
    pub mount_point: String,
    /// What promises can be kept with: free bytes, and those that disks of PersistentVolumes take up already. A file
    /// system full of container images has no more than that, however large it is.
    pub promisable: u64,
    /// Sum of the capacities of PersistentVolumes on it.
    pub promised: u64,
    /// Those directories of the config's patterns that lie on it.
    pub directories: BTreeSet<String>,
}

/// Why a directory gets no PersistentVolume, though it is empty and healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRoom {
    /// Its file system, or where that is mounted, could not be read.
    UnknownFileSystem,
    /// More would be promised than the config allows.
    Full {
        /// Where the file system is mounted.
        mount_point: String,
        /// Bytes that it may promise.
        limit: u64,
        /// Bytes that it has promised.
        promised: u64,
        /// Bytes that this volume needs.
        wanted: u64,
    },
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFileSystem => f.write_str(
                "its file system, or where it is mounted, can't be read, so nothing is promised of it",
            ),
            Self::Full {
                mount_point,
                limit,
                promised,
                wanted,
            } => write!(
                f,
                "does not fit: file system {mount_point} may promise {} and has promised {}, this one needs {}: delete \
                 volumes, add disk or raise overcommit",
                format_bytes(steady(*limit)),
                format_bytes(*promised),
                format_bytes(*wanted)
            ),
        }
    }
}

/// Capacity of a PersistentVolume that holds a disk of so many bytes: CDI asks for it inflated by the file system's
/// overhead, and for its scratch space slightly more, rounded up again (facts: kubevirt-cdi 4). Older ones divide by
/// what is left where newer ones multiply; the quotient is the larger.
#[must_use]
pub fn for_disk(disk: u64, overhead: f64) -> u64 {
    let left = MILLION.saturating_sub(millionths(overhead)).max(1);
    let asked = (u128::from(disk) * u128::from(MILLION)).div_ceil(u128::from(left));
    let whole = asked.div_ceil(u128::from(MIB)) + 1;
    u64::try_from(whole * u128::from(MIB)).unwrap_or(u64::MAX / MIB * MIB)
}

/// Capacity that a new PersistentVolume would have, if that is another one than this.
#[must_use]
pub fn differs(capacity: u64, offer: &Offer) -> Option<u64> {
    wanted_by(offer).filter(|wanted| *wanted != capacity)
}

/// Bytes that a file system may promise that can keep promises of so many.
#[must_use]
pub fn limit(promisable: u64, overcommit: f64) -> u64 {
    let limit = u128::from(promisable) * u128::from(millionths(overcommit)) / u128::from(MILLION);
    u64::try_from(limit).unwrap_or(u64::MAX)
}

/// Nothing is in it and no pod has it: what a new PersistentVolume may be made of.
#[must_use]
pub fn is_ready(directory: &DirectoryFacts) -> bool {
    directory.is_empty() && directory.mounted_by.is_empty()
}

/// Capacities of the PersistentVolumes that are to be made, by path; or why there is no room for one.
///
/// Volumes of a fixed size come first, in their order. What is left is shared evenly among all others that have no
/// PersistentVolume, even those with data in them and those that are not there yet, so that their share is there when they
/// are: directories are made one by one. Whatever is promised already stays as it is.
#[must_use]
pub fn capacities(
    volumes: &[VolumeVerdict],
    mut rooms: BTreeMap<Device, Room>,
    config: &Config,
) -> BTreeMap<String, Result<u64, NoRoom>> {
    let open = open(volumes, config);
    let mut decided = BTreeMap::new();
    for open in open.iter().filter(|open| is_ready(open.directory)) {
        if let Some(wanted) = open.wanted {
            decided.insert(open.path.to_owned(), promise(&mut rooms, open, wanted));
        }
    }
    let sharing = sharing(volumes, &rooms, config);
    let fair = open.iter().filter(|open| open.wanted.is_none());
    let shares: Vec<(&Open<'_>, u64)> = fair
        .filter(|open| is_ready(open.directory))
        .map(|open| (open, share_of(open, &rooms, &sharing)))
        .collect();
    for (open, share) in shares {
        decided.insert(open.path.to_owned(), promise(&mut rooms, open, share));
    }
    decided
}

/// A volume without a PersistentVolume that shall have one.
struct Open<'a> {
    path: &'a str,
    directory: &'a DirectoryFacts,
    /// `None` is an even share.
    wanted: Option<u64>,
    overcommit: f64,
}

/// In the config's order.
fn open<'a>(volumes: &'a [VolumeVerdict], config: &'a Config) -> Vec<Open<'a>> {
    let lacking = |volume: &&VolumeVerdict| {
        volume.persistent_volume.is_none() && volume.state == VolumeState::Unoffered
    };
    let placed = volumes.iter().filter(lacking).filter_map(|volume| {
        let place = place_of(config, &volume.path)?;
        let offer = config.volumes.get(place.pattern)?.offer.as_ref()?;
        let open = Open {
            path: &volume.path,
            directory: volume.directory.as_ref()?,
            wanted: wanted_by(offer),
            overcommit: offer.overcommit,
        };
        Some((place, open))
    });
    let sorted: BTreeMap<_, _> = placed.collect();
    sorted.into_values().collect()
}

fn wanted_by(offer: &Offer) -> Option<u64> {
    match offer.capacity {
        Capacity::Fixed(disk) => Some(for_disk(disk, offer.filesystem_overhead)),
        Capacity::Fair => None,
    }
}

/// How many volumes without a PersistentVolume share what is left of each file system: those on it, and of each pattern whose
/// directory lies on it also those that are not there, or can't be used yet.
fn sharing(
    volumes: &[VolumeVerdict],
    rooms: &BTreeMap<Device, Room>,
    config: &Config,
) -> BTreeMap<Device, u64> {
    let placed: Vec<_> = (volumes.iter())
        .filter_map(|volume| Some((place_of(config, &volume.path)?.pattern, volume)))
        .collect();
    let mut sharing: BTreeMap<Device, u64> = BTreeMap::new();
    for (index, pattern) in config.volumes.iter().enumerate() {
        let offer = pattern.offer.as_ref();
        if offer.is_none_or(|offer| wanted_by(offer).is_some()) {
            continue;
        }
        let above = rooms
            .iter()
            .find(|(_, room)| room.directories.contains(&pattern.directory));
        let above = above.map(|(device, _)| *device);
        let mut missing = u64::from(pattern.max) + 1;
        for (_, volume) in placed.iter().filter(|(place, _)| *place == index) {
            missing = missing.saturating_sub(1);
            let own = volume.directory.as_ref().map(|directory| directory.device);
            if let Some(device) = own.or(above).filter(|_| volume.persistent_volume.is_none()) {
                *sharing.entry(device).or_default() += 1;
            }
        }
        if let Some(device) = above {
            *sharing.entry(device).or_default() += missing;
        }
    }
    sharing
}

/// What one of those gets, in whole MiB.
fn share_of(
    open: &Open<'_>,
    rooms: &BTreeMap<Device, Room>,
    sharing: &BTreeMap<Device, u64>,
) -> u64 {
    let device = open.directory.device;
    let among = sharing.get(&device).copied().unwrap_or(1).max(1);
    let rest = rooms.get(&device).map_or(0, |room| {
        limit(room.promisable, open.overcommit).saturating_sub(room.promised)
    });
    rest / among / MIB * MIB
}

fn promise(
    rooms: &mut BTreeMap<Device, Room>,
    open: &Open<'_>,
    wanted: u64,
) -> Result<u64, NoRoom> {
    let room = rooms.get_mut(&open.directory.device);
    // Without a mount point nobody could tell later whether the file system is still mounted.
    let room = room.filter(|room| !room.mount_point.is_empty());
    let room = room.ok_or(NoRoom::UnknownFileSystem)?;
    let limit = limit(room.promisable, open.overcommit);
    match room.promised.checked_add(wanted) {
        // A share of less than this is none.
        Some(sum) if sum <= limit && wanted >= MIB => {
            room.promised = sum;
            Ok(wanted)
        }
        Some(_) | None => Err(NoRoom::Full {
            mount_point: room.mount_point.clone(),
            limit,
            promised: room.promised,
            wanted: wanted.max(MIB),
        }),
    }
}

/// In whole Gi where there are some: a limit changes with every file that somebody writes, and what is told of it is
/// written to the API server.
fn steady(limit: u64) -> u64 {
    let unit = if limit >= 1 << 30 { 1 << 30 } else { MIB };
    limit - limit % unit
}

/// The share as an integer; through text, which is the one exact way from floats that never wraps.
fn millionths(share: f64) -> u64 {
    format!("{:.0}", share * 1e6).parse().unwrap_or(0)
}

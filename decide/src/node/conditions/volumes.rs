//! Whether volumes can be used, and whether their file systems keep what is promised.

use super::words::listed;
use super::{Seen, Verdict};
use crate::inventory::VolumeState;
use crate::node::assess::{FileSystemVerdict, Status, VolumeVerdict};
use crate::node::facts::Area;
use crate::node::volumes::paths::pattern_of;
use crate::node::{file_systems, sizes};
use crate::quantity::format_bytes;
use crate::words::cut;

/// Bytes of the reason of one volume: several have to fit into a message.
const REASON_LIMIT: usize = 160;

/// Every volume can be used, or is used.
pub(super) fn healthy(seen: &Seen<'_>) -> Verdict {
    let volumes = &seen.assessment.volumes;
    let problems = seen.problems(Area::Volumes);
    let unhealthy = told(volumes, |volume| volume.state == VolumeState::Unhealthy);
    if !unhealthy.is_empty() {
        let (bad, all) = (unhealthy.len(), volumes.len());
        let message = format!(
            "{bad} of {all} volumes can't be used: {}",
            listed(&unhealthy)
        );
        return Verdict::bad("VolumesUnhealthy", message).and(problems);
    }
    if let Some(problems) = problems {
        return Verdict::unknown("Unreadable", problems);
    }
    let slashes = seen
        .config
        .volumes
        .iter()
        .filter(|pattern| pattern.slash_added);
    let slashes: Vec<&str> = slashes.map(|pattern| pattern.directory.as_str()).collect();
    let note = (!slashes.is_empty()).then(|| {
        format!(
            "the config leaves out the slash at the end of {}",
            listed(&slashes)
        )
    });
    if volumes.is_empty() {
        let patterns: Vec<String> = seen
            .config
            .volumes
            .iter()
            .map(|pattern| {
                format!(
                    "{}{}0 to {}",
                    pattern.directory, pattern.prefix, pattern.max
                )
            })
            .collect();
        let message = if patterns.is_empty() {
            "the config names no directories".to_owned()
        } else {
            format!("none of these directories is there: {}", listed(&patterns))
        };
        // One config is for all nodes, and some of them are meant to have none. Had one been taken away that has a
        // PersistentVolume of ours, it would be among the volumes.
        return Verdict::good("NoVolumes", message).and(note);
    }
    let message = match volumes.len() {
        1 => "the one volume can be used".to_owned(),
        all => format!("all {all} volumes can be used"),
    };
    Verdict::good("AllHealthy", message).and(note)
}

/// What the condition said before of file systems that are nearly full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing, or nothing is known of that.
    Untold,
    /// That there are some.
    Told,
}

/// What the message says of a file system that is nearly full, and of nothing else.
pub(super) const NEARLY_FULL: &str = " is nearly full: ";
/// With less than these hundredths left one becomes nearly full: the kubelet evicts pods below 10 % of its file system's
/// bytes and 5 % of its inodes (`evictionHard`).
const FEW: u8 = 10;
/// With less than these left it stays so: logs and images that come and go must not make a change each time.
const STILL_FEW: u8 = 11;

/// True is bad.
pub(super) fn disk_pressure(seen: &Seen<'_>, before: Before) -> Verdict {
    let file_systems = &seen.assessment.file_systems;
    // Once one is told, so is each that is near: else the message would change while they take turns.
    let told = if file_systems.iter().any(becomes_full) {
        Before::Told
    } else {
        before
    };
    let causes: Vec<(&'static str, String)> = file_systems
        .iter()
        .flat_map(|file_system| causes_of_pressure(seen, file_system, told))
        .collect();
    let problems = seen.problems(Area::FileSystems);
    if let Some(&(reason, _)) = causes.first() {
        let told: Vec<String> = causes.into_iter().map(|(_, told)| told).collect();
        return Verdict::of(Status::True, reason, listed(&told)).and(problems);
    }
    if let Some(problems) = problems {
        return Verdict::unknown("Unreadable", problems);
    }
    let count = seen.assessment.file_systems.len();
    Verdict::bad(
        "Enough",
        format!("all {count} file systems keep what is promised of them"),
    )
}

/// The worst first.
fn causes_of_pressure(
    seen: &Seen<'_>,
    file_system: &FileSystemVerdict,
    told: Before,
) -> Vec<(&'static str, String)> {
    let facts = &file_system.facts;
    let at = &facts.mount_point;
    let is_nearly_full = |free, all| told == Before::Told && has_less_than(STILL_FEW, free, all);
    let size = readable(facts.size);
    let mut causes = Vec::new();
    if is_nearly_full(facts.free, facts.size) {
        let told = format!(
            "{at}{NEARLY_FULL}less than {STILL_FEW} % of {size} are free, and below {FEW} % the kubelet begins to evict pods: remove files that are no disks, or move a VM"
        );
        causes.push(("Full", told));
    }
    // Each volume may need one for a new disk; 0 in all means that they are made as needed.
    let inodes = u64::from(file_system.volumes.max(1));
    if facts.inodes > 0 && facts.inodes_free < inodes {
        let told = format!(
            "{at} has less than {inodes} inodes free of {}: remove small files",
            facts.inodes
        );
        causes.push(("NoInodes", told));
    } else if is_nearly_full(facts.inodes_free, facts.inodes) {
        let told = format!(
            "{at}{NEARLY_FULL}less than {STILL_FEW} % of {} inodes are free, and the kubelet evicts pods before there are none: remove small files",
            facts.inodes
        );
        causes.push(("Full", told));
    }
    if file_systems::growth(facts.device, &seen.assessment.volumes) > facts.free {
        let disks = readable(file_system.disk_virtual);
        let told = format!(
            "the disks on {at} may grow to {disks} and will not find the room on its {size}: VMs will stop with I/O errors: move one, or enlarge it"
        );
        causes.push(("DisksOutgrow", told));
    }
    causes.extend(overpromised(seen, file_system).map(|told| ("Overpromised", told)));
    causes
}

/// More is promised than new volumes would get (`sizes.rs`), whatever the directories hold that nobody can measure. What
/// others write takes from what was promised, and even shares leave nothing: a hundredth of the file system is no news.
fn overpromised(seen: &Seen<'_>, file_system: &FileSystemVerdict) -> Option<String> {
    let (facts, promised) = (&file_system.facts, file_system.promised);
    let overcommit = overcommit_on(seen, file_system);
    let room = file_systems::room(facts, promised, &seen.assessment.volumes);
    let limit = sizes::limit(room.promisable, overcommit).saturating_add(facts.size / 100);
    let measured = promised.saturating_sub(file_system.unmeasured);
    (measured > limit).then(|| {
        format!(
            "PersistentVolumes on {} promise {}, and what is free and what their disks take up on its {} is less than that at overcommit {overcommit}: delete some that are not bound, or remove files that are no disks",
            facts.mount_point,
            readable(promised),
            readable(facts.size)
        )
    })
}

/// The largest of the patterns that have a volume on this file system; what is promised without one is promised once.
fn overcommit_on(seen: &Seen<'_>, file_system: &FileSystemVerdict) -> f64 {
    let volumes = seen.assessment.volumes.iter();
    let here = volumes.filter(|volume| {
        let directory = volume.directory.as_ref();
        directory.is_some_and(|directory| directory.device == file_system.facts.device)
    });
    let offers = here.filter_map(|volume| pattern_of(seen.config, &volume.path)?.offer.as_ref());
    let overcommits = offers.map(|offer| offer.overcommit);
    overcommits.reduce(f64::max).unwrap_or(1.0)
}

/// `vol3 (no PersistentVolume yet)` of each volume that is meant.
pub(super) fn told(
    volumes: &[VolumeVerdict],
    is_meant: impl Fn(&VolumeVerdict) -> bool,
) -> Vec<String> {
    let told = |volume: &VolumeVerdict| {
        let reason = volume
            .reason
            .as_deref()
            .unwrap_or("no PersistentVolume yet");
        format!(
            "{} ({})",
            cut(&volume.name, REASON_LIMIT),
            cut(reason, REASON_LIMIT)
        )
    };
    volumes
        .iter()
        .filter(|volume| is_meant(volume))
        .map(told)
        .collect()
}

fn becomes_full(file_system: &FileSystemVerdict) -> bool {
    let facts = &file_system.facts;
    has_less_than(FEW, facts.free, facts.size)
        || has_less_than(FEW, facts.inodes_free, facts.inodes)
}

/// Of what has no number (0 in all: inodes are made as needed) there is enough.
fn has_less_than(hundredths: u8, free: u64, all: u64) -> bool {
    u128::from(free) * 100 < u128::from(all) * u128::from(hundredths)
}

/// In whole Gi where there are some: a person reads it.
fn readable(bytes: u64) -> String {
    const GI: u64 = 1 << 30;
    let unit = if bytes >= GI { GI } else { 1 << 20 };
    format_bytes(bytes - bytes % unit)
}

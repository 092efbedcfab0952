//! Whether volumes can be used, and whether their file systems keep what is promised.

use super::words::{cut, listed};
use super::{Seen, Verdict};
use crate::inventory::VolumeState;
use crate::node::assess::{FileSystemVerdict, Status, VolumeVerdict};
use crate::node::config::VolumePattern;
use crate::node::facts::Area;
use crate::node::file_systems;
use crate::quantity::format_bytes;

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
        let offers = |pattern: &VolumePattern| pattern.offer.is_some();
        let status = if seen.config.volumes.iter().any(offers) {
            Status::False
        } else {
            Status::True
        };
        return Verdict::of(status, "NoVolumes", message).and(note);
    }
    Verdict::good(
        "AllHealthy",
        format!("all {} volumes can be used", volumes.len()),
    )
    .and(note)
}

/// True is bad.
pub(super) fn disk_pressure(seen: &Seen<'_>) -> Verdict {
    let causes: Vec<(&'static str, String)> = seen
        .assessment
        .file_systems
        .iter()
        .flat_map(|file_system| causes_of_pressure(seen, file_system))
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
) -> Vec<(&'static str, String)> {
    let facts = &file_system.facts;
    let at = &facts.mount_point;
    let mut causes = Vec::new();
    let least = tenth(facts.size);
    if facts.free < least {
        let (least, size) = (readable(least), readable(facts.size));
        let told = format!(
            "{at} is nearly full: less than {least} of {size} are free, where the kubelet begins to evict pods: remove files that are no disks, or move a VM"
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
    } else if facts.inodes_free < tenth(facts.inodes) {
        let told = format!(
            "{at} is nearly full: less than {} of {} inodes are free, and the kubelet evicts pods before there are none: remove small files",
            tenth(facts.inodes),
            facts.inodes
        );
        causes.push(("Full", told));
    }
    if file_systems::growth(facts.device, &seen.assessment.volumes) > facts.free {
        let (disks, size) = (readable(file_system.disk_virtual), readable(facts.size));
        let told = format!(
            "the disks on {at} may grow to {disks} and will not find the room on its {size}: VMs will stop with I/O errors: move one, or enlarge it"
        );
        causes.push(("DisksOutgrow", told));
    }
    let offers = seen
        .config
        .volumes
        .iter()
        .filter_map(|pattern| pattern.offer.as_ref());
    let may_overcommit = offers
        .map(|offer| offer.overcommit)
        .any(|overcommit| overcommit > 1.0);
    if !may_overcommit && file_system.promised > facts.size {
        let (promised, size) = (readable(file_system.promised), readable(facts.size));
        let told = format!(
            "PersistentVolumes on {at} promise {promised}, it has {size}: delete some that are not bound"
        );
        causes.push(("Overpromised", told));
    }
    causes
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

/// Less than this is too little: the kubelet evicts pods below 10 % of its file system's bytes and 5 % of its inodes
/// (`evictionHard`). A small number is rounded up, so that none at all is too little too.
fn tenth(all: u64) -> u64 {
    all.div_ceil(10)
}

/// In whole Gi where there are some: a person reads it.
fn readable(bytes: u64) -> String {
    const GI: u64 = 1 << 30;
    let unit = if bytes >= GI { GI } else { 1 << 20 };
    format_bytes(bytes - bytes % unit)
}

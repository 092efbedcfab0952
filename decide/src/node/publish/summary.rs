//! Totals for people and for the columns of `kubectl get`.

use crate::inventory::{FileSystem, Summary, VolumeState};
use crate::node::assess::{Assessment, ConditionKind, Finding, PoolVerdict, Status};
use crate::quantity::format_bytes;

/// Totals; of findings and file systems as they are published.
pub(super) fn of(
    assessment: &Assessment,
    findings: &[Finding],
    file_systems: &[FileSystem],
) -> Summary {
    let volumes = &assessment.volumes;
    let available = volumes
        .iter()
        .filter(|volume| volume.state == VolumeState::Available)
        .count();
    let sum = |count: fn(&PoolVerdict) -> u32| {
        assessment
            .pools
            .iter()
            .map(|pool| u64::from(count(pool)))
            .sum::<u64>()
    };
    let pages = |name: &str| {
        let pages = assessment.pages.iter().find(|pages| pages.name == name);
        pages.map_or_else(
            || "0/0".to_owned(),
            |pages| format!("{}/{}", pages.free, pages.total),
        )
    };
    let free = file_systems.iter().fold(0_u64, |sum, file_system| {
        sum.saturating_add(file_system.free_after_promises_bytes)
    });
    Summary {
        volumes: format!("{available}/{}", volumes.len()),
        vfs: format!("{}/{}", sum(|pool| pool.free), sum(|pool| pool.discovered)),
        pages_2_mi: pages("2Mi"),
        pages_1_gi: pages("1Gi"),
        disk_free: in_whole_units(free),
        ready: ready(findings).as_str().to_owned(),
    }
}

/// Whether every condition is good; what is bad counts before what nobody knows.
fn ready(findings: &[Finding]) -> Status {
    let is_bad = |finding: &Finding| match finding.kind {
        ConditionKind::DiskPressure => finding.status == Status::True,
        ConditionKind::VolumesHealthy
        | ConditionKind::DevicePluginInSync
        | ConditionKind::HugePagesInSync
        | ConditionKind::VirtualizationReady
        | ConditionKind::PvsInSync => finding.status == Status::False,
    };
    if findings.iter().any(is_bad) {
        Status::False
    } else if findings.is_empty() || findings.iter().any(|it| it.status == Status::Unknown) {
        Status::Unknown
    } else {
        Status::True
    }
}

/// In whole Gi where there are some: a column is read by people.
pub(super) fn in_whole_units(bytes: u64) -> String {
    const GI: u64 = 1 << 30;
    let whole = if bytes >= GI {
        bytes - bytes % GI
    } else {
        bytes
    };
    format_bytes(whole)
}

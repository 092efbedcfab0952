use std::collections::BTreeSet;

use rstest::rstest;

use super::limit::STATUS_LIMIT;
use super::summary::in_whole_units;
use super::*;
use crate::inventory::{Summary, VolumeState};
use crate::node::assess::{ConditionKind, Finding, Holder, Status, VfReason};
use crate::node::cluster::ClaimRef;
use crate::node::facts::{
    CellPages, Device, DirectoryFacts, DiskFacts, DiskFormat, FileSystemFacts, Interface,
};

const GI: u64 = 1 << 30;
const NOW: &str = "2026-01-01T00:00:00Z";
const RESOURCE: &str = "intel.com/intel_sriov_vm";

#[rstest]
#[case::none(&[], "")]
#[case::one(&[7], "7")]
#[case::two(&[0, 1], "0-1")]
#[case::gap(&[0, 1, 2, 3, 5], "0-3,5")]
#[case::gaps(&[0, 2, 4, 5], "0,2,4-5")]
#[case::largest(&[u32::MAX - 1, u32::MAX], "4294967294-4294967295")]
fn indexes_are_written_as_ranges(#[case] indexes: &[u32], #[case] expected: &str) {
    assert_eq!(ranges(indexes), expected);
}

/// Of an int64, in whole grains.
const MOST: u64 = i64::MAX.unsigned_abs() / GRAIN * GRAIN;

#[rstest]
#[case::nothing(0, 0, 0)]
#[case::less_than_a_grain(1, 0, GRAIN)]
#[case::a_grain(GRAIN, GRAIN, GRAIN)]
#[case::more_than_a_grain(GRAIN + 1, GRAIN, 2 * GRAIN)]
#[case::most(u64::MAX, MOST, MOST)]
#[case::most_of_the_api(MOST, MOST, MOST)]
#[case::more_than_most_of_the_api(MOST + 1, MOST, MOST)]
fn bytes_are_rounded(#[case] bytes: u64, #[case] free: u64, #[case] taken: u64) {
    assert_eq!((down(bytes), up(bytes)), (free, taken));
}

fn vf(index: u32, reasons: &[VfReason], holder: Option<Holder>) -> VfVerdict {
    VfVerdict {
        address: format!("0000:3b:02.{index}"),
        index,
        physical_function: "0000:3b:00.0".to_owned(),
        numa: Some(1),
        pool: Some(RESOURCE.to_owned()),
        holder,
        reasons: reasons.iter().copied().collect(),
    }
}

fn pool() -> PoolVerdict {
    PoolVerdict {
        resource: RESOURCE.to_owned(),
        discovered: 8,
        free: 3,
        ..PoolVerdict::default()
    }
}

fn volume_of(state: VolumeState) -> VolumeVerdict {
    VolumeVerdict {
        state,
        ..VolumeVerdict::default()
    }
}

#[test]
fn functions_are_grouped_by_card_and_worth() {
    let held = Some(Holder::default());
    let assessment = Assessment {
        pools: vec![pool()],
        vfs: vec![
            vf(5, &[], None),
            vf(0, &[], None),
            vf(1, &[VfReason::LinkDown], None),
            vf(2, &[VfReason::Allocated, VfReason::NotAdvertised], held),
            vf(3, &[VfReason::NotAdvertised, VfReason::HostDriver], None),
            VfVerdict {
                pool: None,
                ..vf(4, &[], None)
            },
        ],
        ..Assessment::default()
    };
    let groups = status(&assessment, None, NOW).vf_pools.remove(0).functions;
    let told: Vec<(&str, u32, &str)> = groups
        .iter()
        .map(|group| (group.state.as_str(), group.count, group.indexes.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("Allocated", 1, "2"),
            ("Free", 3, "0-1,5"),
            ("HostDriver", 1, "3")
        ]
    );
}

#[test]
fn summary_is_for_people() {
    let pages = |name: &str, free, total| PageVerdict {
        name: name.to_owned(),
        free,
        total,
        ..PageVerdict::default()
    };
    let free = |bytes| FileSystemVerdict {
        free_after_promises: bytes,
        ..FileSystemVerdict::default()
    };
    let assessment = Assessment {
        volumes: [
            VolumeState::Available,
            VolumeState::Bound,
            VolumeState::Available,
        ]
        .map(volume_of)
        .to_vec(),
        pools: vec![pool(), pool()],
        pages: vec![pages("2Mi", 500, 1024)],
        file_systems: vec![free(100 * GI + 5), free(20 * GI + (700 << 20))],
        ..Assessment::default()
    };
    let expected = Summary {
        volumes: "2/3".to_owned(),
        vfs: "6/16".to_owned(),
        pages_2_mi: "500/1024".to_owned(),
        pages_1_gi: "0/0".to_owned(),
        disk_free: "120Gi".to_owned(),
        ready: "Unknown".to_owned(),
    };
    assert_eq!(status(&assessment, None, NOW).summary, expected);
    assert_eq!(in_whole_units(640 << 20), "640Mi");
}

/// The API server refuses a status with a larger one, all of it.
#[test]
fn integers_are_no_larger_than_the_api_takes() {
    let largest = u64::MAX;
    let mut volume = bound(0, "x", largest);
    volume
        .directory
        .as_mut()
        .unwrap()
        .disk
        .as_mut()
        .unwrap()
        .virtual_bytes = largest;
    let file_system = FileSystemVerdict {
        facts: FileSystemFacts {
            size: largest,
            free: largest,
            ..FileSystemFacts::default()
        },
        promised: largest,
        free_after_promises: largest,
        ..FileSystemVerdict::default()
    };
    let pages = PageVerdict {
        total: largest,
        free: largest,
        advertised: largest,
        cells: [(
            0,
            CellPages {
                total: largest,
                free: largest,
            },
        )]
        .into(),
        ..PageVerdict::default()
    };
    let assessment = Assessment {
        volumes: vec![volume],
        file_systems: vec![file_system],
        pages: vec![pages],
        ..Assessment::default()
    };
    let written = serde_json::to_string(&status(&assessment, None, NOW)).unwrap();
    let numbers = written.split(|c: char| !c.is_ascii_digit());
    let numbers: Vec<u64> = numbers.filter_map(|number| number.parse().ok()).collect();
    assert!(numbers.len() > 9, "{written}");
    // Those of summary.huge pages are text.
    let number = |key: &str| {
        let (_, rest) = written.split_once(&format!("\"{key}\":")).unwrap();
        rest.split(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap()
            .parse::<i64>()
    };
    for key in [
        "diskBytes",
        "sizeBytes",
        "freeBytes",
        "promisedBytes",
        "freeAfterPromisesBytes",
        "total",
        "free",
        "advertised",
    ] {
        assert!(number(key).is_ok(), "{key}: {written}");
    }
}

#[test]
fn writing_guest_changes_nothing() {
    let of = |free, allocated| {
        let file_system = FileSystemVerdict {
            facts: FileSystemFacts {
                size: 100 * GI,
                free,
                ..FileSystemFacts::default()
            },
            free_after_promises: free,
            disk_allocated: allocated,
            ..FileSystemVerdict::default()
        };
        let assessment = Assessment {
            file_systems: vec![file_system],
            volumes: vec![bound(0, "x", allocated)],
            ..Assessment::default()
        };
        status(&assessment, None, NOW)
    };
    assert_eq!(of(50 * GI + 8192, 0), of(50 * GI + 4096, 4096));
}

/// A bound volume whose names are as long as `long`, and all that is published of it.
fn bound(number: u32, long: &str, allocated: u64) -> VolumeVerdict {
    VolumeVerdict {
        name: format!("vol{number}"),
        path: format!("/var/vd/vol{number}"),
        state: VolumeState::Bound,
        reason: Some(long.repeat(16)),
        directory: Some(DirectoryFacts {
            device: Device {
                major: 253,
                minor: 16,
            },
            disk: Some(DiskFacts {
                format: DiskFormat::Raw,
                virtual_bytes: 15 * GI + 1,
                allocated_bytes: allocated,
                modified: 0,
            }),
            ..DirectoryFacts::default()
        }),
        persistent_volume: Some(format!("vmberth-{long}-vol{number}-0123abcd")),
        ours: true,
        capacity: Some(16 * GI),
        class: Some("local-vd".to_owned()),
        claim: Some(ClaimRef {
            namespace: long.to_owned(),
            name: format!("{long}-{number}"),
            uid: String::new(),
        }),
        virtual_machine: Some(format!("{long}/{long}-{number}")),
    }
}

/// 64 volumes and 64 functions that are worth as much as can differ, with every message at its longest.
fn crowded(long: &str) -> Assessment {
    let reasons = VfReason::ALL;
    let interface = |name: &str| Interface {
        name: name.to_owned(),
        operstate: "up".to_owned(),
        ..Interface::default()
    };
    let function = |number: u32| PhysicalFunction {
        address: format!("0000:3b:00.{number}"),
        interfaces: vec![interface("enp59s0f0np0")],
        driver: Some("i40e".to_owned()),
        total_vfs: 64,
        num_vfs: 32,
        numa: Some(number),
        ..PhysicalFunction::default()
    };
    let function_of = |index: u32| VfVerdict {
        physical_function: format!("0000:3b:00.{}", index % 2),
        reasons: BTreeSet::from([reasons[usize::try_from(index).unwrap() % reasons.len()]]),
        ..vf(index, &[], None)
    };
    let finding = |kind| Finding {
        kind,
        status: Status::False,
        reason: "VolumesUnhealthy",
        message: "m".repeat(1024),
    };
    let pages = |name: &str| PageVerdict {
        name: name.to_owned(),
        total: 100_000,
        free: 100_000,
        cells: (0..4).map(|cell| (cell, CellPages::default())).collect(),
        ..PageVerdict::default()
    };
    Assessment {
        hostname: Some(long.to_owned()),
        volumes: (0..64).map(|number| bound(number, long, 0)).collect(),
        file_systems: vec![FileSystemVerdict::default(); 4],
        functions: (0..2).map(function).collect(),
        vfs: (0..64).map(function_of).collect(),
        pools: vec![pool()],
        pages: ["64Ki", "2Mi", "32Mi", "1Gi"].map(pages).to_vec(),
        findings: ConditionKind::ALL.into_iter().map(finding).collect(),
        ..Assessment::default()
    }
}

#[rstest]
#[case::short("vm")]
#[case::usual("edge-customer-a-vm-12")]
#[case::label(&"n".repeat(63))]
#[case::longest(&"n".repeat(253))]
fn object_of_64_volumes_and_64_functions_stays_small(#[case] long: &str) {
    let status = status(&crowded(long), None, NOW);
    let written = serde_json::to_vec(&status).unwrap();
    assert!(written.len() <= STATUS_LIMIT, "{} bytes", written.len());
    assert_eq!(status.volumes.len(), 64);
    assert_eq!(status.left_out, 0);
    assert!(
        status
            .conditions
            .iter()
            .all(|condition| condition.message.len() <= 1024)
    );
    let reasons = status
        .volumes
        .iter()
        .filter_map(|volume| volume.reason.as_ref());
    assert!(
        reasons
            .map(String::len)
            .all(|length| length <= REASON_LIMIT)
    );
}

#[test]
fn names_are_all_there_where_they_find_room() {
    let mut assessment = crowded("customer-vm-12");
    assessment.volumes.truncate(32);
    for volume in &mut assessment.volumes {
        volume.reason = None;
    }
    let status = status(&assessment, None, NOW);
    assert!(status.volumes.iter().all(|volume| {
        volume.persistent_volume.is_some()
            && volume.claim.is_some()
            && volume.virtual_machine.is_some()
    }));
    assert_eq!(status.volumes[0].disk_bytes, Some(15 * GI + GRAIN));
    assert_eq!(status.volumes[0].file_system, "253:16");
}

#[test]
fn names_of_persistent_volumes_go_first() {
    let mut assessment = crowded("edge-12");
    for volume in &mut assessment.volumes {
        volume.reason = None;
    }
    assessment
        .findings
        .iter_mut()
        .for_each(|finding| finding.message.truncate(80));
    assessment.vfs.iter_mut().for_each(|vf| vf.reasons.clear());
    assessment.file_systems.truncate(1);
    let status = status(&assessment, None, NOW);
    assert!(status.volumes.iter().all(|volume| {
        volume.persistent_volume.is_none()
            && volume.claim.is_some()
            && volume.virtual_machine.is_some()
    }));
}

#[rstest]
#[case::well(&[], "True")]
#[case::disk_pressure(&[(ConditionKind::DiskPressure, Status::True)], "False")]
#[case::one_of_the_others(&[(ConditionKind::HugePagesInSync, Status::False)], "False")]
#[case::one_is_unknown(&[(ConditionKind::DiskPressure, Status::Unknown)], "Unknown")]
#[case::bad_counts_before_unknown(
    &[(ConditionKind::VolumesHealthy, Status::Unknown), (ConditionKind::PvsInSync, Status::False)],
    "False"
)]
fn ready_is_all_conditions(#[case] changes: &[(ConditionKind, Status)], #[case] expected: &str) {
    let finding = |kind| {
        let good = if kind == ConditionKind::DiskPressure {
            Status::False
        } else {
            Status::True
        };
        let change = changes.iter().find(|(changed, _)| *changed == kind);
        Finding {
            kind,
            status: change.map_or(good, |(_, status)| *status),
            reason: "Any",
            message: String::new(),
        }
    };
    let assessment = Assessment {
        findings: ConditionKind::ALL.map(finding).to_vec(),
        ..Assessment::default()
    };
    assert_eq!(status(&assessment, None, NOW).summary.ready, expected);
}

#[test]
fn conditions_keep_their_time() {
    let assessment = crowded("vm");
    let first = status(&assessment, None, NOW);
    let second = status(&assessment, Some(&first), "2027-01-01T00:00:00Z");
    assert_eq!(first, second);
}

#[test]
fn card_is_published_with_its_link() {
    let published = status(&crowded("vm"), None, NOW).physical_functions;
    assert_eq!(published[0].link.as_deref(), Some("up"));
    assert_eq!(published[0].interfaces, ["enp59s0f0np0"]);
}

/// A pattern has 1024 volumes at most, there may be several, and each volume may be a file system of its own.
#[rstest]
#[case::one_file_system("vm", 1024, 1, 90)]
#[case::file_systems_of_their_own("vm", 1024, 1024, 30)]
#[case::two_patterns(&"n".repeat(253), 2048, 2, 80)]
#[case::a_few_more_than_usual("edge-customer-a-vm-12", 96, 1, 80)]
fn object_of_many_volumes_says_how_many_are_left_out(
    #[case] long: &str,
    #[case] volumes: u32,
    #[case] file_systems: usize,
    #[case] named_at_least: usize,
) {
    let assessment = Assessment {
        volumes: (0..volumes).map(|number| bound(number, long, 0)).collect(),
        file_systems: vec![FileSystemVerdict::default(); file_systems],
        ..crowded(long)
    };
    let status = status(&assessment, None, NOW);
    let written = serde_json::to_vec(&status).unwrap();
    assert!(written.len() <= STATUS_LIMIT, "{} bytes", written.len());
    let named = status.volumes.len();
    assert!(named >= named_at_least, "{named} volumes are named");
    let names = assessment.volumes.iter().map(|volume| &volume.name);
    assert!(
        status
            .volumes
            .iter()
            .map(|volume| &volume.name)
            .eq(names.take(named))
    );
    let missing = assessment.volumes.len() - named + file_systems - status.file_systems.len();
    assert_eq!(status.left_out, u64::try_from(missing).unwrap());
    assert_eq!(status.summary.volumes, format!("0/{volumes}"));
    assert_eq!(status.conditions.len(), ConditionKind::ALL.len());
}

//! What `--output` prints.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

use std::collections::{BTreeMap, BTreeSet};

use vmberth_decide::inventory::VolumeState;
use vmberth_decide::node::Assessment;
use vmberth_decide::node::assess::{
    ConditionKind, Finding, PageVerdict, Status, VfReason, VfVerdict, VolumeVerdict,
};
use vmberth_decide::node::cluster::ClaimRef;
use vmberth_decide::node::facts::{CellPages, DirectoryFacts, DiskFacts, DiskFormat};
use vmberth_exporter::table::{json, table};

fn assessment() -> Assessment {
    let disk = DiskFacts {
        format: DiskFormat::Raw,
        virtual_bytes: 15 << 30,
        allocated_bytes: (7 << 19) + 1,
        modified: 1_700_000_000,
    };
    let bound = VolumeVerdict {
        name: "vol0".to_owned(),
        path: "/var/vd/vol0".to_owned(),
        state: VolumeState::Bound,
        directory: Some(DirectoryFacts {
            mode: 0o755,
            disk: Some(disk),
            ..DirectoryFacts::default()
        }),
        persistent_volume: Some("vmberth-a-vol0-0".to_owned()),
        capacity: Some(16 << 30),
        claim: Some(ClaimRef {
            namespace: "default".to_owned(),
            name: "disk".to_owned(),
            uid: "u".to_owned(),
        }),
        ..VolumeVerdict::default()
    };
    let broken = VolumeVerdict {
        name: "vol10".to_owned(),
        path: "/var/vd/vol10".to_owned(),
        reason: Some("is a symbolic link".to_owned()),
        ..VolumeVerdict::default()
    };
    Assessment {
        volumes: vec![bound, broken],
        vfs: vec![VfVerdict {
            address: "0000:3b:02.0".to_owned(),
            physical_function: "0000:3b:00.0".to_owned(),
            reasons: BTreeSet::from([VfReason::LinkDown, VfReason::NoDriver]),
            ..VfVerdict::default()
        }],
        pages: vec![PageVerdict {
            size: 2 << 20,
            name: "2Mi".to_owned(),
            total: 8,
            free: 5,
            cells: BTreeMap::from([(1, CellPages { total: 8, free: 6 })]),
            ..PageVerdict::default()
        }],
        findings: vec![Finding {
            kind: ConditionKind::VolumesHealthy,
            status: Status::False,
            reason: "Unhealthy",
            message: "vol10 is a symbolic link".to_owned(),
        }],
        ..Assessment::default()
    }
}

#[test]
fn a_table_has_a_section_for_everything_that_is_there() {
    let text = table(&assessment());
    let expected = "\
VOLUME         STATE      PV                CAPACITY  CLAIM         VM  DISK    USED   REASON
/var/vd/vol0   Bound      vmberth-a-vol0-0  16.0Gi    default/disk  -   15.0Gi  3.5Mi
/var/vd/vol10  Unhealthy  -                 -         -             -   -       -      is a symbolic link

VF            CARD            NUMA  POOL  FREE  HOLDER  REASONS
0000:3b:02.0  0000:3b:00.0#0  -     -     no    -       NoDriver,LinkDown

PAGES  TOTAL  FREE  ADVERTISED  NUMA FREE/TOTAL
2Mi    8      5     0           1:6/8

HOSTNAME  CPU  KVM  IOMMU  ISOLATED  CPU MANAGER  MEMORY MANAGER  TOPOLOGY MANAGER
-         -    no   no     -         -            -               -

CONDITION       STATUS  REASON     MESSAGE
VolumesHealthy  False   Unhealthy  vol10 is a symbolic link
";
    assert_eq!(text, expected);
}

#[test]
fn json_has_exact_numbers() {
    let value = json(&assessment());
    let at = |pointer: &str| value.pointer(pointer).unwrap().clone();
    assert_eq!(at("/volumes/0/directory/disk/virtualBytes"), 15_u64 << 30);
    assert_eq!(at("/volumes/0/directory/mode"), "0755");
    assert_eq!(at("/volumes/0/claim"), "default/disk");
    assert!(at("/volumes/1/directory").is_null());
    assert_eq!(at("/virtualFunctions/0/reasons/0"), "NoDriver");
    assert_eq!(at("/hugePages/0/numaNodes/0/free"), 6);
    assert_eq!(at("/conditions/0/type"), "VolumesHealthy");
    assert_eq!(at("/advice"), serde_json::json!([]));
}

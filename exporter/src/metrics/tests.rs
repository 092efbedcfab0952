use std::collections::BTreeSet;

use prometheus::TextEncoder;
use vmberth_decide::inventory::VolumeState;
use vmberth_decide::node::assess::{
    ConditionKind, FileSystemVerdict, Finding, Holder, PageVerdict, PoolVerdict, Status, VfReason,
    VfVerdict, VolumeVerdict,
};
use vmberth_decide::node::cluster::ClaimRef;
use vmberth_decide::node::facts::{
    CellPages, DirectoryFacts, DiskFacts, DiskFormat, FileSystemFacts, Interface, PhysicalFunction,
};

use super::*;

fn volume(number: usize) -> VolumeVerdict {
    let disk = DiskFacts {
        format: DiskFormat::Raw,
        virtual_bytes: 15 << 30,
        allocated_bytes: 1 << 30,
        modified: 1_800_000_000,
    };
    VolumeVerdict {
        name: format!("vol{number}"),
        path: format!("/var/vd/vol{number}"),
        state: VolumeState::Bound,
        directory: Some(DirectoryFacts {
            disk: Some(disk),
            ..DirectoryFacts::default()
        }),
        persistent_volume: Some(format!("vmberth-edge1-vol{number}-0badcafe")),
        capacity: Some(17_072_495_002),
        class: Some("local-vd".to_owned()),
        claim: Some(ClaimRef {
            namespace: "edge".to_owned(),
            name: format!("disk{number}"),
            uid: String::new(),
        }),
        virtual_machine: Some(format!("edge/vm{number}")),
        ..VolumeVerdict::default()
    }
}

fn function(index: u32) -> VfVerdict {
    VfVerdict {
        address: format!("0000:3b:02.{index}"),
        index,
        physical_function: "0000:3b:00.0".to_owned(),
        pool: Some("intel.com/vf".to_owned()),
        holder: Some(Holder {
            namespace: "edge".to_owned(),
            pod: format!("virt-launcher-{index}"),
            container: "compute".to_owned(),
            virtual_machine: Some(format!("edge/vm{index}")),
        }),
        reasons: BTreeSet::from([VfReason::Allocated]),
        ..VfVerdict::default()
    }
}

fn full() -> Assessment {
    let card = PhysicalFunction {
        address: "0000:3b:00.0".to_owned(),
        total_vfs: 128,
        num_vfs: 64,
        interfaces: vec![Interface {
            name: "ens1f0".to_owned(),
            operstate: "up".to_owned(),
            ..Interface::default()
        }],
        ..PhysicalFunction::default()
    };
    let pool = PoolVerdict {
        resource: "intel.com/vf".to_owned(),
        discovered: 64,
        free: 0,
        allocated: 63,
        advertised: 64,
        node_allocatable: 64,
        unadvertised: vec![],
        stale: vec!["0000:3b:02.9".to_owned()],
    };
    let file_system = FileSystemVerdict {
        facts: FileSystemFacts {
            mount_point: "/var/vd".to_owned(),
            kind: "xfs".to_owned(),
            size: u64::MAX,
            read_only: true,
            ..FileSystemFacts::default()
        },
        ..FileSystemVerdict::default()
    };
    let page = |size: u64, name: &str| PageVerdict {
        size,
        name: name.to_owned(),
        total: 1024,
        cells: [
            (
                0,
                CellPages {
                    total: 512,
                    free: 1,
                },
            ),
            (
                1,
                CellPages {
                    total: 512,
                    free: 0,
                },
            ),
        ]
        .into(),
        ..PageVerdict::default()
    };
    let finding = Finding {
        kind: ConditionKind::PvsInSync,
        status: Status::False,
        reason: "Missing",
        message: "m".to_owned(),
    };
    Assessment {
        volumes: (0..64).map(volume).collect(),
        file_systems: vec![file_system],
        functions: vec![card],
        vfs: (0..64).map(function).collect(),
        pools: vec![pool],
        pages: vec![page(2 << 20, "2Mi"), page(1 << 30, "1Gi")],
        findings: vec![finding],
        ..Assessment::default()
    }
}

fn page(registry: &Registry) -> String {
    TextEncoder::new()
        .encode_to_string(&registry.gather())
        .unwrap()
}

fn shown(assessment: &Assessment) -> String {
    let registry = Registry::new();
    Metrics::register(&registry).unwrap().set(assessment);
    page(&registry)
}

#[test]
fn numbers_are_those_of_the_assessment() {
    let page = shown(&full());
    for line in [
        "volumes{state=\"Bound\"} 64",
        "volumes{state=\"Released\"} 0",
        "volume_info{volume=\"vol3\",path=\"/var/vd/vol3\",persistentvolume=\"vmberth-edge1-vol3-0badcafe\",class=\"local-vd\",claim_namespace=\"edge\",claim=\"disk3\",virtual_machine=\"edge/vm3\",state=\"Bound\"} 1",
        "volume_capacity_bytes{volume=\"vol3\",path=\"/var/vd/vol3\",virtual_machine=\"edge/vm3\"} 17072495002",
        "volume_disk_virtual_bytes{volume=\"vol3\",path=\"/var/vd/vol3\",virtual_machine=\"edge/vm3\"} 16106127360",
        "volume_disk_modified_timestamp_seconds{volume=\"vol3\",path=\"/var/vd/vol3\",virtual_machine=\"edge/vm3\"} 1800000000",
        "volume_foreign_files{volume=\"vol3\",path=\"/var/vd/vol3\",virtual_machine=\"edge/vm3\"} 0",
        "file_system_size_bytes{device=\"0:0\",mount_point=\"/var/vd\",type=\"xfs\"} 18446744073709552000",
        "file_system_read_only{device=\"0:0\",mount_point=\"/var/vd\",type=\"xfs\"} 1",
        "pf_vfs_supported{address=\"0000:3b:00.0\",interface=\"ens1f0\"} 128",
        "pf_vfs_configured{address=\"0000:3b:00.0\",interface=\"ens1f0\"} 64",
        "pf_link_up{address=\"0000:3b:00.0\",interface=\"ens1f0\"} 1",
        "vfs{resource=\"intel.com/vf\",state=\"allocated\"} 63",
        "vfs{resource=\"intel.com/vf\",state=\"unusable\"} 1",
        "vfs_unusable{resource=\"intel.com/vf\",reason=\"Allocated\"} 64",
        "vfs_unusable{resource=\"intel.com/vf\",reason=\"LinkDown\"} 0",
        "vfs_stale{resource=\"intel.com/vf\"} 1",
        "vf_info{address=\"0000:3b:02.7\",resource=\"intel.com/vf\",physical_function=\"0000:3b:00.0\",namespace=\"edge\",pod=\"virt-launcher-7\",virtual_machine=\"edge/vm7\"} 1",
        "huge_pages{size=\"2Mi\"} 1024",
        "numa_huge_pages_free{size=\"1Gi\",numa_node=\"0\"} 1",
        "condition{type=\"PVsInSync\",status=\"False\"} 1",
        "condition{type=\"PVsInSync\",status=\"True\"} 0",
    ] {
        let line = format!("vmberth_exporter_{line}");
        assert!(page.lines().any(|it| it == line), "{line}\n{page}");
    }
}

#[test]
fn every_family_of_a_full_node_has_samples_and_no_series_is_there_twice() {
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).unwrap();
    metrics.set(&full());
    let families = metrics.node.collect();
    assert!(families.iter().all(|it| !it.get_metric().is_empty()));
    let page = page(&registry);
    let series: Vec<&str> = page
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit_once(' ').unwrap().0)
        .collect();
    let unique: BTreeSet<&str> = series.iter().copied().collect();
    assert_eq!(unique.len(), series.len());
}

/// A gauge is no counter: `promtool check metrics` refuses these names.
#[test]
fn gauges_are_named_as_gauges() {
    let metrics = Metrics::register(&Registry::new()).unwrap();
    for family in metrics.node.collect() {
        let name = family.name();
        for end in ["_total", "_count", "_sum", "_bucket"] {
            assert!(!name.ends_with(end), "{name}");
        }
    }
}

#[test]
fn nothing_is_left_of_the_assessment_before() {
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).unwrap();
    assert!(!page(&registry).contains("vmberth_exporter_volumes{"));
    metrics.set(&full());
    let smaller = Assessment {
        volumes: vec![volume(7)],
        ..Assessment::default()
    };
    metrics.set(&smaller);
    let page = page(&registry);
    assert!(
        page.contains("vol7") && !page.contains("vol3") && !page.contains("0000:3b"),
        "{page}"
    );
}

#[test]
fn two_patterns_may_have_volumes_of_one_name() {
    let mut other = volume(0);
    other.path = "/mnt/ssd/vol0".to_owned();
    let assessment = Assessment {
        volumes: vec![volume(0), other],
        ..Assessment::default()
    };
    let page = shown(&assessment);
    let lines = page
        .lines()
        .filter(|it| it.starts_with("vmberth_exporter_volume_capacity_bytes{"));
    assert_eq!(lines.collect::<BTreeSet<_>>().len(), 2);
}

#[test]
fn large_numbers_are_exact() {
    for value in [0, 1, (1 << 32) - 1, 1 << 32, (1 << 53) - 1, 17_072_495_002] {
        let text = format!("{}", assessment::number(value));
        assert_eq!(text, value.to_string());
    }
}

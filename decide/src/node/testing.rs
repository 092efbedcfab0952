//! Words that the tests of volumes share: a node `edge-1` with one file system of 100Gi below /var/vd.

use std::collections::{BTreeMap, BTreeSet};

use super::assess::VolumeVerdict;
use super::cluster::{ClaimRef, Cluster, Node, PersistentVolume, Phase, Pod};
use super::config::{Capacity, Config, Offer, Reclaim, VolumePattern};
use super::facts::{
    Content, Device, DirectoryFacts, DiskFacts, DiskFormat, Facts, FileSystemFacts, Foreign,
    VolumeFacts,
};
use super::volumes::paths::last_component;
use crate::names;

pub(super) const GIB: u64 = 1 << 30;
pub(super) const DEVICE: Device = Device { major: 8, minor: 1 };

pub(super) fn offer() -> Offer {
    Offer {
        class: "local-vd".into(),
        capacity: Capacity::Fixed(15 * GIB),
        filesystem_overhead: 0.06,
        overcommit: 1.0,
        reclaim: Reclaim::Wipe,
        scratch_reclaim: Reclaim::Wipe,
    }
}

pub(super) fn pattern(prefix: &str, offer: Option<Offer>) -> VolumePattern {
    VolumePattern {
        directory: "/var/vd/".into(),
        prefix: prefix.into(),
        max: 64,
        slash_added: false,
        offer,
    }
}

pub(super) fn config() -> Config {
    config_of(offer())
}

pub(super) fn config_of(offer: Offer) -> Config {
    Config {
        volumes: vec![pattern("vol", Some(offer))],
        ..Config::default()
    }
}

pub(super) fn node() -> Node {
    Node {
        name: "edge-1".into(),
        uid: "node-uid".into(),
        hostname: Some("edge-1.example".into()),
        ..Node::default()
    }
}

pub(super) fn cluster(volumes: impl IntoIterator<Item = PersistentVolume>) -> Cluster {
    Cluster {
        node: Some(node()),
        volumes: volumes.into_iter().collect(),
        ..Cluster::default()
    }
}

/// A scan of these directories.
pub(super) fn facts<'a>(volumes: impl IntoIterator<Item = (&'a str, Content)>) -> Facts {
    let volume = |(path, content): (&str, Content)| VolumeFacts {
        name: last_component(path).into(),
        path: path.into(),
        content,
    };
    Facts {
        volumes: volumes.into_iter().map(volume).collect(),
        file_systems: vec![FileSystemFacts {
            device: DEVICE,
            mount_point: "/var/vd".into(),
            kind: "xfs".into(),
            size: 100 * GIB,
            free: 80 * GIB,
            inodes: 1000,
            inodes_free: 900,
            read_only: false,
            directories: BTreeSet::from(["/var/vd/".to_owned()]),
        }],
        ..Facts::default()
    }
}

pub(super) fn empty(inode: u64) -> DirectoryFacts {
    DirectoryFacts {
        device: DEVICE,
        stat_device: DEVICE,
        inode,
        mode: 0o755,
        ..DirectoryFacts::default()
    }
}

pub(super) fn directory(inode: u64) -> Content {
    Content::Directory(empty(inode))
}

/// With a disk of 15Gi of which 5Gi are written.
pub(super) fn with_disk(inode: u64) -> DirectoryFacts {
    DirectoryFacts {
        disk: Some(DiskFacts {
            format: DiskFormat::Raw,
            virtual_bytes: 15 * GIB,
            allocated_bytes: 5 * GIB,
            modified: 0,
        }),
        ..empty(inode)
    }
}

pub(super) fn with_files(inode: u64, names: &[&str]) -> DirectoryFacts {
    DirectoryFacts {
        foreign: Foreign {
            count: names.len() as u64,
            names: (names.iter().take(Foreign::NAMED))
                .map(|&name| name.to_owned())
                .collect(),
        },
        ..empty(inode)
    }
}

/// Made by somebody else, for the taking.
pub(super) fn of_others(path: &str) -> PersistentVolume {
    PersistentVolume {
        name: format!("hand-{}", last_component(path)),
        uid: format!("hand-uid-{path}"),
        class: "local-vd".into(),
        capacity: 17_135_828_992,
        path: path.into(),
        hostnames: BTreeSet::from(["edge-1.example".to_owned()]),
        phase: Phase::Available,
        ..PersistentVolume::default()
    }
}

/// As the plan makes it, for the taking.
pub(super) fn ours(path: &str) -> PersistentVolume {
    let text = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    };
    PersistentVolume {
        name: format!("vmberth-edge-1-{}", last_component(path)),
        uid: format!("uid-{path}"),
        labels: text(&[
            (names::NODE_LABEL, "edge-1"),
            (names::VOLUME_LABEL, last_component(path)),
            (names::FILE_SYSTEM_LABEL, "8-1"),
        ]),
        annotations: text(&[
            (names::PROVISIONED_BY_ANNOTATION, names::PROVISIONER),
            (names::NODE_UID_ANNOTATION, "node-uid"),
        ]),
        ..of_others(path)
    }
}

pub(super) fn claim(name: &str) -> ClaimRef {
    ClaimRef {
        namespace: "default".into(),
        name: name.into(),
        uid: format!("claim-uid-{name}"),
    }
}

pub(super) fn in_phase(mut pv: PersistentVolume, phase: Phase, name: &str) -> PersistentVolume {
    pv.phase = phase;
    pv.claim = Some(claim(name));
    pv
}

pub(super) fn annotated(mut pv: PersistentVolume, key: &str, value: &str) -> PersistentVolume {
    pv.annotations.insert(key.into(), value.into());
    pv
}

/// A launcher of the VM `web` that has this claim.
pub(super) fn launcher(claim: &str) -> Pod {
    Pod {
        namespace: "default".into(),
        name: "virt-launcher-web-x".into(),
        uid: "pod-uid".into(),
        machine: Some("web".into()),
        claims: BTreeSet::from([claim.to_owned()]),
        ..Pod::default()
    }
}

pub(super) fn reason(verdict: &VolumeVerdict) -> &str {
    verdict.reason.as_deref().unwrap_or_default()
}

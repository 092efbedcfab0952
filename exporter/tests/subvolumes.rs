//! Subvolumes of a real btrfs: devices of their own to stat, and one file system all the same.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

use std::fs;
use std::process::Command;

/// Makes a node below `$1/host` that has a btrfs with volumes of all kinds: a directory, a subvolume, a subvolume that is mounted
/// on its own; looks once.
const LOOK: &str = r#"
set -e
host=$1/host
vd=$host/var/vd
truncate -s 128M "$1/disk"
mkfs.btrfs -q "$1/disk" >/dev/null
mkdir -p "$vd" "$host/proc/1"
mount -o loop "$1/disk" "$vd"
mkdir "$vd/vol0" "$vd/vol2"
btrfs subvolume create "$vd/vol1" >/dev/null
btrfs subvolume create "$vd/second" >/dev/null
mount --bind "$vd/second" "$vd/vol2"
sed "s: $host/: /:" /proc/self/mountinfo >"$host/proc/1/mountinfo"
exec "$2" --once --output=json --host-root="$host" --config="$1/exporter.yaml"
"#;

/// `make check` runs without root, and on a new machine before the cluster's first start has installed what it needs.
fn can_make_a_file_system() -> bool {
    let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    rustix::process::geteuid().is_root() && is_there("mkfs.btrfs") && is_there("btrfs")
}

#[test]
fn subvolumes_of_btrfs_share_one_file_system() {
    if !can_make_a_file_system() {
        eprintln!("not tried: it takes root and btrfs-progs");
        return;
    }
    let folder = tempfile::Builder::new().prefix("btrfs").tempdir().unwrap();
    let config = "{apiVersion: vmberth.io/v1alpha1, kind: ExporterConfig, volumes: [{directory: /var/vd/, prefix: vol, max: 2}]}";
    fs::write(folder.path().join("exporter.yaml"), config).unwrap();
    let looked = Command::new("unshare")
        .args(["--mount", "sh", "-c", LOOK, "look"])
        .arg(folder.path())
        .arg(env!("CARGO_BIN_EXE_vmberth-exporter"))
        .output()
        .unwrap();
    let failed = String::from_utf8_lossy(&looked.stderr);
    assert!(looked.status.success(), "{failed}");
    let said: serde_json::Value = serde_json::from_slice(&looked.stdout).unwrap();
    let file_systems = said["fileSystems"].as_array().unwrap();
    assert_eq!(file_systems.len(), 1, "{file_systems:?}");
    assert_eq!(file_systems[0]["type"], "btrfs");
    assert_eq!(file_systems[0]["volumes"], 3);
}

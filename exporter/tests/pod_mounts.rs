//! What the agent sees through mounts as its pod has them: each directory on its own, links on the way followed.
#![allow(
    clippy::unwrap_used,
    reason = "a test may stop at the first thing that is not as it should be"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use rstest::rstest;

/// Mounts below `$1/host` what the chart mounts, the directory `$2` at the path `$3` of the node, and looks once.
const LOOK: &str = r#"
set -e
host=$1/host
mount -t tmpfs none "$host"
mkdir -p "$host/proc" "$host$3" "$host/sys/bus" "$host/sys/class" "$host/sys/devices"
mkdir -p "$host/sys/kernel/iommu_groups" "$host/sys/kernel/mm"
mkdir "$host/proc/1" "$host/proc/1/net"
grep -v "$host" /proc/self/mountinfo >"$host/proc/1/mountinfo"
cp /proc/cpuinfo /proc/cmdline "$host/proc"
for name in bus class devices kernel/iommu_groups kernel/mm; do
    mount --bind "/sys/$name" "$host/sys/$name"
    mount -o remount,bind,ro "$host/sys/$name"
done
mount --rbind "$2" "$host$3"
mount -o remount,bind,ro "$host$3"
exec "$4" --once --host-root="$host" --config="$1/exporter.yaml"
"#;

#[rstest]
#[case::by_its_path("real", true)]
#[case::by_a_link("link", false)]
fn a_directory_that_is_mounted_alone(#[case] name: &str, #[case] is_used: bool) {
    // Without the dot of other temporary directories, which no config names.
    let folder = tempfile::Builder::new().prefix("pod").tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("real/vd/vol0")).unwrap();
    fs::create_dir(at("host")).unwrap();
    symlink(at("real"), at("link")).unwrap();
    let directory = at(name).join("vd");
    let config = format!(
        "{{apiVersion: vmberth.io/v1alpha1, kind: ExporterConfig, volumes: [{{directory: {}/, prefix: vol, max: 1}}]}}",
        directory.display()
    );
    fs::write(at("exporter.yaml"), config).unwrap();
    let looked = Command::new("unshare")
        .args(["--mount", "sh", "-c", LOOK, "look"])
        .args([folder.path(), &at("real/vd"), &directory])
        .arg(env!("CARGO_BIN_EXE_vmberth-exporter"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&looked.stdout);
    let failed = String::from_utf8_lossy(&looked.stderr);
    assert!(looked.status.success(), "{failed}");
    assert_eq!(
        said.contains("the one volume can be used"),
        is_used,
        "{said}"
    );
    assert_eq!(
        said.contains("a symbolic link is on the way"),
        !is_used,
        "{said}"
    );
    assert!(
        !said.contains("Permission denied") && !said.contains("Read-only"),
        "{said}"
    );
}

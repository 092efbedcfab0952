//! Looks at the machine before anything is started: what is missing is said at once, all of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::cmd::Cmd;
use crate::host;
use crate::layout::Layout;
use crate::progress::Progress;

/// Programs the plane calls, and the Debian package each comes from.
const PROGRAMS: [(&str, &str); 18] = [
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("iptables", "iptables"),
    ("ip", "iproute2"),
    ("sysctl", "procps"),
    ("conntrack", "conntrack"),
    ("buildah", "buildah"),
    ("mmdebstrap", "mmdebstrap"),
    ("cpio", "cpio"),
    ("mkfs.btrfs", "btrfs-progs"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mkfs.xfs", "xfsprogs"),
    ("qemu-img", "qemu-utils"),
    ("syslinux", "syslinux"),
    ("mcopy", "mtools"),
    ("mkfs.vfat", "dosfstools"),
    ("sfdisk", "fdisk"),
];

/// Files that are not programs, and the package each comes from.
const FILES: [(&str, &str); 7] = [
    ("/usr/include/libvirt/libvirt.h", "libvirt-dev"),
    ("/usr/bin/pkg-config", "pkg-config"),
    ("/usr/bin/gcc", "gcc"),
    ("/usr/include/stdio.h", "libc6-dev"),
    (
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "debian-archive-keyring",
    ),
    ("/usr/lib/syslinux/mbr/mbr.bin", "syslinux-common"),
    ("/bin/busybox", "busybox-static"),
];

/// Free disk needed where the cache is, with nothing built yet and with everything built.
const DISK_COLD_GIB: u64 = 30;
const DISK_WARM_GIB: u64 = 8;
/// Memory the cluster needs with a few VMs (seen: 2.8 GiB with one).
const MEMORY_GIB: u64 = 6;

/// Checks the machine and installs what Debian has.
///
/// # Errors
/// Everything that is missing, in one line each.
pub fn check(layout: &Layout, progress: &Progress) -> Result<()> {
    let mut missing = Vec::new();
    if !go_is_new_enough() {
        missing.push("Go 1.26 or later in PATH, with HOME set: see go.dev/doc/install".to_owned());
    }
    kernel(&mut missing)?;
    resources(layout, &mut missing)?;
    if !missing.is_empty() {
        bail!(
            "this machine can't run the plane:\n  {}",
            missing.join("\n  ")
        );
    }
    packages(progress, &layout.logs.join("apt.log"))
}

/// The families' go.mod files ask for it, and no other toolchain is fetched.
fn go_is_new_enough() -> bool {
    let version = Cmd::new("go")
        .args(["env", "GOVERSION"])
        .env("GOTOOLCHAIN", "local")
        .output();
    let minor = version.ok().and_then(|text| {
        let rest = text.trim().strip_prefix("go1.")?.to_owned();
        rest.split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse::<u32>()
            .ok()
    });
    minor.is_some_and(|minor| minor >= 26)
}

fn kernel(missing: &mut Vec<String>) -> Result<()> {
    for hierarchy in ["cpu", "cpuset", "devices", "memory", "pids"] {
        if !Path::new("/sys/fs/cgroup").join(hierarchy).exists() {
            missing.push(format!(
                "cgroup v1 with {hierarchy} at /sys/fs/cgroup (the plane was only made for v1 so \
                 far): boot with systemd.unified_cgroup_hierarchy=0"
            ));
            break;
        }
    }
    for kind in ["btrfs", "ext4", "overlay", "hugetlbfs"] {
        if !host::knows_file_system(kind)? {
            missing.push(format!("the kernel's file system {kind}"));
        }
    }
    for file in [
        "/dev/loop-control",
        "/dev/net/tun",
        "/proc/sys/vm/nr_hugepages",
        // Every node's own PCI devices and groups are mounted over these.
        "/sys/bus/pci",
        "/sys/kernel/iommu_groups",
    ] {
        if !Path::new(file).exists() {
            missing.push(format!("the kernel feature behind {file}"));
        }
    }
    Ok(())
}

fn resources(layout: &Layout, missing: &mut Vec<String>) -> Result<()> {
    fs::create_dir_all(&layout.cache)?;
    let wanted = if layout.cache.join("image-store.btrfs").exists() {
        DISK_WARM_GIB
    } else {
        DISK_COLD_GIB
    };
    let disk = rustix::fs::statvfs(&layout.cache)?;
    let free = (disk.f_bavail * disk.f_frsize) >> 30;
    if free < wanted {
        let place = layout.cache.display();
        missing.push(format!(
            "disk: {free} GiB are free at {place}, {wanted} GiB are needed"
        ));
    }
    let memory = fs::read_to_string("/proc/meminfo")?;
    let available = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .map_or(0, |kib| kib >> 20);
    if available < MEMORY_GIB {
        missing.push(format!(
            "memory: {available} GiB are free, {MEMORY_GIB} GiB are needed"
        ));
    }
    Ok(())
}

fn packages(progress: &Progress, log: &Path) -> Result<()> {
    let programs = PROGRAMS.iter().filter(|(program, _)| !found(program));
    let files = FILES.iter().filter(|(file, _)| !Path::new(file).exists());
    let packages: Vec<_> = programs.chain(files).map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    let apt = |args: &[&str]| {
        Cmd::new("apt-get")
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .log(log)
            .timeout(Duration::from_secs(900))
            .run()
    };
    let what = format!("installing Debian's packages: {}", packages.join(" "));
    progress.step(&what, Duration::from_secs(60), || {
        apt(&["update"])?;
        let install = ["install", "--yes", "--no-install-recommends"];
        apt(&[&install[..], &packages[..]].concat())
    })
}

fn found(program: &str) -> bool {
    if program.starts_with('/') {
        return Path::new(program).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|dir| dir.join(program).exists())
}

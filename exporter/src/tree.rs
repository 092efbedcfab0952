//! Makes trees of files that look like a node: a stand-in for hardware, for tests, benchmarks and simulated nodes.
//!
//! Links and directories are laid out as in sysfs and proc. Volumes are real directories, so that the mounts name the device
//! that the tree lies on.

mod pci;

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, makedev, mknodat, stat};

pub use pci::{Card, Function};
use pci::{GROUPS, PCI};

const CELLS: &str = "/sys/devices/system/node";

/// A tree below a directory.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Makes the skeleton of a node: processor, mounts, an empty PCI bus, no route.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let tree = Self { root: root.into() };
        fs::create_dir_all(&tree.root)?;
        tree.file("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vmx sse\n")?;
        tree.file("/proc/cmdline", "BOOT_IMAGE=/vmlinuz ro quiet\n")?;
        tree.file("/proc/1/net/route", &routes(&[]))?;
        tree.file("/proc/1/net/ipv6_route", "")?;
        tree.directory(&format!("{PCI}/devices"))?;
        tree.file(&format!("{PCI}/drivers_probe"), "")?;
        tree.directory(GROUPS)?;
        tree.directory("/sys/class/net")?;
        tree.mounts(&[])?;
        Ok(tree)
    }

    /// A full node: 64 volumes, 64 functions on vfio-pci, four sizes of pages in two NUMA nodes. What benchmarks measure.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn full(root: impl Into<PathBuf>) -> io::Result<Self> {
        let tree = Self::new(root)?;
        tree.volumes("/var/vd/vol", 64)?;
        let function = |index: u32| Function {
            address: format!("0000:3b:{:02x}.{}", 2 + index / 8, index % 8),
            driver: Some("vfio-pci".to_owned()),
            group: Some(40 + index),
        };
        tree.card(&Card {
            address: "0000:3b:00.0".to_owned(),
            interface: Some("ens1f0".to_owned()),
            total_vfs: 64,
            vfs: (0..64).map(function).collect(),
            ..Card::default()
        })?;
        for kib in [64, 2048, 32_768, 1_048_576] {
            tree.pages(kib, &[(64, 32), (64, 64)])?;
        }
        Ok(tree)
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path of the node as one of this machine.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Writes a file, and the directories on its way.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn file(&self, path: &str, text: &str) -> io::Result<()> {
        self.parents(path)?;
        fs::write(self.path(path), text)
    }

    /// Makes a directory, and those on its way.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn directory(&self, path: &str) -> io::Result<()> {
        fs::create_dir_all(self.path(path))
    }

    /// Makes a link in place of what was there.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn link(&self, path: &str, target: &str) -> io::Result<()> {
        self.parents(path)?;
        match fs::remove_file(self.path(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        symlink(target, self.path(path))
    }

    /// Makes volumes `<directory><prefix>0` and so on, empty.
    ///
    /// # Errors
    /// If one can't be made.
    pub fn volumes(&self, stem: &str, count: u16) -> io::Result<()> {
        (0..count).try_for_each(|number| self.directory(&format!("{stem}{number}")))
    }

    /// Puts a sparse disk into a volume.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn disk(&self, volume: &str, bytes: u64) -> io::Result<()> {
        self.file(&format!("{volume}/disk.img"), "")?;
        let disk = self.path(&format!("{volume}/disk.img"));
        fs::File::options().write(true).open(disk)?.set_len(bytes)
    }

    /// Writes the mounts: the root, and for each pod and path of the node a bind mount by the kubelet.
    ///
    /// # Errors
    /// If they can't be written.
    pub fn mounts(&self, pods: &[(&str, &str)]) -> io::Result<()> {
        let device = self.device()?;
        let mut text = format!("22 1 {device} / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n");
        for (number, (uid, path)) in pods.iter().enumerate() {
            let point = format!(
                "/var/lib/kubelet/pods/{uid}/volumes/kubernetes.io~local-volume/pv{number}"
            );
            let line = format!(
                "{} 22 {device} {path} {point} rw,relatime shared:1 - ext4 /dev/sda1 rw\n",
                number + 100
            );
            text.push_str(&line);
        }
        self.file("/proc/1/mountinfo", &text)
    }

    /// Device that the tree lies on, `major:minor`.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn device(&self) -> io::Result<String> {
        let device = stat(&self.root)?.st_dev;
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        Ok(format!("{major}:{minor}"))
    }

    /// Writes the IPv4 routes: interface, and whether it is a default route.
    ///
    /// # Errors
    /// If they can't be written.
    pub fn routes(&self, lines: &[(&str, bool)]) -> io::Result<()> {
        self.file("/proc/1/net/route", &routes(lines))
    }

    /// Adds a size of huge pages: pages of each NUMA node, all of them and free ones.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn pages(&self, kib: u64, cells: &[(u64, u64)]) -> io::Result<()> {
        let name = format!("hugepages-{kib}kB");
        let size = format!("/sys/kernel/mm/hugepages/{name}");
        let total: u64 = cells.iter().map(|(total, _)| total).sum();
        let free: u64 = cells.iter().map(|(_, free)| free).sum();
        self.file(&format!("{size}/resv_hugepages"), "0\n")?;
        self.counts(&size, total, free)?;
        for (cell, (total, free)) in cells.iter().enumerate() {
            self.counts(
                &format!("{CELLS}/node{cell}/hugepages/{name}"),
                *total,
                *free,
            )?;
        }
        Ok(())
    }

    fn counts(&self, path: &str, total: u64, free: u64) -> io::Result<()> {
        self.file(&format!("{path}/nr_hugepages"), &format!("{total}\n"))?;
        self.file(&format!("{path}/free_hugepages"), &format!("{free}\n"))?;
        self.file(&format!("{path}/surplus_hugepages"), "0\n")
    }

    /// Makes a node of a device, as root alone may, or a pipe or socket.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn special(&self, path: &str, kind: FileType, major: u32, minor: u32) -> io::Result<()> {
        self.parents(path)?;
        let (mode, device) = (Mode::from_raw_mode(0o600), makedev(major, minor));
        Ok(mknodat(
            rustix::fs::CWD,
            self.path(path),
            kind,
            mode,
            device,
        )?)
    }

    fn parents(&self, path: &str) -> io::Result<()> {
        self.path(path).parent().map_or(Ok(()), fs::create_dir_all)
    }
}

/// A table of IPv4 routes.
fn routes(lines: &[(&str, bool)]) -> String {
    let mut text =
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n".to_owned();
    for (interface, default) in lines {
        let (destination, mask) = if *default {
            ("00000000", "00000000")
        } else {
            ("0002A8C0", "00FFFFFF")
        };
        let line = format!("{interface}\t{destination}\t00000000\t0003\t0\t0\t100\t{mask}\t0\n");
        text.push_str(&line);
    }
    text
}

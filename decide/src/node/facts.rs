//! What one scan of a node saw: values as read, without any judgement.
//!
//! Lists are sorted, so that two scans of the same node are equal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One scan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Everything that the config's patterns name and that is there; by the config's order of patterns, then by number.
    pub volumes: Vec<VolumeFacts>,
    /// The file systems of those directories; by device.
    pub file_systems: Vec<FileSystemFacts>,
    /// SR-IOV capable devices; by address.
    pub functions: Vec<PhysicalFunction>,
    /// Sizes of huge pages; by size.
    pub pages: Vec<PageFacts>,
    /// What the kubelet hands out; `None` if it could not be asked (then there is a problem).
    pub kubelet: Option<KubeletFacts>,
    /// The machine itself.
    pub machine: MachineFacts,
    /// What could not be read; by path.
    pub problems: Vec<Problem>,
}

/// A file, directory or socket that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// What was looked at.
    pub area: Area,
    /// Path on the node.
    pub path: String,
    /// What the system says, such as `Permission denied (os error 13)`, or what was expected there.
    pub reason: String,
}

/// What a problem is about: each becomes a condition of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// Volumes' directories and disks.
    Volumes,
    /// Size and free space.
    FileSystems,
    /// PCI devices, drivers and IOMMU groups.
    Functions,
    /// Huge pages.
    Pages,
    /// The kubelet's podresources socket.
    Kubelet,
    /// Processor, /dev/kvm, kernel command line, kubelet's policies.
    Machine,
}

/// A device number, `major:minor`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// One directory that may back a local volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeFacts {
    /// Its last component, such as `vol3`.
    pub name: String,
    /// Path on the node, such as `/var/vd/vol3`.
    pub path: String,
    /// What is at that path.
    pub content: Content,
}

/// What is at a volume's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A directory.
    Directory(DirectoryFacts),
    /// A link, a file, a device: never followed, never used.
    NotADirectory {
        /// What it is, in words: `a symbolic link`.
        kind: &'static str,
    },
    /// It can't be read; the reason is what the system says.
    Unreadable {
        /// What the system says.
        reason: String,
    },
}

/// A directory that may back a local volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryFacts {
    /// The file system it lies on.
    pub device: Device,
    /// Number of the file: another one means that the directory was made anew.
    pub inode: u64,
    /// Owner.
    pub uid: u32,
    /// Owning group; the kubelet makes it the pod's fsGroup at mount (facts: domain 5).
    pub gid: u32,
    /// Permission bits, such as 0o755.
    pub mode: u32,
    /// Label of SELinux, if the file system carries one.
    pub selinux: Option<String>,
    /// `disk.img`, if there is one.
    pub disk: Option<DiskFacts>,
    /// Everything else in it.
    pub foreign: Foreign,
    /// UIDs of the pods that the kubelet has mounted it for (mountinfo).
    pub mounted_by: BTreeSet<String>,
}

impl DirectoryFacts {
    /// Nothing is in it; `lost+found` of a file system of its own does not count.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.disk.is_none() && self.foreign.count == 0
    }
}

/// Files of a volume that are not its disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Foreign {
    /// How many entries; [`Foreign::MOST`] means so many or more.
    pub count: u64,
    /// Names of the first few, sorted; never more than [`Foreign::NAMED`].
    pub names: Vec<String>,
}

impl Foreign {
    /// So many are named.
    pub const NAMED: usize = 3;
    /// So many are counted, and no more.
    pub const MOST: u64 = 1_000;
}

/// A VM's disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskFacts {
    /// How it is written.
    pub format: DiskFormat,
    /// Size of the file, which is what the guest sees. Never what a header in it says: that is the guest's to write.
    pub virtual_bytes: u64,
    /// Bytes of the file system that it takes up.
    pub allocated_bytes: u64,
    /// Last change, seconds since 1970.
    pub modified: i64,
}

/// How a disk is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskFormat {
    /// Byte for byte: what CDI and KubeVirt write (facts: domain 5).
    Raw,
    /// QEMU's copy-on-write format: KubeVirt would boot it as garbage.
    Qcow2,
    /// We may not read it.
    Unknown,
}

impl DiskFormat {
    /// QEMU's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Unknown => "unknown",
        }
    }
}

/// A file system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSystemFacts {
    /// Its device.
    pub device: Device,
    /// Where it is mounted on the node; the first place of several.
    pub mount_point: String,
    /// Its type, such as `xfs`.
    pub kind: String,
    /// All bytes.
    pub size: u64,
    /// Bytes that are free for others than root.
    pub free: u64,
    /// All inodes; 0 where they are made as needed (btrfs).
    pub inodes: u64,
    /// Free inodes.
    pub inodes_free: u64,
    /// Mounted read-only, by will or after an error.
    pub read_only: bool,
}

/// An SR-IOV capable device (`sriov_totalvfs` is there and above 0).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PhysicalFunction {
    /// PCI address, such as `0000:3b:00.0`.
    pub address: String,
    /// Vendor, as four hexadecimal digits: `8086`.
    pub vendor: String,
    /// Device, as four hexadecimal digits: `158b`.
    pub device: String,
    /// Its driver, if one is bound.
    pub driver: Option<String>,
    /// Most VFs that it can have.
    pub total_vfs: u32,
    /// VFs that it has now.
    pub num_vfs: u32,
    /// Its NUMA node, if known.
    pub numa: Option<u32>,
    /// Its network interfaces; several with switchdev.
    pub interfaces: Vec<Interface>,
    /// Its VFs; by index.
    pub vfs: Vec<VirtualFunction>,
}

/// A network interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name, such as `ens1f0`.
    pub name: String,
    /// RFC 2863's word: `up`, `down`, `unknown`, `lowerlayerdown`, …
    pub operstate: String,
    /// A link is seen; `None` if that can't be asked, as of one that is down.
    pub carrier: Option<bool>,
    /// It is administratively up (flag `IFF_UP`).
    pub up: bool,
    /// Enslaved to a bridge, bond or team.
    pub enslaved: bool,
    /// The node's default route goes through it.
    pub default_route: bool,
    /// It has routes, so it has an address that the node uses.
    pub routed: bool,
}

/// One virtual function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VirtualFunction {
    /// PCI address: its identity, and the id that the device plugin advertises.
    pub address: String,
    /// Number at its PF (`virtfn<N>`).
    pub index: u32,
    /// Vendor, as four hexadecimal digits.
    pub vendor: String,
    /// Device, as four hexadecimal digits.
    pub device: String,
    /// Its driver, if one is bound.
    pub driver: Option<String>,
    /// Its NUMA node, if known.
    pub numa: Option<u32>,
    /// Its IOMMU group; `None` if the IOMMU is off.
    pub group: Option<IommuGroup>,
    /// Its network interfaces; none while it is bound to vfio-pci.
    pub interfaces: Vec<Interface>,
}

/// Devices that the IOMMU can't tell apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IommuGroup {
    /// Its number.
    pub number: u32,
    /// Name of the group: `vfio-noiommu` means that there is no protection.
    pub name: Option<String>,
    /// The other devices of the group, by address, with their drivers.
    pub others: BTreeMap<String, Option<String>>,
}

/// One size of huge pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageFacts {
    /// Bytes of one page.
    pub size: u64,
    /// All pages (`nr_hugepages`).
    pub total: u64,
    /// Pages that nobody holds.
    pub free: u64,
    /// Free pages that are promised already; only known in total (facts: domain 4).
    pub reserved: u64,
    /// Pages above the total.
    pub surplus: u64,
    /// By NUMA node.
    pub cells: BTreeMap<u32, CellPages>,
}

/// Huge pages of one size in one NUMA node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CellPages {
    /// All pages.
    pub total: u64,
    /// Pages that nobody holds.
    pub free: u64,
}

/// The kubelet's own word, from its podresources socket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KubeletFacts {
    /// Devices that it may hand out, by resource and id (`GetAllocatableResources`).
    pub allocatable: BTreeMap<String, BTreeMap<String, DeviceCells>>,
    /// CPUs that it may hand out exclusively.
    pub cpus: BTreeSet<u32>,
    /// Memory by kind (`memory`, `hugepages-2Mi`) and NUMA node, in bytes; empty without a memory manager.
    pub memory: BTreeMap<String, BTreeMap<u32, u64>>,
    /// What each container holds (`List`); terminated pods may be among them.
    pub containers: Vec<ContainerDevices>,
}

/// NUMA nodes of a device; empty if unknown.
pub type DeviceCells = BTreeSet<u32>;

/// What one container holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerDevices {
    /// Namespace of its pod.
    pub namespace: String,
    /// Name of its pod.
    pub pod: String,
    /// Its name.
    pub container: String,
    /// Ids of devices, by resource.
    pub devices: BTreeMap<String, BTreeSet<String>>,
    /// CPUs of its own.
    pub cpus: BTreeSet<u32>,
}

/// The machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MachineFacts {
    /// Flag of the processor: `vmx` or `svm`.
    pub virtualization: Option<String>,
    /// /dev/kvm is a device.
    pub kvm: bool,
    /// The kernel has IOMMU groups.
    pub iommu: bool,
    /// `isolcpus=` of the kernel command line.
    pub isolated_cpus: Option<String>,
    /// Arguments about huge pages of the kernel command line, as they stand there.
    pub hugepage_arguments: Vec<String>,
    /// The kubelet's CPU manager policy, if its state can be read.
    pub cpu_manager: Option<String>,
    /// The kubelet's memory manager policy, if its state can be read.
    pub memory_manager: Option<String>,
    /// The kubelet's topology manager policy, if its configuration can be read.
    pub topology_manager: Option<String>,
}

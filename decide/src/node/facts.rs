//! What one scan of a node saw: values as read, without any judgement.
//!
//! Lists are sorted, so that two scans of the same node are equal.

mod directory;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use directory::{Content, DirectoryFacts, DiskFacts, DiskFormat, Foreign, VolumeFacts};

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
    /// Those directories of the config's patterns that lie on it, as the config writes them: a volume that is missing there
    /// would be made on it.
    pub directories: BTreeSet<String>,
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

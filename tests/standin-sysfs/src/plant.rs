//! Lays out a tree with SR-IOV cards as the kernel would after boot.

use std::fs;
use std::io;
use std::path::Path;

use crate::tree::{Tree, link};

/// An SR-IOV card with one port.
#[derive(Debug, Clone)]
pub struct Card {
    /// PCI address of its PF.
    pub address: String,
    /// Its interface.
    pub interface: String,
    /// Most functions that it can have.
    pub total_vfs: u32,
    /// Group of the IOMMU; `None` is a machine whose IOMMU is off.
    pub group: Option<u32>,
}

impl Default for Card {
    fn default() -> Self {
        Self {
            address: "0000:3b:00.0".to_owned(),
            interface: "ens1f0".to_owned(),
            total_vfs: 8,
            group: Some(30),
        }
    }
}

/// Files of a PF as of Intel's XL710 (i40e), whose functions the seeds use.
const FILES: [(&str, &str); 9] = [
    ("vendor", "0x8086"),
    ("device", "0x158b"),
    ("class", "0x020000"),
    ("numa_node", "0"),
    ("driver_override", "(null)"),
    ("sriov_numvfs", "0"),
    ("sriov_vf_device", "154c"),
    ("sriov_drivers_autoprobe", "1"),
    ("sriov_offset", "16"),
];
/// Drivers of PF and VF, and the one for guests.
const DRIVERS: [&str; 3] = ["i40e", "iavf", "vfio-pci"];

/// Lays out `sys` below the root.
///
/// # Errors
/// If it can't be written.
pub fn plant(root: &Path, cards: &[Card]) -> io::Result<()> {
    let sys = root.join("sys");
    for driver in DRIVERS {
        let directory = sys.join("bus/pci/drivers").join(driver);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("bind"), "")?;
        fs::write(directory.join("unbind"), "")?;
    }
    for directory in ["bus/pci/devices", "class/net", "kernel/iommu_groups"] {
        fs::create_dir_all(sys.join(directory))?;
    }
    fs::write(sys.join("bus/pci/drivers_probe"), "")?;
    let tree = Tree::at(root)?;
    cards.iter().try_for_each(|card| place(&tree, card))
}

fn place(tree: &Tree, card: &Card) -> io::Result<()> {
    let bus = card.address.rsplit_once(':').map_or("", |(bus, _)| bus);
    let device = tree
        .sys()
        .join(format!("devices/pci{bus}"))
        .join(&card.address);
    fs::create_dir_all(&device)?;
    for (file, text) in FILES {
        fs::write(device.join(file), format!("{text}\n"))?;
    }
    fs::write(
        device.join("sriov_totalvfs"),
        format!("{}\n", card.total_vfs),
    )?;
    link(
        &tree.sys().join("bus/pci/devices").join(&card.address),
        &device,
    )?;
    if let Some(group) = card.group {
        join_group(tree, &card.address, group)?;
    }
    tree.tie(&card.address, "i40e")?;
    show_interface(tree, &device, &card.interface)
}

/// Puts a device into a group of the IOMMU.
pub(crate) fn join_group(tree: &Tree, address: &str, number: u32) -> io::Result<()> {
    let (group, device) = (
        tree.groups().join(number.to_string()),
        tree.device(address)?,
    );
    fs::create_dir_all(group.join("devices"))?;
    fs::write(group.join("type"), "DMA-FQ\n")?;
    link(&group.join("devices").join(address), &device)?;
    link(&device.join("iommu_group"), &group)
}

/// An interface of a device, with a link.
pub(crate) fn show_interface(tree: &Tree, device: &Path, name: &str) -> io::Result<()> {
    let interface = device.join("net").join(name);
    fs::create_dir_all(&interface)?;
    for (file, text) in [
        ("operstate", "up"),
        ("carrier", "1"),
        ("flags", "0x1003"),
        ("mtu", "1500"),
    ] {
        fs::write(interface.join(file), format!("{text}\n"))?;
    }
    link(&interface.join("device"), device)?;
    link(&tree.sys().join("class/net").join(name), &interface)
}

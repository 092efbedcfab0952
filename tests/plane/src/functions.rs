//! A network card that is not there: every real node sees PCI devices and IOMMU groups of its own, a
//! fixture of one physical function without virtual ones.
//!
//! Written here, below the machine's directory, and mounted over the node's `/sys/bus/pci` and
//! `/sys/kernel/iommu_groups`: the node's processes and pods that mount these from it see the card,
//! the host does not. A pod's own `/sys` is the kernel's. Virtual functions are made by the stories
//! that need them (tests/e2e/src/functions.rs), as the kernel would. In the kernel's tree
//! `/sys/bus/pci/devices` holds links; here the devices are directories, so that no path leads out
//! of what is mounted.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result};

use crate::layout;
use crate::machine::Mount;

/// PCI address of the card.
pub const PHYSICAL_FUNCTION: &str = "0000:3b:00.0";
/// Its interface.
pub const INTERFACE: &str = "ens1f0";
/// Its driver.
const DRIVER: &str = "i40e";
/// Drivers that a device may be bound to.
const DRIVERS: [&str; 3] = [DRIVER, "iavf", "vfio-pci"];

/// The card's own files: an Intel XXV710 on the first NUMA node.
const DEVICE: [(&str, &str); 8] = [
    ("vendor", "0x8086"),
    ("device", "0x158b"),
    ("class", "0x020000"),
    ("numa_node", "0"),
    ("sriov_totalvfs", "8"),
    ("sriov_numvfs", "0"),
    ("sriov_drivers_autoprobe", "1"),
    ("driver_override", "(null)"),
];

/// Its interface: up, with a link, and IFF_UP, IFF_BROADCAST, IFF_RUNNING, IFF_MULTICAST set.
const NET: [(&str, &str); 6] = [
    ("operstate", "up"),
    ("carrier", "1"),
    ("flags", "0x1043"),
    ("mtu", "1500"),
    ("speed", "25000"),
    ("address", "3c:fd:fe:00:00:01"),
];

/// Writes the fixture of a node below its directory, and returns the mounts that show it.
///
/// # Errors
/// With the path that can't be written.
pub(crate) fn mounts(machine: &Path) -> Result<Vec<Mount>> {
    let sys = machine.join("sys");
    write(&sys).with_context(|| sys.display().to_string())?;
    let shown = ["bus/pci", "kernel/iommu_groups"];
    Ok(shown
        .map(|folder| Mount::Bind {
            source: sys.join(folder),
            target: Path::new("/sys").join(folder),
        })
        .into())
}

/// The fixture, with `sys` for `/sys`.
fn write(sys: &Path) -> Result<()> {
    let pci = sys.join("bus/pci");
    for driver in DRIVERS {
        fs::create_dir_all(pci.join("drivers").join(driver))?;
    }
    let device = pci.join("devices").join(PHYSICAL_FUNCTION);
    for (name, value) in DEVICE {
        layout::write(&device.join(name), format!("{value}\n"))?;
    }
    for (name, value) in NET {
        let file = device.join("net").join(INTERFACE).join(name);
        layout::write(&file, format!("{value}\n"))?;
    }
    link(&format!("../../drivers/{DRIVER}"), &device.join("driver"))?;
    let own = format!("../../devices/{PHYSICAL_FUNCTION}");
    link(
        &own,
        &pci.join("drivers").join(DRIVER).join(PHYSICAL_FUNCTION),
    )?;
    let group = sys.join("kernel/iommu_groups/11");
    layout::write(&group.join("type"), "DMA-FQ\n")?;
    fs::create_dir_all(group.join("devices"))?;
    link(
        &format!("../../../../bus/pci/devices/{PHYSICAL_FUNCTION}"),
        &group.join("devices").join(PHYSICAL_FUNCTION),
    )?;
    link(
        "../../../../kernel/iommu_groups/11",
        &device.join("iommu_group"),
    )
}

fn link(target: &str, at: &Path) -> Result<()> {
    symlink(target, at).with_context(|| at.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_leads_to_something_within() {
        let temp = tempfile::tempdir().unwrap();
        let mounts = mounts(temp.path()).unwrap();
        assert_eq!(mounts.len(), 2);
        let sys = temp.path().join("sys").canonicalize().unwrap();
        let device = sys.join("bus/pci/devices").join(PHYSICAL_FUNCTION);
        let ends = [
            (device.join("driver"), sys.join("bus/pci/drivers/i40e")),
            (
                device.join("iommu_group"),
                sys.join("kernel/iommu_groups/11"),
            ),
            (
                sys.join("bus/pci/drivers/i40e").join(PHYSICAL_FUNCTION),
                device.clone(),
            ),
            (
                sys.join("kernel/iommu_groups/11/devices")
                    .join(PHYSICAL_FUNCTION),
                device.clone(),
            ),
        ];
        for (link, end) in ends {
            assert_eq!(link.canonicalize().unwrap(), end);
        }
        let numbers = fs::read_to_string(device.join("sriov_totalvfs")).unwrap();
        assert_eq!(numbers, "8\n");
    }
}

//! Network cards, their functions, drivers and IOMMU groups.

use std::io;

use super::Tree;

pub(super) const PCI: &str = "/sys/bus/pci";
pub(super) const GROUPS: &str = "/sys/kernel/iommu_groups";

/// A network card and its functions.
#[derive(Debug, Clone, Default)]
pub struct Card {
    /// PCI address.
    pub address: String,
    /// Its interface, if it has one.
    pub interface: Option<String>,
    /// Most VFs.
    pub total_vfs: u32,
    /// NUMA node; -1 is unknown.
    pub numa: i32,
    /// Its VFs, by index.
    pub vfs: Vec<Function>,
}

/// A virtual function.
#[derive(Debug, Clone, Default)]
pub struct Function {
    /// PCI address.
    pub address: String,
    /// Driver, if one is bound.
    pub driver: Option<String>,
    /// IOMMU group, if the IOMMU is on.
    pub group: Option<u32>,
}

impl Tree {
    /// Adds a card with its functions.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn card(&self, card: &Card) -> io::Result<()> {
        let path = format!("{PCI}/devices/{}", card.address);
        self.device_files(&path, "0x158b", card.numa)?;
        self.bind(&card.address, "i40e")?;
        self.file(
            &format!("{path}/sriov_totalvfs"),
            &format!("{}\n", card.total_vfs),
        )?;
        self.file(
            &format!("{path}/sriov_numvfs"),
            &format!("{}\n", card.vfs.len()),
        )?;
        if let Some(interface) = &card.interface {
            self.interface(&card.address, interface)?;
        }
        for (index, function) in card.vfs.iter().enumerate() {
            let target = format!("../{}", function.address);
            self.link(&format!("{path}/virtfn{index}"), &target)?;
            let path = format!("{PCI}/devices/{}", function.address);
            self.device_files(&path, "0x154c", card.numa)?;
            self.file(&format!("{path}/driver_override"), "(null)\n")?;
            self.link(&format!("{path}/physfn"), &format!("../{}", card.address))?;
            if let Some(driver) = &function.driver {
                self.bind(&function.address, driver)?;
            }
            if let Some(group) = function.group {
                self.group(&function.address, group)?;
            }
        }
        Ok(())
    }

    /// Adds a plain device, such as a bridge.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn device_files(&self, path: &str, device: &str, numa: i32) -> io::Result<()> {
        self.file(&format!("{path}/vendor"), "0x8086\n")?;
        self.file(&format!("{path}/device"), &format!("{device}\n"))?;
        self.file(&format!("{path}/class"), "0x020000\n")?;
        self.file(&format!("{path}/numa_node"), &format!("{numa}\n"))
    }

    /// Binds a device to a driver, which is made if it is not there.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn bind(&self, address: &str, driver: &str) -> io::Result<()> {
        let path = format!("{PCI}/drivers/{driver}");
        self.file(&format!("{path}/bind"), "")?;
        self.file(&format!("{path}/unbind"), "")?;
        let device = format!("{PCI}/devices/{address}/driver");
        self.link(&device, &format!("../../drivers/{driver}"))
    }

    /// Puts a device into an IOMMU group.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn group(&self, address: &str, group: u32) -> io::Result<()> {
        let target = format!("../../../../kernel/iommu_groups/{group}");
        self.link(&format!("{PCI}/devices/{address}/iommu_group"), &target)?;
        let member = format!("{GROUPS}/{group}/devices/{address}");
        self.link(&member, &format!("../../../../bus/pci/devices/{address}"))
    }

    /// Gives a device an interface that is up and has a link.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn interface(&self, address: &str, interface: &str) -> io::Result<()> {
        let path = format!("{PCI}/devices/{address}/net/{interface}");
        self.file(&format!("{path}/operstate"), "up\n")?;
        self.file(&format!("{path}/carrier"), "1\n")?;
        self.file(&format!("{path}/flags"), "0x1003\n")?;
        let target = format!("../../bus/pci/devices/{address}/net/{interface}");
        self.link(&format!("/sys/class/net/{interface}"), &target)
    }
}

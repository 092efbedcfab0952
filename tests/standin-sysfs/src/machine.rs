//! What the kernel does when something is written: functions come and go, drivers are bound and unbound.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::plant::{join_group, show_interface};
use crate::tree::{Tree, gone, link, names};

/// What the kernel refuses from now on, as a broken card or driver would.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The driver does not take the device.
    Bind {
        /// Name of the driver.
        driver: String,
    },
    /// The driver does not let go of its devices.
    Unbind {
        /// Name of the driver.
        driver: String,
    },
    /// The card makes so many functions at most, whatever it says.
    NumVfs {
        /// How many.
        most: u32,
    },
}

/// A write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    Bind { driver: String },
    Unbind { driver: String },
    Probe,
    NumVfs { address: String },
}

/// The machine behind a tree.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) tree: Tree,
    pub(crate) faults: BTreeSet<Fault>,
}

impl Machine {
    /// Does what the kernel does about a write; what can't be done changes nothing, as there.
    pub(crate) fn react(&self, written: &Written, text: &str) -> io::Result<()> {
        match written {
            Written::Bind { driver } => self.bind(text, driver),
            Written::Unbind { driver } => self.unbind(text, driver),
            Written::Probe => self.probe(text),
            Written::NumVfs { address } => self.num_vfs(address, text),
        }
    }

    /// A driver takes what it was told to (override), or what is its own.
    fn bind(&self, address: &str, driver: &str) -> io::Result<()> {
        let refused = self.faults.contains(&Fault::Bind {
            driver: driver.to_owned(),
        });
        let matches = match self.override_of(address) {
            Some(wanted) => wanted == driver,
            None => self.own_driver(address).as_deref() == Some(driver),
        };
        let device = self.tree.device(address)?;
        let has_group = driver != "vfio-pci" || device.join("iommu_group").exists();
        if refused || !matches || !has_group || self.tree.driver(address).is_some() {
            return Ok(());
        }
        self.tree.tie(address, driver)?;
        if driver == "vfio-pci" {
            return Ok(());
        }
        match self.interface_of(address) {
            Some(name) => show_interface(&self.tree, &device, &name),
            None => Ok(()),
        }
    }

    fn unbind(&self, address: &str, driver: &str) -> io::Result<()> {
        let refused = self.faults.contains(&Fault::Unbind {
            driver: driver.to_owned(),
        });
        if refused || self.tree.driver(address).as_deref() != Some(driver) {
            return Ok(());
        }
        self.hide_interfaces(&self.tree.device(address)?)?;
        self.tree.untie(address)
    }

    fn probe(&self, address: &str) -> io::Result<()> {
        let driver = self
            .override_of(address)
            .or_else(|| self.own_driver(address));
        driver.map_or(Ok(()), |driver| self.bind(address, &driver))
    }

    /// From one number to another the kernel goes only by way of 0; it answers EBUSY otherwise, here the old number returns.
    fn num_vfs(&self, address: &str, text: &str) -> io::Result<()> {
        let device = self.tree.device(address)?;
        let number = |text: Option<String>| text.and_then(|text| text.parse::<u32>().ok());
        let total = number(self.tree.read(address, "sriov_totalvfs")).unwrap_or_default();
        let now = functions(&device)?;
        let wanted = number(Some(text.to_owned())).filter(|wanted| *wanted <= total);
        let result = match wanted {
            Some(0) => {
                for index in 0..now {
                    self.remove(&device, address, index)?;
                }
                0
            }
            Some(wanted) if now == 0 => {
                let most = self.faults.iter().find_map(|fault| match fault {
                    Fault::NumVfs { most } => Some(*most),
                    Fault::Bind { .. } | Fault::Unbind { .. } => None,
                });
                let made = wanted.min(most.unwrap_or(wanted));
                for index in 0..made {
                    self.make(&device, address, index)?;
                }
                made
            }
            Some(_) | None => now,
        };
        if number(Some(text.to_owned())) == Some(result) {
            return Ok(());
        }
        // Not made empty before: a reader must never see a file of sysfs without its value.
        let mut file = OpenOptions::new()
            .write(true)
            .open(device.join("sriov_numvfs"))?;
        let text = format!("{result}\n");
        file.write_all(text.as_bytes())?;
        file.set_len(u64::try_from(text.len()).unwrap_or_default())
    }

    fn make(&self, parent: &Path, address: &str, index: u32) -> io::Result<()> {
        let name = function_address(address, index);
        let device = parent.with_file_name(&name);
        fs::create_dir_all(&device)?;
        let id = self
            .tree
            .read(address, "sriov_vf_device")
            .unwrap_or_default();
        let same = |file: &str| self.tree.read(address, file).unwrap_or_default();
        let files = [
            ("vendor", same("vendor")),
            ("device", format!("0x{id}")),
            ("class", same("class")),
            ("numa_node", same("numa_node")),
            ("driver_override", "(null)".to_owned()),
        ];
        for (file, text) in files {
            fs::write(device.join(file), format!("{text}\n"))?;
        }
        self.tree.show(&device, &name)?;
        link(&device.join("physfn"), parent)?;
        if parent.join("iommu_group").exists() {
            let numbers = names(&self.tree.groups())?;
            let last = numbers
                .iter()
                .filter_map(|name| name.parse::<u32>().ok())
                .max();
            join_group(
                &self.tree,
                &name,
                last.unwrap_or_default().saturating_add(1),
            )?;
        }
        // Last, since it is what a reader waits for.
        if self
            .tree
            .read(address, "sriov_drivers_autoprobe")
            .as_deref()
            != Some("0")
        {
            self.probe(&name)?;
        }
        link(&parent.join(format!("virtfn{index}")), &device)
    }

    fn remove(&self, parent: &Path, address: &str, index: u32) -> io::Result<()> {
        let name = function_address(address, index);
        let device = parent.with_file_name(&name);
        self.hide_interfaces(&device)?;
        self.tree.untie(&name)?;
        if let Ok(group) = device.join("iommu_group").canonicalize() {
            fs::remove_dir_all(group)?;
        }
        self.tree.hide(&device, &name)?;
        gone(&parent.join(format!("virtfn{index}")))?;
        fs::remove_dir_all(device)
    }

    fn hide_interfaces(&self, device: &Path) -> io::Result<()> {
        let interfaces = device.join("net");
        if !interfaces.exists() {
            return Ok(());
        }
        for name in names(&interfaces)? {
            gone(&self.tree.sys().join("class/net").join(name))?;
        }
        fs::remove_dir_all(interfaces)
    }

    fn override_of(&self, address: &str) -> Option<String> {
        let text = self.tree.read(address, "driver_override")?;
        (!text.is_empty() && text != "(null)").then_some(text)
    }

    /// The driver whose table has the device: Intel's PF or VF.
    fn own_driver(&self, address: &str) -> Option<String> {
        let is_function = self.tree.device(address).ok()?.join("physfn").exists();
        Some(if is_function { "iavf" } else { "i40e" }.to_owned())
    }

    /// Interface of a function: of its PF and its number, as udev names them.
    fn interface_of(&self, address: &str) -> Option<String> {
        let parent = self
            .tree
            .device(address)
            .ok()?
            .join("physfn")
            .canonicalize()
            .ok()?;
        let pf = parent.file_name()?.to_string_lossy().into_owned();
        let count = 0..u32::MAX;
        let index = count
            .take(256)
            .find(|index| function_address(&pf, *index) == address)?;
        let interface = names(&parent.join("net")).ok()?.into_iter().next()?;
        Some(format!("{interface}v{index}"))
    }
}

/// How many functions a PF has in fact.
fn functions(device: &Path) -> io::Result<u32> {
    let mut count = 0_u32;
    for name in names(device)? {
        if name.starts_with("virtfn") {
            count = count.saturating_add(1);
        }
    }
    Ok(count)
}

/// Routing of SR-IOV: functions follow from slot 2 on, those of the second port from slot 10 on.
fn function_address(pf: &str, index: u32) -> String {
    let (bus, rest) = pf.rsplit_once(':').unwrap_or((pf, ""));
    let port = rest
        .rsplit_once('.')
        .and_then(|(_, port)| port.parse::<u32>().ok());
    let slot = 2 + port.unwrap_or_default() * 8 + index / 8;
    format!("{bus}:{slot:02x}.{}", index % 8)
}

//! Virtual functions of a node's network card: files, as sysfs has them (facts: domain 3.1), below the card that the plane
//! made (tests/plane/src/functions.rs). Files do nothing by themselves; where something else than a story writes them, a
//! stand-in for the [`kernel`] does what they say.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use standin_sysfs::Kernel;

use crate::node;

/// PCI address of the card.
pub const CARD: &str = "0000:3b:00.0";

/// Its interface.
pub const INTERFACE: &str = "ens1f0";

/// So many functions may be made.
const MOST: u32 = 8;

/// Groups of the functions begin with this number; the card's own is another one.
const FIRST_GROUP: u32 = 100;

/// The functions of a node's card.
#[derive(Debug, Clone)]
pub struct Functions {
    /// The node's /sys.
    sys: PathBuf,
}

/// The functions of a node's card.
///
/// # Errors
/// If there is no such node.
pub fn functions(node: &str) -> Result<Functions> {
    Ok(Functions {
        sys: node::path(node, "/sys")?,
    })
}

/// The kernel behind a node's card until it is dropped: what is written there has its effect.
///
/// # Errors
/// If there is no such node, or its card can't be watched.
pub fn kernel(node: &str) -> Result<Kernel> {
    // The plane's own directory of the fixture: the stand-in resolves paths, and /proc/PID/root would lead it to the host's
    // /sys.
    let machine = node::cache()?.join("cluster/machines").join(node);
    awake(&machine).with_context(|| machine.display().to_string())
}

/// The kernel behind the card below `root`, whose control files are made before.
fn awake(root: &Path) -> Result<Kernel> {
    let sys = root.join("sys");
    let pci = sys.join("bus/pci");
    for driver in fs::read_dir(pci.join("drivers"))? {
        let driver = driver?.path();
        write(&driver.join("bind"), "")?;
        write(&driver.join("unbind"), "")?;
    }
    write(&pci.join("drivers_probe"), "")?;
    let card = pci.join("devices").join(CARD);
    write(&card.join("sriov_vf_device"), "154c")?;
    // Names of all interfaces; no node sees this directory.
    fs::create_dir_all(sys.join("class/net"))?;
    Ok(Kernel::start(root)?)
}

/// PCI address of a function by its number at the card.
#[must_use]
pub fn address(index: u32) -> String {
    format!("0000:3b:02.{index}")
}

impl Functions {
    /// Makes functions 0 to `count` - 1 without a driver, in place of those that are there: the kernel, too, goes through 0.
    ///
    /// # Errors
    /// With the path that can't be written.
    pub fn create(&self, count: u32) -> Result<()> {
        ensure!(count <= MOST, "{count} functions of {MOST}");
        self.remove()?;
        for index in 0..count {
            self.create_one(index)
                .with_context(|| format!("function {index}"))?;
        }
        self.write_count(count)
    }

    /// Takes all functions away.
    ///
    /// # Errors
    /// With the path that can't be removed.
    pub fn remove(&self) -> Result<()> {
        for index in 0..MOST {
            let device = self.device(&address(index));
            self.unbind(index)?;
            remove(&self.device(CARD).join(format!("virtfn{index}")))?;
            // The kernel numbers groups as it likes.
            let group = fs::read_link(device.join("iommu_group")).unwrap_or_default();
            if let Some(number) = group.file_name() {
                remove(&self.sys.join("kernel/iommu_groups").join(number))?;
            }
            remove(&self.group(index))?;
            remove(&device)?;
        }
        self.write_count(0)
    }

    /// How many functions the card says it has; empty while that is being written.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn count(&self) -> Result<String> {
        let text = fs::read_to_string(self.device(CARD).join("sriov_numvfs"))?;
        Ok(text.trim().to_owned())
    }

    /// Addresses of the functions that are on vfio-pci, sorted.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn on_vfio(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.driver("vfio-pci"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            // Beside its devices a driver has files to control it.
            if name.contains(':') {
                found.push(name);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Binds functions to vfio-pci.
    ///
    /// # Errors
    /// With the path that can't be written.
    pub fn bind_vfio(&self, indexes: impl IntoIterator<Item = u32>) -> Result<()> {
        indexes
            .into_iter()
            .try_for_each(|index| self.bind(index, "vfio-pci"))
    }

    /// Binds a function to a driver.
    ///
    /// # Errors
    /// With the path that can't be written.
    pub fn bind(&self, index: u32, driver: &str) -> Result<()> {
        self.unbind(index)?;
        let address = address(index);
        let of_driver = self.driver(driver).join(&address);
        link(&format!("../../devices/{address}"), &of_driver)?;
        let of_device = self.device(&address).join("driver");
        link(&format!("../../drivers/{driver}"), &of_device)
    }

    /// Unbinds a function from whatever driver it has.
    ///
    /// # Errors
    /// With the path that can't be removed.
    pub fn unbind(&self, index: u32) -> Result<()> {
        let address = address(index);
        remove(&self.device(&address).join("driver"))?;
        for driver in fs::read_dir(self.sys.join("bus/pci/drivers"))? {
            remove(&driver?.path().join(&address))?;
        }
        Ok(())
    }

    /// Brings the card's link up or down.
    ///
    /// # Errors
    /// With the path that can't be written.
    pub fn set_link(&self, up: bool) -> Result<()> {
        let net = self.device(CARD).join("net").join(INTERFACE);
        let (state, carrier) = if up { ("up", "1") } else { ("down", "0") };
        write(&net.join("operstate"), state)?;
        write(&net.join("carrier"), carrier)
    }

    fn create_one(&self, index: u32) -> Result<()> {
        let address = address(index);
        let device = self.device(&address);
        fs::create_dir(&device).with_context(|| device.display().to_string())?;
        let files = [
            ("vendor", "0x8086"),
            ("device", "0x154c"),
            ("class", "0x020000"),
            ("numa_node", "0"),
            ("driver_override", "(null)"),
        ];
        for (name, value) in files {
            write(&device.join(name), value)?;
        }
        let group = FIRST_GROUP.saturating_add(index);
        let of_group = self.group(index);
        fs::create_dir_all(of_group.join("devices"))?;
        write(&of_group.join("type"), "DMA-FQ")?;
        link(
            &format!("../../../../bus/pci/devices/{address}"),
            &of_group.join("devices").join(&address),
        )?;
        link(
            &format!("../../../../kernel/iommu_groups/{group}"),
            &device.join("iommu_group"),
        )?;
        link(&format!("../{CARD}"), &device.join("physfn"))?;
        link(
            &format!("../{address}"),
            &self.device(CARD).join(format!("virtfn{index}")),
        )
    }

    fn write_count(&self, count: u32) -> Result<()> {
        write(&self.device(CARD).join("sriov_numvfs"), &count.to_string())
    }

    fn device(&self, address: &str) -> PathBuf {
        self.sys.join("bus/pci/devices").join(address)
    }

    fn driver(&self, name: &str) -> PathBuf {
        self.sys.join("bus/pci/drivers").join(name)
    }

    fn group(&self, index: u32) -> PathBuf {
        let number = FIRST_GROUP.saturating_add(index).to_string();
        self.sys.join("kernel/iommu_groups").join(number)
    }
}

fn write(file: &Path, value: &str) -> Result<()> {
    fs::write(file, format!("{value}\n")).with_context(|| file.display().to_string())
}

fn link(target: &str, at: &Path) -> Result<()> {
    symlink(target, at).with_context(|| at.display().to_string())
}

/// A file, a link or a directory; what is not there is fine.
fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(seen) if seen.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => Err(e),
    };
    removed.with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests;

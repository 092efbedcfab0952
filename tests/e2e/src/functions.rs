//! Virtual functions of a node's network card: files, as sysfs has them (facts: domain 3.1), below the card that the plane
//! made (tests/plane/src/functions.rs).

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

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
            self.unbind(index)?;
            remove(&self.device(CARD).join(format!("virtfn{index}")))?;
            remove(&self.device(&address(index)))?;
            remove(&self.group(index))?;
        }
        self.write_count(0)
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
mod tests {
    use super::*;

    /// A card as the plane makes it, as far as functions need it.
    fn card() -> (tempfile::TempDir, Functions) {
        let temp = tempfile::tempdir().unwrap();
        let sys = temp.path().canonicalize().unwrap();
        for folder in ["i40e", "iavf", "vfio-pci"] {
            fs::create_dir_all(sys.join("bus/pci/drivers").join(folder)).unwrap();
        }
        fs::create_dir_all(sys.join("bus/pci/devices").join(CARD)).unwrap();
        fs::create_dir_all(sys.join("kernel/iommu_groups")).unwrap();
        (temp, Functions { sys })
    }

    #[test]
    fn functions_are_linked_as_in_sysfs() {
        let (_temp, functions) = card();
        functions.create(4).unwrap();
        functions.bind_vfio([1, 2]).unwrap();
        functions.bind(1, "iavf").unwrap();
        let device = functions.device(&address(1));
        let end = |path: PathBuf| path.canonicalize().unwrap();
        assert_eq!(end(device.join("physfn")), functions.device(CARD));
        assert_eq!(end(functions.device(CARD).join("virtfn1")), device);
        assert_eq!(end(device.join("driver")), functions.driver("iavf"));
        assert_eq!(end(functions.driver("iavf").join(address(1))), device);
        assert!(!functions.driver("vfio-pci").join(address(1)).exists());
        assert_eq!(end(device.join("iommu_group")), functions.group(1));
        assert_eq!(
            end(functions.group(1).join("devices").join(address(1))),
            device
        );
        functions.create(1).unwrap();
        assert!(!device.exists() && !functions.group(1).exists());
        let count = fs::read_to_string(functions.device(CARD).join("sriov_numvfs")).unwrap();
        assert_eq!(count, "1\n");
    }
}

//! Links and files of sysfs.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

/// The tree below a root.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    sys: PathBuf,
}

impl Tree {
    pub(crate) fn at(root: &Path) -> io::Result<Self> {
        let sys = root.join("sys").canonicalize()?;
        Ok(Self { sys })
    }

    pub(crate) fn sys(&self) -> &Path {
        &self.sys
    }

    pub(crate) fn drivers(&self) -> PathBuf {
        self.sys.join("bus/pci/drivers")
    }

    /// Where the device's files are in fact; in sysfs `bus/pci/devices` has only links, in the cluster's fixture the devices
    /// themselves.
    pub(crate) fn device(&self, address: &str) -> io::Result<PathBuf> {
        let link = self.sys.join("bus/pci/devices").join(address);
        link.canonicalize()
    }

    /// Shows a device by its address, unless it lies there itself.
    pub(crate) fn show(&self, device: &Path, address: &str) -> io::Result<()> {
        let shown = self.sys.join("bus/pci/devices").join(address);
        if shown == device {
            return Ok(());
        }
        link(&shown, device)
    }

    pub(crate) fn hide(&self, device: &Path, address: &str) -> io::Result<()> {
        let shown = self.sys.join("bus/pci/devices").join(address);
        if shown == device {
            return Ok(());
        }
        gone(&shown)
    }

    pub(crate) fn addresses(&self) -> io::Result<Vec<String>> {
        names(&self.sys.join("bus/pci/devices"))
    }

    pub(crate) fn groups(&self) -> PathBuf {
        self.sys.join("kernel/iommu_groups")
    }

    /// Name of the device's driver.
    pub(crate) fn driver(&self, address: &str) -> Option<String> {
        let target = fs::read_link(self.device(address).ok()?.join("driver")).ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    }

    /// Ties device and driver, each with a link to the other.
    pub(crate) fn tie(&self, address: &str, driver: &str) -> io::Result<()> {
        let device = self.device(address)?;
        let driver = self.drivers().join(driver);
        link(&device.join("driver"), &driver)?;
        link(&driver.join(address), &device)
    }

    pub(crate) fn untie(&self, address: &str) -> io::Result<()> {
        if let Some(driver) = self.driver(address) {
            gone(&self.drivers().join(driver).join(address))?;
            gone(&self.device(address)?.join("driver"))?;
        }
        Ok(())
    }

    /// First line of a file of the device.
    pub(crate) fn read(&self, address: &str, file: &str) -> Option<String> {
        let text = fs::read_to_string(self.device(address).ok()?.join(file)).ok()?;
        Some(text.trim().to_owned())
    }
}

/// Names in a directory, sorted.
pub(crate) fn names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// A relative link as sysfs has them, so that the tree can be mounted anywhere; one that is there is replaced.
pub(crate) fn link(from: &Path, to: &Path) -> io::Result<()> {
    gone(from)?;
    let base = from.parent().unwrap_or(from);
    symlink(relative(base, to), from)
}

fn relative(base: &Path, to: &Path) -> PathBuf {
    let mut base: Vec<Component<'_>> = base.components().collect();
    let mut to: Vec<Component<'_>> = to.components().collect();
    let common = base.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = base
        .split_off(common)
        .into_iter()
        .map(|_| Component::ParentDir);
    up.chain(to.split_off(common)).collect()
}

/// Removes a file or link, if it is there.
pub(crate) fn gone(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_relative() {
        let found = relative(Path::new("/a/sys/devices/x"), Path::new("/a/sys/bus/y"));
        assert_eq!(found, Path::new("../../bus/y"));
    }
}

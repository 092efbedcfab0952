//! Carries out the binder's plan: makes virtual functions and binds them to vfio-pci (facts: domain 3.5).
//!
//! Every write is read back: the driver has the last word on it. A step that fails leaves the device as usable as it was:
//! the override is cleared, and the kernel is asked for a driver again.

mod device;

use std::path::{Path, PathBuf};
use std::{fs, io};

use vmberth_decide::names::VFIO_DRIVER;
use vmberth_decide::node::binder::Step;

use device::{Device, failed, settles, write};

/// Whether the kernel offers the new functions of a PF to drivers (linux, Documentation/ABI/testing/sysfs-bus-pci).
const AUTOPROBE: &str = "sriov_drivers_autoprobe";

/// Why a step was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum SysfsError {
    /// Not a PCI address, so not a path of sysfs.
    #[error("{0:?} is not a PCI address such as 0000:3b:00.0")]
    Address(String),
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else changed the device since it was looked at.
    #[error("{address} has {found}, not {seen} as it had; nothing is changed, looked at again")]
    Changed {
        /// The device.
        address: String,
        /// What it has.
        found: String,
        /// What it had.
        seen: String,
    },
    /// The driver did not make as many functions as it was told.
    #[error("{address} has {found} functions after {wanted} were asked for; see the kernel's log")]
    NumVfs {
        /// The PF.
        address: String,
        /// How many are wanted.
        wanted: u32,
        /// How many there are.
        found: u32,
    },
    /// VFIO takes no device without a group.
    #[error(
        "{0} is in no IOMMU group: IOMMU off; switch it on in firmware and with intel_iommu=on on the kernel's command line"
    )]
    IommuOff(String),
    /// The module is not loaded.
    #[error("driver vfio-pci is not there; load it: modprobe vfio-pci")]
    NoVfio,
    /// The old driver does not let go.
    #[error("{address} is still bound to {driver} after it was unbound")]
    StillBound {
        /// The VF.
        address: String,
        /// Its driver.
        driver: String,
    },
    /// vfio-pci did not take it.
    #[error("{address} was not taken by vfio-pci and has {driver} now; see the kernel's log")]
    NotBound {
        /// The VF.
        address: String,
        /// What has it now.
        driver: String,
    },
}

/// Carries out one step below `root`, where the host's root is seen with `/sys` writable. New functions get the drivers that
/// are theirs unless `unprobed`. Waits a few seconds at most for the kernel to do as it is told; a write itself may block for
/// as long as a driver likes.
///
/// # Errors
/// If the device is not as the plan saw it, or does not become what the step says.
pub fn carry_out(root: &Path, step: &Step, unprobed: bool) -> Result<(), SysfsError> {
    let pci = root.join("sys/bus/pci");
    match step {
        Step::SetNumVfs { address, from, to } => {
            set_num_vfs(&Device::of(&pci, address)?, *from, *to, unprobed)
        }
        Step::BindVfio { address, from } => {
            bind_vfio(&pci, &Device::of(&pci, address)?, from.as_deref())
        }
    }
}

/// A number that can't be had leaves the one that was there.
fn set_num_vfs(device: &Device, from: u32, to: u32, unprobed: bool) -> Result<(), SysfsError> {
    let found = device.num_vfs()?;
    if found == to && device.has_functions(to) {
        return Ok(());
    }
    if found != from {
        return Err(SysfsError::Changed {
            address: device.address().to_owned(),
            found: format!("{found} functions"),
            seen: format!("{from}"),
        });
    }
    let probing = if unprobed { unprobe(device)? } else { None };
    let made = go(device, from, to);
    if made.is_err() {
        // Why the wanted number failed says more than why the old one does, if it does.
        let _put_back = device.num_vfs().and_then(|now| go(device, now, from));
    }
    let restored = probing.map_or(Ok(()), |before| write(&device.file(AUTOPROBE), &before));
    made.and(restored)
}

/// The kernel offers new functions to no driver; returns what said that it does. A kill before that is written again leaves
/// functions without a driver, as the config wants them.
fn unprobe(device: &Device) -> Result<Option<String>, SysfsError> {
    let file = device.file(AUTOPROBE);
    let before = match fs::read_to_string(&file) {
        Ok(text) => text.trim().to_owned(),
        // Kernels before 4.12 have no such file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(&file, source)),
    };
    if before == "0" {
        return Ok(None);
    }
    write(&file, "0")?;
    Ok(Some(before))
}

/// The kernel refuses to go from one number to another: 0 has to be between.
fn go(device: &Device, from: u32, to: u32) -> Result<(), SysfsError> {
    if from == to && device.has_functions(to) {
        return Ok(());
    }
    let steps = [0, to].into_iter().skip(usize::from(from == 0));
    for wanted in steps.take(if to == 0 { 1 } else { 2 }) {
        write(&device.file("sriov_numvfs"), &wanted.to_string())?;
        let made = || Ok(device.num_vfs()? == wanted && device.has_functions(wanted));
        if !settles(made)? {
            return Err(SysfsError::NumVfs {
                address: device.address().to_owned(),
                wanted,
                found: device.num_vfs()?,
            });
        }
    }
    Ok(())
}

fn bind_vfio(pci: &Path, device: &Device, from: Option<&str>) -> Result<(), SysfsError> {
    let found = device.driver()?;
    if found.as_deref() == Some(VFIO_DRIVER) {
        // A stop between binding and clearing leaves the override; it would outlive the config.
        return write(&device.file("driver_override"), "\n");
    }
    if found.as_deref() != from {
        return Err(SysfsError::Changed {
            address: device.address().to_owned(),
            found: in_words(found),
            seen: in_words(from.map(str::to_owned)),
        });
    }
    let vfio = pci.join("drivers").join(VFIO_DRIVER);
    if !vfio.is_dir() {
        return Err(SysfsError::NoVfio);
    }
    if !device.file("iommu_group").exists() {
        return Err(SysfsError::IommuOff(device.address().to_owned()));
    }
    let bound = take_over(device, from, &vfio);
    let cleared = write(&device.file("driver_override"), "\n");
    if bound.is_err() && from.is_some() && device.driver()?.is_none() {
        // Without this, a function that only lost its driver would be of no use to anybody.
        write(&pci.join("drivers_probe"), device.address())?;
    }
    bound.and(cleared)
}

fn take_over(device: &Device, from: Option<&str>, vfio: &Path) -> Result<(), SysfsError> {
    if let Some(driver) = from {
        write(&device.file("driver/unbind"), device.address())?;
        if !settles(|| Ok(device.driver()?.is_none()))? {
            return Err(SysfsError::StillBound {
                address: device.address().to_owned(),
                driver: driver.to_owned(),
            });
        }
    }
    write(&device.file("driver_override"), VFIO_DRIVER)?;
    let bind: PathBuf = vfio.join("bind");
    write(&bind, device.address())?;
    if !settles(|| Ok(device.driver()?.as_deref() == Some(VFIO_DRIVER)))? {
        return Err(SysfsError::NotBound {
            address: device.address().to_owned(),
            driver: in_words(device.driver()?),
        });
    }
    Ok(())
}

fn in_words(driver: Option<String>) -> String {
    driver.map_or_else(|| "no driver".to_owned(), |name| format!("driver {name}"))
}

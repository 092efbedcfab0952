//! Loop devices of the node that stand on a file of a volume: the kernel has it open, and no process.
//!
//! They name their file by the path at which it was opened, so that only those are seen that were made on the node itself,
//! such as `mount -o loop` of a disk to be rescued; not those of a container that has the volume elsewhere.

use std::fs;
use std::path::Path;

use rustix::io::Errno;

use super::WipeError;

/// In every sysfs, with or without a loop device.
const VIRTUAL: &str = "devices/virtual";

/// Refuses if one stands on something below the path. `sys` is where the node's sysfs is seen.
pub(super) fn refuse(sys: &Path, path: &str) -> Result<(), WipeError> {
    let virtual_devices = sys.join(VIRTUAL);
    let unclear = |source| WipeError::Holders {
        path: virtual_devices.display().to_string(),
        source,
    };
    fs::metadata(&virtual_devices).map_err(unclear)?;
    let devices = match fs::read_dir(virtual_devices.join("block")) {
        Ok(devices) => devices,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(unclear(error)),
    };
    for device in devices {
        let device = device.map_err(unclear)?;
        let file = match fs::read(device.path().join("loop/backing_file")) {
            Ok(file) => file,
            Err(error) if is_gone(&error) => continue,
            Err(error) => return Err(unclear(error)),
        };
        if is_below(&file, path) {
            let name = device.file_name();
            let name = name.to_string_lossy();
            return Err(WipeError::Held {
                path: String::from_utf8_lossy(file.trim_ascii_end()).into_owned(),
                holder: format!("/dev/{name} (unmount it, then losetup --detach /dev/{name})"),
            });
        }
    }
    Ok(())
}

fn is_below(file: &[u8], path: &str) -> bool {
    let path = path.trim_end_matches('/').as_bytes();
    (file.strip_prefix(path)).is_some_and(|below| below.starts_with(b"/"))
}

/// It is no loop device, stands on nothing, or was removed while we looked.
fn is_gone(error: &std::io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NOENT | Errno::NODEV)
    )
}

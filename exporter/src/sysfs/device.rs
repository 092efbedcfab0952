//! One PCI device in sysfs: reading, writing, waiting.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::SysfsError;

/// Looks after a write, and the pause between them: a second in total. The kernel answers within the write as a rule.
const LOOKS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// A device that is there.
#[derive(Debug)]
pub(super) struct Device {
    address: String,
    path: PathBuf,
}

impl Device {
    /// Only an address becomes part of a path.
    pub(super) fn of(pci: &Path, address: &str) -> Result<Self, SysfsError> {
        if !is_address(address) {
            return Err(SysfsError::Address(address.to_owned()));
        }
        Ok(Self {
            address: address.to_owned(),
            path: pci.join("devices").join(address),
        })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Name of its driver, if one is bound.
    pub(super) fn driver(&self) -> Result<Option<String>, SysfsError> {
        let link = self.file("driver");
        match fs::read_link(&link) {
            Ok(target) => {
                let name = target.file_name().unwrap_or_default();
                Ok(Some(name.to_string_lossy().into_owned()))
            }
            Err(error) if error.kind() == ErrorKind::NotFound && self.path.is_dir() => Ok(None),
            Err(source) => Err(failed(&link, source)),
        }
    }

    /// How many functions it says it has.
    pub(super) fn num_vfs(&self) -> Result<u32, SysfsError> {
        let file = self.file("sriov_numvfs");
        let text = fs::read_to_string(&file).map_err(|source| failed(&file, source))?;
        text.trim().parse().map_err(|_| {
            let text = format!("{:?} is not a number", text.trim());
            failed(&file, std::io::Error::new(ErrorKind::InvalidData, text))
        })
    }

    /// It has this many functions in fact: the last one is there, and no further.
    pub(super) fn has_functions(&self, count: u32) -> bool {
        let is_there = |index: u32| self.file(&format!("virtfn{index}")).exists();
        count.checked_sub(1).is_none_or(is_there) && !is_there(count)
    }
}

/// Domain, bus, device, function: `0000:3b:00.0`.
fn is_address(text: &str) -> bool {
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let mut parts = text.splitn(3, ':');
    let (Some(domain), Some(bus), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let Some((device, function)) = rest.split_once('.') else {
        return false;
    };
    (hex(domain, 4) || hex(domain, 8)) && hex(bus, 2) && hex(device, 2) && hex(function, 1)
}

/// Writes an attribute in one go; never makes a file.
pub(super) fn write(path: &Path, text: &str) -> Result<(), SysfsError> {
    let opened = OpenOptions::new().write(true).truncate(true).open(path);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| failed(path, source))
}

/// Whether it becomes so within the time.
pub(super) fn settles(is_so: impl Fn() -> Result<bool, SysfsError>) -> Result<bool, SysfsError> {
    for _ in 0..LOOKS {
        if is_so()? {
            return Ok(true);
        }
        thread::sleep(PAUSE);
    }
    is_so()
}

pub(super) fn failed(path: &Path, source: std::io::Error) -> SysfsError {
    SysfsError::File {
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::is_address;

    #[rstest]
    #[case::usual("0000:3b:00.0", true)]
    #[case::long_domain("00010000:00:02.7", true)]
    #[case::way_out("../../../etc", false)]
    #[case::no_domain("3b:00.0", false)]
    #[case::no_function("0000:3b:00", false)]
    #[case::slash("0000:3b:0/.0", false)]
    fn only_addresses_become_paths(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_address(text), expected);
    }
}

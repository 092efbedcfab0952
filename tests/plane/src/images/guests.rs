//! Disks for guests: a boot sector and a small Linux, made by the scripts in `images/guests`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cmd::Cmd;
use crate::stamp;

const TIMEOUT: Duration = Duration::from_secs(300);

/// What the scripts leave, and what makes them leave something else.
const OUTPUTS: [&str; 6] = [
    "boot-sector.raw",
    "linux.raw",
    "linux.qcow2",
    "linux.vmlinuz",
    "linux.initrd",
    "linux.payload.sha256",
];
const SOURCES: [&str; 5] = [
    "boot-sector.s",
    "boot-sector.sh",
    "linux.sh",
    "linux/init",
    "linux/dhcp",
];

/// The folder of the guests' disks.
#[derive(Debug, Clone)]
pub(super) struct Guests {
    /// Holds `linux.raw`, `linux.qcow2`, `boot-sector.raw` and more.
    pub folder: PathBuf,
}

/// The guests' disks, made if the cache has none or only damaged ones. `images` is
/// `tests/plane/images`.
///
/// # Errors
/// The end of what a script said; all of it is in `log`.
pub(super) fn ensure(
    images: &Path,
    cache: &Path,
    log: &Path,
    progress: &dyn Fn(&str),
) -> Result<Guests> {
    let scripts = images.join("guests");
    let mut key = stamp::Key::default();
    for source in SOURCES {
        key.add(source);
        key.add_file(&scripts.join(source))?;
    }
    let folder = cache.join(format!("guests-{}", key.text()));
    if OUTPUTS
        .iter()
        .all(|name| stamp::recorded::<()>(&folder.join(name)).is_some())
    {
        return Ok(Guests { folder });
    }
    progress("guest disks: boot sector, Linux");
    stamp::remove(&folder)?;
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for script in ["boot-sector.sh", "linux.sh"] {
        Cmd::new("bash")
            .arg(scripts.join(script))
            .arg(&folder)
            .log(log)
            .timeout(TIMEOUT)
            .run()
            .with_context(|| format!("guest disks; all of it is in {}", log.display()))?;
    }
    for name in OUTPUTS {
        stamp::record(&folder.join(name), ())?;
    }
    stamp::remove_others("guests", &folder)?;
    Ok(Guests { folder })
}

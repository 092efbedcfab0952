//! One `up` or `down` at a time on a machine, from whatever checkout.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};

use crate::layout::Layout;
use crate::progress::say_raw;
use crate::wait;

/// A cold `up` in another checkout may take this long.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// Held as long as it lives; the kernel gives it back when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; says who has it while it waits.
    ///
    /// # Errors
    /// If it is not free in time.
    pub fn take(layout: &Layout, command: &str) -> Result<Self> {
        std::fs::create_dir_all(&layout.cache)
            .with_context(|| layout.cache.display().to_string())?;
        let path = layout.cache.join("plane.lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| path.display().to_string())?;
        let mut told = false;
        wait::until("the other plane command to end", LIMIT, || {
            let got = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
            if !got && !told {
                say_raw(&format!(
                    "another plane command is at work: {}",
                    owner(&path)
                ));
                told = true;
            }
            Ok(got.then_some(()))
        })?;
        file.set_len(0)?;
        let process = std::process::id();
        write!(
            file,
            "`plane {command}` of {} (process {process})",
            layout.sources.display()
        )?;
        Ok(Self { _file: file })
    }
}

/// Whether another command holds the lock.
#[must_use]
pub fn is_held(layout: &Layout) -> bool {
    File::open(layout.cache.join("plane.lock"))
        .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
}

fn owner(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

//! The guests that the plane built, as files of this machine.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::node;

/// What the Linux guest and the boot sector begin every line with that is meant for tests.
pub const MARK: &str = "vmberth-guest:";

/// Memory that the Linux guest needs.
pub const MEMORY: &str = "128Mi";

/// A file of the guests: `linux.raw`, `linux.qcow2`, `boot-sector.raw`, ...
///
/// # Errors
/// If the plane has not built it.
pub fn file(name: &str) -> Result<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(node::cache()?)? {
        let entry = entry?;
        let file = entry.path().join(name);
        if entry.file_name().to_string_lossy().starts_with("guests") && file.exists() {
            found.push((file.metadata()?.modified()?, file));
        }
    }
    found.sort();
    found
        .pop()
        .map(|(_, file)| file)
        .with_context(|| format!("no guest {name} in the cache"))
}

/// The digest that the Linux guest prints of its disk's payload.
///
/// # Errors
/// If the plane has not built it.
pub fn payload_digest() -> Result<String> {
    Ok(std::fs::read_to_string(file("linux.payload.sha256")?)?
        .trim()
        .to_owned())
}

//! What a machine is made of, as its PID 1 is told.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What PID 1 of a machine has to know.
#[derive(Debug, Serialize, Deserialize)]
pub struct Spec {
    /// Its name, and host name.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
    /// Made in this order.
    pub mounts: Vec<Mount>,
}

/// One mount inside a machine.
#[derive(Debug, Serialize, Deserialize)]
pub enum Mount {
    /// A directory of the host (made if missing) at another place.
    Bind {
        /// What is shown.
        source: PathBuf,
        /// Where.
        target: PathBuf,
    },
    /// An empty file system in memory.
    Tmpfs {
        /// Where.
        target: PathBuf,
    },
    /// A block device.
    Device {
        /// The device.
        device: PathBuf,
        /// Kind of its file system.
        fstype: String,
        /// Comma separated, as for mount(2).
        options: String,
        /// Where.
        target: PathBuf,
    },
}

impl Mount {
    /// Where the mount appears.
    #[must_use]
    pub fn target(&self) -> &Path {
        match self {
            Self::Bind { target, .. } | Self::Tmpfs { target } | Self::Device { target, .. } => {
                target
            }
        }
    }
}

/// A program that runs in a machine until the machine ends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// Its name: log, pid and exit files are called after it.
    pub name: String,
    /// Program and arguments.
    pub argv: Vec<String>,
}

impl Part {
    /// A part that runs `program` with these arguments.
    pub fn new(name: &str, program: &Path, args: impl IntoIterator<Item = String>) -> Self {
        let program = program.display().to_string();
        let argv = std::iter::once(program).chain(args).collect();
        Self {
            name: name.to_owned(),
            argv,
        }
    }
}

//! Why claims do not fit on a node, in words with both numbers.

use std::collections::BTreeSet;
use std::fmt;

use crate::fit::counted::{HOLDERS_TOLD, VmName};
use crate::quantity::format_bytes;

/// Why the claims do not fit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum VolumeMisfit {
    /// These claims have fewer volumes to choose from than they are.
    TooFew {
        /// Names of the claims.
        claims: BTreeSet<String>,
        /// Their class.
        class: String,
        /// Bytes of the smallest of them.
        bytes: u64,
        /// Volumes that one or another of them could take.
        fit: usize,
        /// Free volumes of the class.
        free: usize,
    },
    /// There are volumes, but other VMs, whose disks lie on this node, need them.
    Held {
        /// Class of the claims.
        class: String,
        /// How many volumes are needed.
        count: usize,
        /// The VMs.
        holders: BTreeSet<VmName>,
    },
    /// There are volumes enough, but the disks behind them have not the bytes.
    NoSpace {
        /// Bytes of all claims.
        needs: u64,
        /// Bytes that are free for them on the file systems of the volumes.
        free: u64,
    },
}

impl fmt::Display for VolumeMisfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew {
                claims,
                class,
                bytes,
                fit,
                free,
            } => {
                let count = claims.len();
                let size = format_bytes(*bytes);
                write!(
                    f,
                    "needs {count} volume{} of class {class} with {size} or more for ",
                    if count == 1 { "" } else { "s" }
                )?;
                for (at, claim) in claims.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(f, "{comma}{claim}")?;
                }
                write!(f, ": {fit} of {free} free ones fit")
            }
            Self::Held {
                class,
                count,
                holders,
            } => {
                let plural = if *count == 1 { "" } else { "s" };
                write!(
                    f,
                    "needs {count} volume{plural} of class {class}: held for "
                )?;
                for (at, (namespace, name)) in holders.iter().take(HOLDERS_TOLD).enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(f, "{comma}{namespace}/{name}")?;
                }
                match holders.len().saturating_sub(HOLDERS_TOLD) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::NoSpace { needs, free } => write!(
                f,
                "needs {} on disk for its volumes: {} are really free",
                format_bytes(*needs),
                format_bytes(*free)
            ),
        }
    }
}

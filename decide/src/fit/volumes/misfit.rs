//! Why claims do not fit on a node, in words with both numbers.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

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
    /// There are volumes for all, but those that kube-scheduler takes by itself spoil it.
    Chosen(Chosen),
    /// There are volumes for all, and more ways in which kube-scheduler could take some than can be looked at.
    TooManyWays {
        /// Class of the claims.
        class: String,
        /// Claims of the pod in hand.
        claims: usize,
    },
}

/// A volume that kube-scheduler takes for a claim of the pod in hand, and what is wrong with that.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chosen {
    /// The claim's class.
    pub class: String,
    /// The claim.
    pub claim: String,
    /// The volume.
    pub volume: Arc<str>,
    /// Its capacity in bytes.
    pub bytes: u64,
    /// So many volumes are as small and fit, so that nobody can say which of them it will be.
    pub equals: usize,
    /// What is wrong.
    pub harm: Harm,
}

/// What is wrong with a volume that kube-scheduler takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// The exporter says that it can't be used.
    Unusable,
    /// Its file system has not the bytes.
    NoSpace {
        /// Bytes that the pod's claims need there.
        needs: u64,
        /// Bytes that are free there.
        free: u64,
    },
    /// It is the volume of another claim, of a later pod or of another VM whose disk lies there.
    NoneLeft(Box<VolumeMisfit>),
}

impl VolumeMisfit {
    /// How much is missing: volumes, or bytes.
    #[must_use]
    pub fn shortfall(&self) -> u64 {
        match self {
            Self::Held { .. } | Self::TooManyWays { .. } => 0,
            Self::TooFew { claims, fit, .. } => {
                u64::try_from(claims.len().saturating_sub(*fit)).unwrap_or(u64::MAX)
            }
            Self::NoSpace { needs, free } => needs.saturating_sub(*free),
            Self::Chosen(chosen) => match &chosen.harm {
                Harm::Unusable => 0,
                Harm::NoSpace { needs, free } => needs.saturating_sub(*free),
                Harm::NoneLeft(missing) => missing.shortfall(),
            },
        }
    }
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
            Self::Chosen(chosen) => chosen.fmt(f),
            Self::TooManyWays { class, claims } => write!(
                f,
                "kube-scheduler could take volumes of class {class} for the pod's {claims} claims in too many ways to look at all"
            ),
        }
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { claim, volume, .. } = self;
        let size = format_bytes(self.bytes);
        match self.equals {
            0 | 1 => write!(
                f,
                "kube-scheduler takes volume {volume} ({size}) for {claim}"
            )?,
            equals => write!(
                f,
                "kube-scheduler may take volume {volume} ({size}, one of {equals} as small) for {claim}"
            )?,
        }
        match &self.harm {
            Harm::Unusable => f.write_str(", which the exporter says can't be used"),
            Harm::NoSpace { needs, free } => write!(
                f,
                ": {} are needed on its disk and {} are really free",
                format_bytes(*needs),
                format_bytes(*free)
            ),
            Harm::NoneLeft(missing) => write!(f, "; then {missing}"),
        }
    }
}

//! The node that is closest to holding a VM, and what it lacks.

use std::fmt;
use std::sync::Arc;

use crate::fit::Misfit;
use crate::fit::counted::NotEnough;
use crate::fit::ties::Tie;
use crate::fit::volumes::VolumeMisfit;
use crate::quantity::format_bytes;

/// So much of what a node lacks is told: a line has to stay readable.
const TOLD: usize = 2;

/// The node that is closest to holding a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closest {
    /// Its name.
    pub node: Arc<str>,
    /// What it lacks; never empty.
    pub misfits: Vec<Misfit>,
    pub(super) rank: Rank,
    /// Thousandths of what is needed that are missing, of each thing.
    missing: u64,
}

/// What is in the way, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// It has not enough.
    Lacks,
    /// The VM does not want to be there.
    Barred,
    /// The VM's disks are not there.
    OffItsDisks,
}

impl Closest {
    pub(crate) fn of(node: &Arc<str>, misfits: Vec<Misfit>) -> Self {
        let rank = misfits.iter().map(|misfit| {
            let Misfit::Tied(tie) = misfit else {
                return Rank::Lacks;
            };
            match tie {
                Tie::Disk(..) | Tie::Runs(_) | Tie::Promised(_) => Rank::OffItsDisks,
                Tie::Bar(_) => Rank::Barred,
            }
        });
        Self {
            node: Arc::clone(node),
            rank: rank.max().unwrap_or(Rank::Lacks),
            missing: misfits.iter().map(missing).fold(0, u64::saturating_add),
            misfits,
        }
    }

    /// Of equals, the first by name: whoever asks is told the same.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        let key = |it: &Self| (it.rank, it.missing, Arc::clone(&it.node));
        key(self) < key(other)
    }
}

/// Thousandths of what is needed that are not there.
fn missing(misfit: &Misfit) -> u64 {
    let needs = if let Misfit::NotEnough(NotEnough { needs, .. }) = misfit {
        *needs
    } else if let Misfit::Volumes(VolumeMisfit::TooFew { claims, .. }) = misfit {
        u64::try_from(claims.len()).unwrap_or(u64::MAX)
    } else {
        1
    };
    misfit.shortfall().saturating_mul(1_000) / needs.max(1)
}

/// In words; those of a refused pod speak of what is free, which does not matter here.
fn words(misfit: &Misfit, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Misfit::Volumes(VolumeMisfit::TooFew {
        claims,
        class,
        bytes,
        fit,
        free,
        ..
    }) = misfit
    else {
        return write!(f, "{misfit}");
    };
    let count = claims.len();
    let plural = if count == 1 { "" } else { "s" };
    let size = format_bytes(*bytes);
    let claims = claims.iter().map(String::as_str);
    let claims = claims.collect::<Vec<_>>().join(", ");
    write!(
        f,
        "will need {count} volume{plural} of class {class} with {size} or more for {claims}: {fit} of {free} healthy ones fit"
    )
}

impl fmt::Display for Closest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, misfit) in self.misfits.iter().take(TOLD).enumerate() {
            f.write_str(if at == 0 { "" } else { ", and " })?;
            words(misfit, f)?;
        }
        match self.misfits.len().saturating_sub(TOLD) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}

//! NUMA cells: whether one of them has all that must lie together.
//!
//! A guest with `guestMappingPassthrough` runs over whatever cells the kubelet gave it processors of, so one cell is only better. A kubelet
//! whose topology manager has the policy single-numa-node takes no pod that needs two (`TopologyAffinityError`): there the functions of
//! a pod come from one cell, and of a pod with dedicated processors the pages too, if its memory manager gives them away or the guest's
//! memory is bound to where its processors are. Processors themselves are not known by cell, and left to the kubelet.

use std::collections::BTreeMap;
use std::fmt;

use super::counted::{Amounts, Counted, When};

/// How a guest wants to lie on its node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// Each of its processors is one of the node's.
    pub dedicated: bool,
    /// It sees the node's cells that it got.
    pub passthrough: bool,
}

/// The cells of a node; none of one with less than two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cells {
    /// What each has of what is told by cell.
    pub cells: Vec<BTreeMap<Counted, Share>>,
    /// The kubelet takes no pod that needs more than one.
    pub is_strict: bool,
    /// That is also said of pages.
    pub counts_pages: bool,
}

/// What one cell has of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Whoever has it now.
    pub usable: u64,
    /// What nobody has.
    pub free: u64,
}

/// Why no cell will do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Across {
    /// What must lie together.
    pub needs: Vec<(Counted, u64)>,
    /// When, at the earliest.
    pub when: When,
}

impl Wish {
    /// One cell is better, though two will do.
    fn likes_one(self) -> bool {
        self.dedicated && self.passthrough
    }
}

impl Cells {
    /// Whether one cell has all of this, if the VM would like that.
    ///
    /// # Errors
    /// If one cell has to have it, and none has.
    pub fn one_for(&self, wish: Wish, amounts: &Amounts) -> Result<bool, Across> {
        if self.cells.is_empty() || !(self.is_strict || wish.likes_one()) {
            return Ok(true);
        }
        let told = |of: &Counted| self.cells.iter().any(|cell| cell.contains_key(of));
        let all = amounts.iter().filter(|(of, _)| told(of));
        let all: Vec<(&Counted, u64, When)> = all
            .map(|(of, (amount, when))| (of, *amount, *when))
            .collect();
        let pages_too = wish.dedicated && (wish.passthrough || self.counts_pages);
        let together = |of: &Counted| matches!(of, Counted::Vfs(_)) || pages_too;
        if self.is_strict {
            let must = all.iter().filter(|(of, ..)| together(of)).copied();
            let must: Vec<_> = must.collect();
            if !self.one_has(&must) {
                let when = must.iter().map(|(.., when)| *when).min();
                return Err(Across {
                    needs: must.iter().map(|(of, n, _)| ((*of).clone(), *n)).collect(),
                    when: when.unwrap_or(When::Later),
                });
            }
        }
        let now: Vec<_> = all.iter().map(|(of, n, _)| (*of, *n, When::Now)).collect();
        Ok(!wish.likes_one() || self.one_has(&now))
    }

    fn one_has(&self, amounts: &[(&Counted, u64, When)]) -> bool {
        let mut cells = self.cells.iter();
        cells.any(|cell| {
            let has = |of: &Counted, when: When| {
                let share = cell.get(of).copied().unwrap_or_default();
                match when {
                    When::Now => share.free,
                    When::Later => share.usable,
                }
            };
            amounts.iter().all(|(of, n, when)| has(of, *when) >= *n)
        })
    }
}

impl fmt::Display for Across {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (will, free) = match self.when {
            When::Now => ("needs", " free"),
            When::Later => ("will need", ""),
        };
        write!(f, "{will} ")?;
        for (at, (of, amount)) in self.needs.iter().enumerate() {
            let and = if at == 0 { "" } else { " and " };
            write!(f, "{and}{}", of.times(*amount))?;
        }
        write!(
            f,
            " of one NUMA cell, as the kubelet's topology manager wants it: no cell has so many{free}"
        )
    }
}

#[cfg(test)]
mod tests;

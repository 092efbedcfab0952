//! Kinds of VMs that the cluster has. What comes next is probably one of them, so a node is worth as much as it has room for these.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Index;
use crate::fit::counted::{Counted, VmName, When};

/// So many kinds are looked at, the most frequent ones: a score costs as much for each of them.
const MOST: usize = 8;

/// VMs that need the same of a node, whether they run or not.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    /// Class and bytes of each disk, in order.
    pub(crate) disks: Vec<(Arc<str>, u64)>,
    /// What is counted.
    pub(crate) counted: BTreeMap<Counted, u64>,
}

/// All kinds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Kinds {
    of: BTreeMap<VmName, Arc<Kind>>,
    counts: BTreeMap<Arc<Kind>, usize>,
    most_frequent_first: BTreeSet<(Reverse<usize>, Arc<Kind>)>,
}

impl Kinds {
    /// Returns whether others are the most frequent ones now.
    fn is(&mut self, vm: &VmName, kind: Option<Kind>) -> bool {
        if self.of.get(vm).map(Arc::as_ref) == kind.as_ref() {
            return false;
        }
        let before = self.most_frequent();
        if let Some(before) = self.of.remove(vm) {
            self.count(&before, |count| count.saturating_sub(1));
        }
        if let Some(kind) = kind {
            let known = self.counts.get_key_value(&kind);
            let kind = known.map_or_else(|| Arc::new(kind.clone()), |(known, _)| Arc::clone(known));
            self.count(&kind, |count| count.saturating_add(1));
            self.of.insert(vm.clone(), kind);
        }
        before != self.most_frequent()
    }

    fn most_frequent(&self) -> BTreeSet<Arc<Kind>> {
        let kinds = self.most_frequent_first.iter().take(MOST);
        kinds.map(|(_, kind)| Arc::clone(kind)).collect()
    }

    fn count(&mut self, kind: &Arc<Kind>, change: impl Fn(usize) -> usize) {
        let before = self.counts.remove(kind).unwrap_or(0);
        self.most_frequent_first
            .remove(&(Reverse(before), Arc::clone(kind)));
        let now = change(before);
        if now > 0 {
            self.counts.insert(Arc::clone(kind), now);
            self.most_frequent_first
                .insert((Reverse(now), Arc::clone(kind)));
        }
    }
}

impl Index {
    /// How many VMs there are whose kind is known.
    pub(crate) fn vms_of_kinds(&self) -> usize {
        self.kinds.of.len()
    }

    /// The most frequent kinds of VMs, and how many VMs are of each.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (usize, &Kind)> {
        let kinds = self.kinds.most_frequent_first.iter().take(MOST);
        kinds.map(|(count, kind)| (count.0, kind.as_ref()))
    }

    /// Finds out anew of what kind a VM is.
    pub(super) fn kind_again(&mut self, vm: &VmName) {
        let kind = self.kind_by_need(vm);
        if self.kinds.is(vm, kind) {
            self.history.scoring_changes();
        }
    }

    fn kind_by_need(&self, vm: &VmName) -> Option<Kind> {
        let amounts = self.guest(vm)?.needs.amounts(self, When::Later);
        let claims = self.claims_of(vm);
        let claims = claims
            .iter()
            .filter_map(|name| self.claim_or_template(self.templates_of(vm), name));
        let local = claims.filter(|claim| self.is_local(&claim.class));
        let mut disks: Vec<(Arc<str>, u64)> = local
            .map(|claim| (Arc::clone(&claim.class), claim.bytes))
            .collect();
        disks.sort();
        let counted = amounts.unwrap_or_default().into_iter();
        let kind = Kind {
            disks,
            counted: counted.map(|(of, (amount, _))| (of, amount)).collect(),
        };
        (kind != Kind::default()).then_some(kind)
    }
}

#[cfg(test)]
mod tests;

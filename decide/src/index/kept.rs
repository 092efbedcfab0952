//! What is kept of an offer for VMs whose pods are still to come.

use std::collections::BTreeMap;

use super::Index;
use crate::fit::Offer;
use crate::fit::counted::{Counted, Held, VmName};
use crate::fit::volumes::{ClaimDemand, matching};

/// Kept for one VM.
#[derive(Debug)]
pub(super) struct Kept<'v> {
    pub(super) vm: &'v VmName,
    pub(super) counted: BTreeMap<Counted, u64>,
    /// Claims without a volume.
    pub(super) claims: Vec<ClaimDemand>,
    /// Until when, in seconds since 1970.
    pub(super) until: u64,
}

impl Offer {
    /// Keeps this, in the order in which it comes. What is counted is kept all or not at all: who can't be served takes nothing
    /// from others. A claim for which no volume is free now is left out and the rest kept: scratch space goes from one VM to
    /// the next, and a VM that waits for it would lose its functions and pages meanwhile, and never run.
    pub(super) fn keep<'v>(&mut self, all: impl IntoIterator<Item = Kept<'v>>) {
        let mut claims: Vec<ClaimDemand> = self.held.values().flatten().cloned().collect();
        for kept in all {
            self.keep_counted(&kept);
            let before = self.held.get(kept.vm);
            let mut own: Vec<ClaimDemand> = before.cloned().unwrap_or_default();
            for claim in kept.claims {
                // For another pod of the same VM.
                if own.iter().any(|it| it.name == claim.name) {
                    continue;
                }
                claims.push(claim);
                let fits = matching(&claims, &self.volumes, &self.file_systems).is_ok();
                let last = if fits { claims.last().cloned() } else { None };
                match last {
                    Some(claim) => own.push(claim),
                    None => drop(claims.pop()),
                }
            }
            if !own.is_empty() {
                self.held.insert(kept.vm.clone(), own);
            }
        }
    }

    fn keep_counted(&mut self, kept: &Kept<'_>) {
        let has = |(of, amount): (&Counted, &u64)| {
            let supply = self.counted.get(of);
            supply.is_none_or(|supply| supply.free_for(None) >= *amount)
        };
        if !kept.counted.iter().all(has) {
            return;
        }
        let until = kept.until;
        for (of, &amount) in &kept.counted {
            if let Some(supply) = self.counted.get_mut(of) {
                supply.held.insert(kept.vm.clone(), Held { amount, until });
            }
        }
    }
}

impl Index {
    /// Takes out of what a VM needs on a node what its own pods have there already.
    pub(super) fn subtract_own_pods(
        &self,
        vm: &VmName,
        node: &str,
        counted: &mut BTreeMap<Counted, u64>,
    ) {
        let pods = self.pods_of_vm(vm);
        let pods = pods.filter(|pod| pod.node.as_deref() == Some(node));
        for (of, has) in pods.flat_map(|pod| &pod.requests) {
            if let Some(amount) = counted.get_mut(of) {
                *amount = amount.saturating_sub(*has);
            }
        }
        counted.retain(|_, amount| *amount > 0);
    }
}

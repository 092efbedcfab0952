//! Claims that still need a volume of a node.

use std::borrow::Cow;
use std::sync::Arc;

use super::Index;
use crate::event::{Claim, ObjectName};
use crate::fit::counted::VmName;
use crate::fit::ties::Disk;
use crate::fit::volumes::{AccessModes, ClaimDemand, VolumeMode};
use crate::names;
use crate::policy::CDI_OVERHEAD_MILLIONTHS;

/// CDI makes scratch space for what a file system leaves of its target, and adds the file system's share again: a little more
/// than the target (facts: kubevirt-cdi 4).
const SCRATCH_MORE: u64 = 1 << 20;

const MILLION: u32 = 1_000_000;

impl Index {
    /// Claims of a VM without a volume, those that are still to be made among them.
    pub(crate) fn open_claims(&self, vm: &VmName) -> Vec<ClaimDemand> {
        let claims = self.claims_of(vm);
        claims
            .iter()
            .filter(|name| !self.is_bound(name))
            .filter_map(|name| {
                let claim = self.claim_or_template(vm, name)?;
                self.demand(name, &claim)
            })
            .collect()
    }

    /// A claim, or what it will be when CDI has made it.
    pub(super) fn claim_or_template(
        &self,
        vm: &VmName,
        name: &ObjectName,
    ) -> Option<Cow<'_, Claim>> {
        if let Some(claim) = self.claim(name) {
            return Some(Cow::Borrowed(claim));
        }
        let template = self.machines.get(vm)?.templates.get(&name.1)?;
        let mut claim = template.claim.clone();
        if template.has_overhead {
            claim.bytes = self.with_overhead(&claim);
        }
        Some(Cow::Owned(claim))
    }

    /// With what CDI adds for the file system; the webhook takes it off again where volumes were cut without it.
    fn with_overhead(&self, claim: &Claim) -> u64 {
        let class = self.policy.managed(&claim.class);
        let share = match class {
            Some(class) if class.fit_overhead => 0,
            Some(class) => class.overhead_millionths,
            None => CDI_OVERHEAD_MILLIONTHS,
        };
        let all = u128::from(MILLION.saturating_add(share));
        let bytes = u128::from(claim.bytes).saturating_mul(all);
        u64::try_from(bytes.div_ceil(u128::from(MILLION))).unwrap_or(u64::MAX)
    }

    /// What an open claim needs, unless its volume is none of a node.
    pub(crate) fn demand(&self, name: &ObjectName, claim: &Claim) -> Option<ClaimDemand> {
        self.is_local(&claim.class).then(|| ClaimDemand {
            name: name.1.to_string(),
            class: Arc::clone(&claim.class),
            bytes: claim.bytes,
            mode: claim.mode,
            access: claim.access,
            selector: claim.selector.clone(),
        })
    }

    /// Scratch space for the disks of a VM that CDI has still to fill: one for all, since it can fill one after the other.
    /// `None` if there is some already.
    pub(crate) fn scratch_of(&self, vm: &VmName) -> Option<ClaimDemand> {
        let claims = self.claims_of(vm);
        let waiting = || {
            let known = claims
                .iter()
                .filter_map(|name| Some((name, self.claim_or_template(vm, name)?)));
            known.filter(|(_, claim)| claim.needs_scratch)
        };
        let has_some =
            |(name, _): (&ObjectName, Cow<'_, Claim>)| self.is_bound(&scratch_name(name));
        if waiting().any(has_some) {
            return None;
        }
        let (name, largest) = waiting().max_by_key(|(_, claim)| claim.bytes)?;
        // The target of a block device has no share for a file system yet.
        let bytes = match largest.mode {
            VolumeMode::Filesystem => largest.bytes,
            VolumeMode::Block => self.with_overhead(&largest),
        };
        let scratch = Claim {
            class: Arc::clone(self.scratch_class.as_ref().unwrap_or(&largest.class)),
            bytes: bytes.saturating_add(SCRATCH_MORE),
            mode: VolumeMode::Filesystem,
            access: AccessModes::of(["ReadWriteOnce"]),
            ..Claim::default()
        };
        self.demand(&scratch_name(name), &scratch)
    }

    /// Disks of a VM that lie on certain nodes.
    pub(crate) fn disks_of(&self, vm: &VmName) -> Vec<Disk> {
        let claims = self.claims_of(vm);
        let disk = |name: &ObjectName| {
            let volume = self.volume_of(name)?;
            (!volume.hostnames.is_empty()).then(|| Disk {
                claim: Arc::clone(&name.1),
                hostnames: volume.hostnames.clone(),
            })
        };
        claims.iter().filter_map(disk).collect()
    }
}

/// The claim that CDI makes for scratch space of this one.
fn scratch_name((namespace, name): &ObjectName) -> ObjectName {
    (
        Arc::clone(namespace),
        format!("{name}{}", names::SCRATCH_SUFFIX).into(),
    )
}

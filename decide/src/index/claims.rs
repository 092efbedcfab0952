//! Claims that still need a volume of a node.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Index;
use crate::event::{Claim, ObjectName};
use crate::fit::counted::VmName;
use crate::fit::ties::Disk;
use crate::fit::volumes::{AccessModes, ClaimDemand, VolumeMode};
use crate::guest::Templates;
use crate::names;
use crate::policy::{CDI_OVERHEAD_MILLIONTHS, ScratchReclaim};

/// CDI makes scratch space for what a file system leaves of its target, and adds the file system's share again: a little more
/// than the target (facts: kubevirt-cdi 4).
const SCRATCH_MORE: u64 = 1 << 20;

const MILLION: u32 = 1_000_000;

impl Index {
    /// Claims of a VM without a volume, those that are still to be made among them.
    pub(crate) fn open_claims(&self, vm: &VmName) -> Vec<ClaimDemand> {
        let claims = self.claims_of(vm);
        let open = claims.iter().filter(|name| !self.is_bound(name));
        self.demands(open, self.templates_of(vm))
    }

    /// What each of these claims needs, volume or not, those that are still to be made among them.
    pub(crate) fn demands<'c>(
        &self,
        claims: impl Iterator<Item = &'c ObjectName>,
        templates: Option<&Templates>,
    ) -> Vec<ClaimDemand> {
        let demand = |name: &ObjectName| {
            let claim = self.claim_or_template(templates, name)?;
            self.demand(name, &claim)
        };
        claims.filter_map(demand).collect()
    }

    /// Claims that will be made for a VM.
    pub(crate) fn templates_of(&self, vm: &VmName) -> Option<&Templates> {
        self.machines.get(vm).map(|machine| &machine.templates)
    }

    /// A claim, or what it will be when CDI has made it.
    pub(super) fn claim_or_template(
        &self,
        templates: Option<&Templates>,
        name: &ObjectName,
    ) -> Option<Cow<'_, Claim>> {
        if let Some(claim) = self.claim(name) {
            return Some(Cow::Borrowed(claim));
        }
        let template = templates?.get(&name.1)?;
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

    /// Scratch space for the disks of a VM that CDI has still to fill, unless it is there already. One for all whose scratch space is
    /// wiped, since CDI can fill one after the other, and none of these if the pod in hand `has_some`; one each for the others.
    pub(crate) fn scratch_of(&self, vm: &VmName, has_some: bool) -> Vec<ClaimDemand> {
        self.scratch_among(&self.claims_of(vm), self.templates_of(vm), has_some)
    }

    /// The same for a VM with these disks.
    pub(crate) fn scratch_among(
        &self,
        claims: &BTreeSet<ObjectName>,
        templates: Option<&Templates>,
        has_some: bool,
    ) -> Vec<ClaimDemand> {
        let known = claims
            .iter()
            .filter_map(|name| Some((name, self.claim_or_template(templates, name)?)));
        let waiting = known.filter(|(_, claim)| claim.needs_scratch);
        let (kept, wiped): (Vec<_>, Vec<_>) =
            waiting.partition(|(_, claim)| self.keeps_scratch(self.class_of_scratch(claim)));
        let is_there = |name: &ObjectName| self.is_bound(&scratch_name(name));
        let is_shared = has_some || wiped.iter().any(|(name, _)| is_there(name));
        let largest = wiped.iter().max_by_key(|(_, claim)| claim.bytes);
        let each = kept.iter().filter(|(name, _)| !is_there(name));
        let needed = largest.filter(|_| !is_shared).into_iter().chain(each);
        needed
            .filter_map(|(name, claim)| self.scratch_for(name, claim))
            .collect()
    }

    /// Scratch space for one disk.
    fn scratch_for(&self, name: &ObjectName, disk: &Claim) -> Option<ClaimDemand> {
        // The target of a block device has no share for a file system yet.
        let bytes = match disk.mode {
            VolumeMode::Filesystem => disk.bytes,
            VolumeMode::Block => self.with_overhead(disk),
        };
        let scratch = Claim {
            class: Arc::clone(self.class_of_scratch(disk)),
            bytes: bytes.saturating_add(SCRATCH_MORE),
            mode: VolumeMode::Filesystem,
            access: AccessModes::of(["ReadWriteOnce"]),
            ..Claim::default()
        };
        self.demand(&scratch_name(name), &scratch)
    }

    fn class_of_scratch<'c>(&'c self, disk: &'c Claim) -> &'c Arc<str> {
        self.scratch_class.as_ref().unwrap_or(&disk.class)
    }

    /// A volume of this class that was scratch space is nobody's any more.
    fn keeps_scratch(&self, class: &str) -> bool {
        let class = self.policy.managed(class);
        class.is_some_and(|class| class.scratch_reclaim == ScratchReclaim::Retain)
    }

    /// Disks of a VM that lie on certain nodes.
    pub(crate) fn disks_of(&self, vm: &VmName) -> Vec<Disk> {
        self.disks_among(&self.claims_of(vm))
    }

    /// Which of these claims lie on certain nodes.
    pub(crate) fn disks_among(&self, claims: &BTreeSet<ObjectName>) -> Vec<Disk> {
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

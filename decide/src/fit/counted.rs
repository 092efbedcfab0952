//! What is counted and not told apart: virtual functions of a resource, huge pages of a size.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::names;
use crate::pages::PageSize;
use crate::words::count;

/// A thing that is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// Virtual functions behind this resource.
    Vfs(Arc<str>),
    /// Huge pages of this size; counted in pages.
    Pages(PageSize),
}

impl Counted {
    /// What a resource of this name is, and how much of it these units are: pages are requested in bytes. `None` of
    /// Kubernetes' and KubeVirt's own, which are no functions.
    #[must_use]
    pub fn of_resource(name: &str, units: u64) -> Option<(Self, u64)> {
        if let Some(size) = name.strip_prefix(names::HUGEPAGES_PREFIX) {
            let size: PageSize = size.parse().ok()?;
            return Some((Self::Pages(size), units.div_ceil(size.bytes())));
        }
        let (domain, _) = name.split_once('/')?;
        let is_own = domain.ends_with("kubernetes.io") || domain == "devices.kubevirt.io";
        (!is_own).then(|| (Self::Vfs(name.into()), units))
    }

    /// So many of it, in words.
    #[must_use]
    pub fn times(&self, amount: u64) -> String {
        match self {
            Self::Vfs(resource) => format!("{} {resource}", count(amount, "VF")),
            Self::Pages(size) => format!("{} of {size}", count(amount, "huge page")),
        }
    }
}

/// What is needed: how much, and when.
pub type Amounts = BTreeMap<Counted, (u64, When)>;

/// Namespace and name of a VM.
pub type VmName = (Arc<str>, Arc<str>);

/// What a node has of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Supply {
    /// All.
    pub total: u64,
    /// What no VM can have, whoever is gone: unhealthy, not bound to vfio-pci, not advertised. None of what pods have.
    pub unusable: u64,
    /// What pods have.
    pub allocated: u64,
    /// What is kept for VMs whose disks lie here and whose pods are still to come.
    pub held: BTreeMap<VmName, Held>,
}

/// What is kept for a VM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// How much.
    pub amount: u64,
    /// Until when, in seconds since 1970.
    pub until: u64,
}

/// When something is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// By the pod that is to be placed: it must be free.
    Now,
    /// By a later pod of the VM: it must be possible. Who has it now may be gone by then.
    Later,
}

/// So many VMs are named for which something is kept: an event has to stay readable.
pub(super) const HOLDERS_TOLD: usize = 2;

/// Why there is not enough.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotEnough {
    /// Of what.
    pub of: Counted,
    /// How much is needed.
    pub needs: u64,
    /// When.
    pub when: When,
    /// How much is free.
    pub free: u64,
    /// All.
    pub total: u64,
    /// What no VM can have.
    pub unusable: u64,
    /// What pods have.
    pub allocated: u64,
    /// For which other VMs the rest is kept, and how much.
    pub held: Vec<(VmName, Held)>,
}

impl Supply {
    /// What this VM could have now: what is kept for itself is free to it.
    #[must_use]
    pub fn free_for(&self, vm: Option<&VmName>) -> u64 {
        let others = self.held_for_others(vm);
        let held = others.fold(0, |sum: u64, (_, held)| sum.saturating_add(held.amount));
        self.usable()
            .saturating_sub(self.allocated)
            .saturating_sub(held)
    }

    /// What a VM could have if it was alone on the node.
    #[must_use]
    pub fn usable(&self) -> u64 {
        self.total.saturating_sub(self.unusable)
    }

    fn held_for_others<'s>(
        &'s self,
        vm: Option<&VmName>,
    ) -> impl Iterator<Item = (&'s VmName, Held)> {
        let held = self.held.iter().map(|(holder, held)| (holder, *held));
        held.filter(move |(holder, held)| Some(*holder) != vm && held.amount > 0)
    }
}

/// Whether there is enough for this VM.
///
/// # Errors
/// How much there is, and who has the rest.
pub fn enough(
    of: &Counted,
    needs: u64,
    when: When,
    supply: Option<&Supply>,
    vm: Option<&VmName>,
) -> Result<(), NotEnough> {
    let nothing = Supply::default();
    let supply = supply.unwrap_or(&nothing);
    let there = match when {
        When::Now => supply.free_for(vm),
        When::Later => supply.usable(),
    };
    if needs <= there {
        return Ok(());
    }
    let held = supply.held_for_others(vm);
    Err(NotEnough {
        of: of.clone(),
        needs,
        when,
        free: supply.free_for(vm),
        total: supply.total,
        unusable: supply.unusable,
        allocated: supply.allocated,
        held: held.map(|(holder, held)| (holder.clone(), held)).collect(),
    })
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vfs(resource) => write!(f, "VFs {resource}"),
            Self::Pages(size) => write!(f, "huge pages of {size}"),
        }
    }
}

impl NotEnough {
    /// How much there is at that time.
    #[must_use]
    pub fn there(&self) -> u64 {
        match self.when {
            When::Now => self.free,
            When::Later => self.usable(),
        }
    }

    /// How much there would be if nobody else had any.
    #[must_use]
    pub fn usable(&self) -> u64 {
        self.total.saturating_sub(self.unusable)
    }
}

impl fmt::Display for NotEnough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needs = self.of.times(self.needs);
        if self.when == When::Later {
            // Who has it now does not matter.
            let (usable, total) = (self.there(), self.total);
            return write!(f, "will need {needs}: {usable} of {total} can be used");
        }
        write!(f, "needs {needs}: {} free of {}", self.free, self.total)?;
        for (amount, what) in [(self.allocated, "allocated"), (self.unusable, "unusable")] {
            if amount > 0 {
                write!(f, ", {amount} {what}")?;
            }
        }
        for (at, ((namespace, name), held)) in self.held.iter().enumerate() {
            if at == HOLDERS_TOLD {
                let rest = self.held.iter().skip(at);
                let amount = rest.fold(0, |sum: u64, (_, held)| sum.saturating_add(held.amount));
                return write!(f, ", {amount} held for others");
            }
            write!(f, ", {} held for {namespace}/{name} until ", held.amount)?;
            // The end and not what is left of it: a text that changes each second would be written each time.
            clock(f, held.until)?;
        }
        Ok(())
    }
}

/// The time of day of so many seconds since 1970.
pub(crate) fn clock(f: &mut fmt::Formatter<'_>, seconds: u64) -> fmt::Result {
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let (hours, minutes) = (minutes / 60 % 24, minutes % 60);
    write!(f, "{hours:02}:{minutes:02}:{seconds:02} UTC")
}

#[cfg(test)]
mod tests;

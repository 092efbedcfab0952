//! Which virtual functions to make and to bind, and which to leave alone (facts: domain 3.5).
//!
//! Whatever is in use stays as it is: rebinding pulls a function from under a running pod. When it can't be told whether
//! something is in use, it counts as used.

mod told;
mod uses;

use std::collections::{BTreeMap, BTreeSet};

use super::config::{Binding, Config};
use super::facts::{Facts, PhysicalFunction, VirtualFunction};
use crate::names;
use crate::words::{are, count};
pub use told::{Standing, tell};
pub(in crate::node) use uses::idle;
use uses::{default_route, goes_by, unreadable, use_by_host};

/// What is to be done on a node, in this order, and what is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Writes to sysfs.
    pub steps: Vec<Step>,
    /// What the config asks for and must not be done; each becomes part of a condition.
    pub refusals: Vec<Refusal>,
    /// Cards that the config names and that are not seen here: one config serves all nodes, so that is nothing bad.
    pub absent: Vec<String>,
    /// PFs whose new functions are meant for vfio-pci: no driver of the host may take them in between, since
    /// NetworkManager configures every interface that it sees.
    pub unprobed: BTreeSet<String>,
}

/// One change of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write `sriov_numvfs` of a PF that has none now, or whose functions nobody uses (then 0 is written first).
    SetNumVfs {
        /// PCI address of the PF.
        address: String,
        /// As it is.
        from: u32,
        /// As it is wanted.
        to: u32,
    },
    /// Unbind from `from`, if bound; bind to vfio-pci by `driver_override`; clear the override.
    BindVfio {
        /// PCI address of the VF.
        address: String,
        /// The driver that has it.
        from: Option<String>,
    },
}

impl Step {
    /// PCI address of the device that is changed.
    #[must_use]
    pub fn address(&self) -> &str {
        let (Self::SetNumVfs { address, .. } | Self::BindVfio { address, .. }) = self;
        address
    }
}

/// Something that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// PCI address of PF or VF, or what the config called it.
    pub device: String,
    /// Why, and what to do.
    pub reason: String,
}

/// What the config asks for, as far as it can be done without touching anything that is in use.
#[must_use]
pub fn plan(facts: &Facts, config: &Config) -> Plan {
    let mut plan = Plan::default();
    let mut seen = BTreeSet::new();
    let view = View::of(facts);
    for binding in &config.binder {
        match view.physical_function(&binding.physical_function) {
            Ok(Some(pf)) if seen.insert(&pf.address) => view.follow(binding, pf, &mut plan),
            Ok(Some(_)) => plan.refuse(
                &binding.physical_function,
                "the config names this card twice; only the first binding counts",
            ),
            Ok(None) => plan.absent.push(binding.physical_function.clone()),
            Err(reason) => plan.refuse(&binding.physical_function, reason),
        }
    }
    plan
}

impl Plan {
    fn refuse(&mut self, device: &str, reason: impl Into<String>) {
        self.refusals.push(Refusal {
            device: device.to_owned(),
            reason: reason.into(),
        });
    }
}

/// What is known of use.
struct View<'f> {
    facts: &'f Facts,
    /// Devices that containers hold; `None` if the kubelet could not be asked. Those of ended pods count too: nobody is
    /// worse off for waiting until the kubelet forgets them.
    held: Option<BTreeSet<&'f str>>,
    /// Devices that it may hand out, and so keeps book of.
    advertised: BTreeSet<&'f str>,
}

impl<'f> View<'f> {
    fn of(facts: &'f Facts) -> Self {
        let held = facts.kubelet.as_ref().map(|kubelet| {
            let devices = kubelet
                .containers
                .iter()
                .flat_map(|container| container.devices.values());
            devices.flatten().map(String::as_str).collect()
        });
        let kubelet = facts.kubelet.iter();
        let advertised = kubelet.flat_map(|kubelet| kubelet.allocatable.values());
        Self {
            facts,
            held,
            advertised: advertised
                .flat_map(BTreeMap::keys)
                .map(String::as_str)
                .collect(),
        }
    }

    fn physical_function(&self, name: &str) -> Result<Option<&'f PhysicalFunction>, &'static str> {
        let functions = &self.facts.functions;
        let is_vf = |vf: &VirtualFunction| {
            vf.address == name || vf.interfaces.iter().any(|interface| interface.name == name)
        };
        let card = functions.iter().find(|pf| goes_by(pf, name));
        if card.is_none() && functions.iter().flat_map(|pf| &pf.vfs).any(is_vf) {
            return Err("it is a virtual function: name its card instead");
        }
        Ok(card)
    }

    fn follow(&self, binding: &Binding, pf: &PhysicalFunction, plan: &mut Plan) {
        if pf.num_vfs != binding.num_vfs {
            match self.refusal_of_count(binding, pf) {
                Some(reason) => plan.refuse(&pf.address, reason),
                None => {
                    plan.steps.push(Step::SetNumVfs {
                        address: pf.address.clone(),
                        from: pf.num_vfs,
                        to: binding.num_vfs,
                    });
                    if binding.vfio {
                        plan.unprobed.insert(pf.address.clone());
                    }
                    // Its functions are others after that: they are bound in the next round.
                    return;
                }
            }
        }
        if binding.vfio {
            self.bind(binding, pf, plan);
        }
    }

    /// Why the number of functions stays as it is; writing it takes all of them away first.
    fn refusal_of_count(&self, binding: &Binding, pf: &PhysicalFunction) -> Option<String> {
        let (now, wanted) = (pf.num_vfs, binding.num_vfs);
        let functions = count(wanted, "function");
        let are = are(wanted);
        if wanted > pf.total_vfs {
            let total = pf.total_vfs;
            return Some(format!(
                "{functions} {are} wanted, the card can have {total}: lower numVFs"
            ));
        }
        if let Some(reason) = default_route(pf).or_else(|| unreadable(self.facts, pf)) {
            return Some(reason);
        }
        if let Some(interface) = pf.interfaces.iter().find(|interface| interface.enslaved) {
            let name = &interface.name;
            return Some(format!(
                "{name} is part of a bond, bridge or team, and a change from {now} to {functions} resets it"
            ));
        }
        if now > 0 && self.held.is_none() {
            return Some(format!(
                "the kubelet does not answer, so nobody knows which of its {now} are in use; {functions} {are} wanted"
            ));
        }
        let read = pf.vfs.iter().filter(|vf| vf.index < now).count();
        if u32::try_from(read).is_ok_and(|read| read < now) {
            return Some(format!(
                "{functions} {are} wanted, it has {now}, and only {read} of them can be read, so nobody knows which are in use"
            ));
        }
        let (vf, reason) = pf.vfs.iter().find_map(|vf| {
            let reason = self.use_of(vf).or_else(|| self.use_beside_kubelet(vf))?;
            Some((vf, reason))
        })?;
        Some(format!(
            "{functions} {are} wanted, it has {now}, and they can only be changed together: {} {reason}",
            vf.address
        ))
    }

    fn bind(&self, binding: &Binding, pf: &PhysicalFunction, plan: &mut Plan) {
        let wanted: Vec<&VirtualFunction> = pf
            .vfs
            .iter()
            .filter(|vf| vf.index < binding.num_vfs && vf.index < pf.num_vfs)
            .filter(|vf| vf.driver.as_deref() != Some(names::VFIO_DRIVER))
            .collect();
        if wanted.is_empty() {
            return;
        }
        let are = are(wanted.len());
        let count = count(wanted.len(), "function");
        if let Some(reason) = default_route(pf).or_else(|| unreadable(self.facts, pf)) {
            plan.refuse(&pf.address, reason);
        } else if self.held.is_none() {
            plan.refuse(
                &pf.address,
                format!("the kubelet does not answer, so nobody knows which of {count} that {are} not on vfio-pci are in use"),
            );
        } else if wanted.iter().all(|vf| vf.group.is_none()) {
            plan.refuse(
                &pf.address,
                format!("IOMMU off: {count} {are} in no IOMMU group; boot with intel_iommu=on or amd_iommu=on"),
            );
        } else {
            for vf in wanted {
                match self.refusal_of_bind(vf) {
                    Some(reason) => plan.refuse(&vf.address, reason),
                    None => plan.steps.push(Step::BindVfio {
                        address: vf.address.clone(),
                        from: vf.driver.clone(),
                    }),
                }
            }
        }
    }

    fn refusal_of_bind(&self, vf: &VirtualFunction) -> Option<String> {
        if self
            .facts
            .functions
            .iter()
            .any(|pf| pf.address == vf.address)
        {
            return Some("it is a card of its own, not a virtual function".to_owned());
        }
        if vf.group.is_none() {
            return Some(
                "IOMMU off: it is in no IOMMU group; boot with intel_iommu=on or amd_iommu=on"
                    .to_owned(),
            );
        }
        self.use_of(vf)
    }

    /// Who uses it, in words. A function that is up has an address at least of its own link, or soon will.
    fn use_of(&self, vf: &VirtualFunction) -> Option<String> {
        let Some(held) = &self.held else {
            return Some("may be in use: the kubelet does not answer".to_owned());
        };
        if held.contains(vf.address.as_str()) {
            return Some("is held by a container: delete its pod first".to_owned());
        }
        use_by_host(vf)
    }

    /// A process of the node may have a function on vfio-pci open; only of one that the kubelet keeps book of it is known
    /// that no pod has it.
    fn use_beside_kubelet(&self, vf: &VirtualFunction) -> Option<String> {
        let is_on_vfio = vf.driver.as_deref() == Some(names::VFIO_DRIVER);
        (is_on_vfio && !self.advertised.contains(vf.address.as_str())).then(|| {
            format!(
                "may be in use: it is on vfio-pci and not advertised: restart the device plugin, or dpdk-devbind.py -u {}",
                vf.address
            )
        })
    }
}

#[cfg(test)]
mod tests;

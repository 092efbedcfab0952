//! What virtual functions are worth.
//!
//! A function is free for VMs when nothing but soft reasons speaks against it (facts: domain 3.4). Each reason stands on
//! its own: an operator who mends one sees the next.

use std::collections::{BTreeMap, BTreeSet};

use super::assess::{Holder, PoolVerdict, VfReason, VfVerdict};
use super::cluster::Cluster;
use super::config::{Config, VfPool};
use super::facts::{
    Area, Facts, Interface, IommuGroup, KubeletFacts, PhysicalFunction, VirtualFunction,
};
use crate::names;

/// Drivers that leave the devices of a group to VMs: they do no DMA of their own (linux,
/// Documentation/driver-api/vfio.rst, and `driver_managed_dma` of pci-stub and pcieport).
const VIABLE_DRIVERS: [&str; 3] = [names::VFIO_DRIVER, "pci-stub", "pcieport"];

/// Name of a group without protection (facts: domain 3.1).
const NO_IOMMU: &str = "vfio-noiommu";

/// Verdicts on every function, by PF's address and index, and on every pool, in the config's order.
#[must_use]
pub fn verdicts(
    facts: &Facts,
    cluster: &Cluster,
    config: &Config,
) -> (Vec<VfVerdict>, Vec<PoolVerdict>) {
    let node = Node {
        cluster,
        kubelet: facts.kubelet.as_ref(),
        holders: facts
            .kubelet
            .as_ref()
            .map_or_else(BTreeMap::new, |kubelet| holders(kubelet, cluster)),
        pools: &config.vf_pools,
        is_readable: facts
            .problems
            .iter()
            .all(|problem| !matches!(problem.area, Area::Functions | Area::Kubelet)),
    };
    let mut vfs: Vec<VfVerdict> = facts
        .functions
        .iter()
        .flat_map(|pf| existing(pf).map(|vf| node.verdict(pf, vf)))
        .collect();
    vfs.sort_by(|a, b| {
        (&a.physical_function, a.index, &a.address).cmp(&(
            &b.physical_function,
            b.index,
            &b.address,
        ))
    });
    let on_vfio: BTreeSet<&str> = facts
        .functions
        .iter()
        .flat_map(existing)
        .filter(|vf| vf.driver.as_deref() == Some(names::VFIO_DRIVER))
        .map(|vf| vf.address.as_str())
        .collect();
    let pool = |pool: &VfPool| node.pool(&pool.resource, &vfs, &on_vfio);
    let pools = config.vf_pools.iter().map(pool).collect();
    (vfs, pools)
}

/// Whether the card has a link; `None` if it can't be told, as of one without an interface.
#[must_use]
pub fn link(pf: &PhysicalFunction) -> Option<bool> {
    let is_up = |interface: &Interface| {
        interface.operstate == "up" || (interface.up && interface.carrier == Some(true))
    };
    let is_down = |interface: &Interface| {
        !interface.up
            || interface.carrier == Some(false)
            || !matches!(interface.operstate.as_str(), "" | "up" | "unknown")
    };
    if pf.interfaces.iter().any(is_up) {
        Some(true)
    } else {
        pf.interfaces.iter().any(is_down).then_some(false)
    }
}

/// Functions that are there: while `sriov_numvfs` is being lowered, links of others may still be seen (facts: domain 3.4,
/// point 1).
fn existing(pf: &PhysicalFunction) -> impl Iterator<Item = &VirtualFunction> {
    pf.vfs.iter().filter(|vf| vf.index < pf.num_vfs)
}

/// Who holds which device. Pods that have ended hold nothing, though podresources may still list them (facts: domain
/// 3.3); pods that the watch has not seen yet do.
fn holders<'f>(kubelet: &'f KubeletFacts, cluster: &Cluster) -> BTreeMap<&'f str, Holder> {
    let mut holders: BTreeMap<&str, Holder> = BTreeMap::new();
    for container in &kubelet.containers {
        let pod = cluster
            .pods
            .iter()
            .find(|pod| pod.namespace == container.namespace && pod.name == container.pod);
        if pod.is_some_and(|pod| pod.ended) {
            continue;
        }
        let machine = pod.and_then(|pod| pod.machine.as_ref());
        let holder = Holder {
            namespace: container.namespace.clone(),
            pod: container.pod.clone(),
            container: container.container.clone(),
            virtual_machine: machine.map(|name| format!("{}/{name}", container.namespace)),
        };
        for id in container.devices.values().flatten() {
            let known = holders.entry(id).or_insert_with(|| holder.clone());
            if holder < *known {
                known.clone_from(&holder);
            }
        }
    }
    holders
}

/// What verdicts on functions are made of.
struct Node<'f> {
    cluster: &'f Cluster,
    kubelet: Option<&'f KubeletFacts>,
    holders: BTreeMap<&'f str, Holder>,
    pools: &'f [VfPool],
    /// Everything about functions could be read: only then it is said that the device plugin advertises too few or too
    /// many, since its restart would mend nothing else.
    is_readable: bool,
}

impl Node<'_> {
    fn verdict(&self, pf: &PhysicalFunction, vf: &VirtualFunction) -> VfVerdict {
        let pool = self.pools.iter().find(|pool| selects(pool, pf, vf));
        let pool = pool.map(|pool| pool.resource.clone());
        let holder = self.holders.get(vf.address.as_str()).cloned();
        let mut reasons = BTreeSet::new();
        reasons.extend(driver_reason(vf.driver.as_deref()));
        reasons.extend(group_reasons(vf.group.as_ref()));
        match (self.kubelet, &pool) {
            (None, _) => {
                reasons.insert(VfReason::KubeletSilent);
            }
            (Some(kubelet), Some(resource)) if !advertises(kubelet, resource, &vf.address) => {
                reasons.insert(VfReason::NotAdvertised);
            }
            (Some(_), _) => {}
        }
        if holder.is_some() {
            reasons.insert(VfReason::Allocated);
        }
        if pf
            .interfaces
            .iter()
            .chain(&vf.interfaces)
            .any(|interface| interface.default_route)
        {
            reasons.insert(VfReason::DefaultRoute);
        }
        if link(pf) == Some(false) {
            reasons.insert(VfReason::LinkDown);
        }
        VfVerdict {
            address: vf.address.clone(),
            index: vf.index,
            physical_function: pf.address.clone(),
            numa: vf.numa.or(pf.numa),
            pool,
            holder,
            reasons,
        }
    }

    fn pool(&self, resource: &str, vfs: &[VfVerdict], on_vfio: &BTreeSet<&str>) -> PoolVerdict {
        let advertised = self
            .kubelet
            .and_then(|kubelet| kubelet.allocatable.get(resource));
        let advertised: BTreeSet<&String> =
            advertised.into_iter().flat_map(BTreeMap::keys).collect();
        let members = || vfs.iter().filter(|vf| vf.pool.as_deref() == Some(resource));
        let unadvertised: BTreeSet<&String> = members()
            .filter(|vf| self.is_readable && is_only_unadvertised(vf))
            .map(|vf| &vf.address)
            .collect();
        let node = self.cluster.node.as_ref();
        let allocatable = node.and_then(|node| node.allocatable.get(resource));
        let stale = advertised
            .iter()
            .filter(|id| self.is_readable && !on_vfio.contains(id.as_str()));
        PoolVerdict {
            resource: resource.to_owned(),
            discovered: count(members()),
            free: count(members().filter(|vf| vf.is_free())),
            allocated: count(members().filter(|vf| vf.holder.is_some())),
            advertised: count(advertised.iter()),
            node_allocatable: allocatable.copied().unwrap_or_default(),
            unadvertised: unadvertised.into_iter().cloned().collect(),
            stale: stale.map(|id| (*id).clone()).collect(),
        }
    }
}

fn selects(pool: &VfPool, pf: &PhysicalFunction, vf: &VirtualFunction) -> bool {
    let interface = |interface: &Interface| pool.interfaces.contains(&interface.name);
    (pool.vendors.is_empty() || pool.vendors.contains(&vf.vendor))
        && (pool.devices.is_empty() || pool.devices.contains(&vf.device))
        && (pool.interfaces.is_empty() || pf.interfaces.iter().any(interface))
}

fn driver_reason(driver: Option<&str>) -> Option<VfReason> {
    match driver {
        Some(names::VFIO_DRIVER) => None,
        Some(_) => Some(VfReason::HostDriver),
        None => Some(VfReason::NoDriver),
    }
}

fn group_reasons(group: Option<&IommuGroup>) -> Vec<VfReason> {
    let Some(group) = group else {
        return vec![VfReason::NoIommuGroup];
    };
    let mut reasons = Vec::new();
    if group.name.as_deref() == Some(NO_IOMMU) {
        reasons.push(VfReason::NoIommuProtection);
    }
    let mut drivers = group.others.values().flatten();
    if drivers.any(|driver| !VIABLE_DRIVERS.contains(&driver.as_str())) {
        reasons.push(VfReason::GroupNotViable);
    }
    reasons
}

fn advertises(kubelet: &KubeletFacts, resource: &str, id: &str) -> bool {
    let devices = kubelet.allocatable.get(resource);
    devices.is_some_and(|devices| devices.contains_key(id))
}

/// A restart of the device plugin is all it takes; who holds it does not matter for that.
fn is_only_unadvertised(vf: &VfVerdict) -> bool {
    let else_wrong = |reason: &VfReason| {
        !reason.is_soft() && !matches!(reason, VfReason::NotAdvertised | VfReason::Allocated)
    };
    vf.reasons.contains(&VfReason::NotAdvertised) && !vf.reasons.iter().any(else_wrong)
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;

//! Whose pod it is that is to be placed, and so what its node must have: all that its VM needs, at every stage.
//!
//! A pod of CDI that fills a disk asks for a tenth of a processor, and decides for ever on which node the VM can run. So it is
//! placed as if the VM stood behind it (facts: kubevirt-cdi 0.6, 0.7, 5).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::demand::Unclear;
use crate::event::ObjectName;
use crate::fit::Demand;
use crate::fit::counted::{Amounts, Counted, When};
use crate::fit::ties::Ties;
use crate::fit::volumes::ClaimDemand;
use crate::index::Index;
use crate::names;
use crate::quantity::parse_bytes;
use crate::subject::PodRole;
use crate::view::placed::Pod;
use crate::view::{Amounts as Written, Container};

/// What a pod is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// None of a VM: every node will do.
    Foreign,
    /// Its node must have this.
    Ours(Box<Demand>),
    /// Nobody can say yet what it needs.
    Unclear(Unclear),
}

/// Finds out what a pod's node must have.
#[must_use]
pub fn asked(index: &Index, pod: &Pod<'_>) -> Asked {
    let labels = pod.metadata.as_ref().and_then(|it| it.labels.as_ref());
    let demand = match PodRole::of(labels) {
        PodRole::Launcher => launcher(index, pod),
        PodRole::Hotplug => claims_only(index, pod),
        PodRole::Import | PodRole::Upload | PodRole::PopulatorPrep => filler(index, pod),
        // They go where their volume is, or need none.
        PodRole::CloneSource | PodRole::Export | PodRole::ImportPoller | PodRole::Foreign => {
            return Asked::Foreign;
        }
    };
    let demand = demand.and_then(|demand| beside_promises(index, pod, demand));
    demand.map_or_else(Asked::Unclear, |demand| Asked::Ours(Box::new(demand)))
}

/// Where a pod of the VM is just binding volumes, this one has to bind its own. A target of a migration binds none, and where a VM
/// runs is known.
fn beside_promises(index: &Index, pod: &Pod<'_>, mut demand: Demand) -> Result<Demand, Unclear> {
    let name: ObjectName = (namespace(pod), pod.name().into());
    let binds = demand.own > 0;
    if let Some(vm) = demand
        .vm
        .as_ref()
        .filter(|vm| binds && index.runs_on(vm).is_none())
    {
        demand.ties.promised = match index.promised_to(vm, &name).as_slice() {
            [] => None,
            [Some(node)] => Some(Arc::clone(node)),
            _ => return Err(Unclear::Promised),
        };
    }
    demand.pod = Some(name);
    Ok(demand)
}

/// What the pod asks for must be free now; its VM's other claims need a volume of the same node. Also of pods that only bind
/// volumes, and of targets of migrations.
fn launcher(index: &Index, pod: &Pod<'_>) -> Result<Demand, Unclear> {
    let vm = owner(pod, names::INSTANCE_KIND).map(|name| (namespace(pod), name.into()));
    let Some(vm) = vm else {
        return claims_only(index, pod);
    };
    let mut claims = open_claims_of_pod(index, pod)?;
    let own = claims.len();
    add(&mut claims, index.open_claims(&vm));
    add(&mut claims, index.scratch_of(&vm, false));
    Ok(Demand {
        claims,
        own,
        counted: requests(index, pod),
        ties: Ties {
            disks: index.disks_of(&vm),
            ..Ties::default()
        },
        cells: index.guest(&vm).map(|it| it.cells).unwrap_or_default(),
        vm: Some(vm),
        pod: None,
    })
}

/// A pod that fills a disk: where it runs, the VM will have to.
fn filler(index: &Index, pod: &Pod<'_>) -> Result<Demand, Unclear> {
    let claim = owner(pod, "PersistentVolumeClaim").map(|name| (namespace(pod), name.into()));
    let Some(claim): Option<ObjectName> = claim else {
        return claims_only(index, pod);
    };
    let mut claims = open_claims_of_pod(index, pod)?;
    let own = claims.len();
    let Some(vm) = index.user_of(&claim).cloned() else {
        let needs = index.needs_of_disk(&claim)?;
        return Ok(Demand {
            claims,
            own,
            counted: only_pools(index, needs.amounts(index, When::Later)?),
            ..Demand::default()
        });
    };
    // A disk that only the VM's next start will have is not tied to where it runs now.
    let has_it = index.claims_of(&vm).contains(&claim);
    let runs_on = index.runs_on(&vm).filter(|_| has_it).cloned();
    let guest = index.guest(&vm).filter(|_| runs_on.is_none());
    if guest.is_some() {
        add(&mut claims, index.open_claims(&vm));
        add(&mut claims, index.scratch_of(&vm, has_scratch(pod)));
    }
    let counted = guest.map(|guest| guest.needs.amounts(index, When::Later));
    Ok(Demand {
        claims,
        own,
        counted: only_pools(index, counted.transpose()?.unwrap_or_default()),
        ties: Ties {
            disks: index.disks_of(&vm),
            placing: guest.map(|guest| index.placing(guest)),
            runs_on,
            promised: None,
        },
        cells: guest.map(|it| it.cells).unwrap_or_default(),
        vm: Some(vm),
        pod: None,
    })
}

/// Volumes for the claims of the pod, and nothing else.
fn claims_only(index: &Index, pod: &Pod<'_>) -> Result<Demand, Unclear> {
    let claims = open_claims_of_pod(index, pod)?;
    let names = names_of_claims(pod).map(|name| (namespace(pod), name.into()));
    let mut vms = names.filter_map(|name| index.user_of(&name).cloned());
    Ok(Demand {
        vm: vms.next(),
        own: claims.len(),
        claims,
        ..Demand::default()
    })
}

/// Adds claims that are not there by name.
fn add(claims: &mut Vec<ClaimDemand>, more: Vec<ClaimDemand>) {
    for claim in more {
        if !claims.iter().any(|there| there.name == claim.name) {
            claims.push(claim);
        }
    }
}

/// Claims that the pod mounts and that have no volume, in its order.
fn open_claims_of_pod(index: &Index, pod: &Pod<'_>) -> Result<Vec<ClaimDemand>, Unclear> {
    let mut open = Vec::new();
    for name in names_of_claims(pod) {
        let name = (namespace(pod), name.into());
        if index.is_bound(&name) {
            continue;
        }
        let claim = index.claim(&name);
        let claim = claim.ok_or_else(|| Unclear::Claim(format!("{}/{}", name.0, name.1)))?;
        open.extend(index.demand(&name, claim));
    }
    Ok(open)
}

/// Scratch space is among its volumes.
fn has_scratch(pod: &Pod<'_>) -> bool {
    names_of_claims(pod).any(|it| it.ends_with(names::SCRATCH_SUFFIX))
}

fn names_of_claims<'p>(pod: &'p Pod<'_>) -> impl Iterator<Item = &'p str> {
    let volumes = pod.spec.iter().filter_map(|it| it.volumes.as_deref());
    let claims = volumes
        .flatten()
        .filter_map(|it| it.persistent_volume_claim.as_ref());
    claims.filter_map(|claim| claim.claim_name.as_deref())
}

/// What its containers request of what is counted, as the scheduler counts it; sidecars have none of it.
fn requests(index: &Index, pod: &Pod<'_>) -> Amounts {
    let spec = pod.spec.as_ref();
    let mut sum = BTreeMap::new();
    for container in spec
        .iter()
        .filter_map(|it| it.containers.as_deref())
        .flatten()
    {
        for (of, amount) in counted_by(container) {
            let all: &mut u64 = sum.entry(of).or_default();
            *all = all.saturating_add(amount);
        }
    }
    for container in spec
        .iter()
        .filter_map(|it| it.init_containers.as_deref())
        .flatten()
    {
        for (of, amount) in counted_by(container) {
            let most = sum.entry(of).or_default();
            *most = (*most).max(amount);
        }
    }
    let now = sum.into_iter().filter(|(_, amount)| *amount > 0);
    only_pools(
        index,
        now.map(|(of, amount)| (of, (amount, When::Now))).collect(),
    )
}

fn counted_by(container: &Container<'_>) -> Vec<(Counted, u64)> {
    let resources = container.resources.as_ref();
    let requests = resources.and_then(|it| it.requests.as_ref());
    let written = requests.into_iter().flat_map(Written::iter);
    written
        .filter_map(|(name, amount)| Counted::of_resource(name, parse_bytes(amount).ok()?))
        .collect()
}

/// Resources that are no pool of functions are none of ours.
pub(crate) fn only_pools(index: &Index, mut amounts: Amounts) -> Amounts {
    amounts.retain(|of, _| index.is_counted(of));
    amounts
}

fn namespace(pod: &Pod<'_>) -> Arc<str> {
    let metadata = pod.metadata.as_ref();
    let namespace = metadata.and_then(|it| it.namespace.as_deref());
    namespace.unwrap_or_default().into()
}

/// Name of the controlling owner, if it is of this kind.
fn owner<'p>(pod: &'p Pod<'_>, kind: &str) -> Option<&'p str> {
    let owner = pod.metadata.as_ref()?.controller()?;
    let is_this = owner.kind.as_deref() == Some(kind);
    owner.name.as_deref().filter(|_| is_this)
}

#[cfg(test)]
mod tests;

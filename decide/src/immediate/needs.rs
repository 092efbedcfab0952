//! What the node of a claim must have that binds at once: all that its VM needs, or the VM that it stands for.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::demand::Unclear;
use crate::event::ObjectName;
use crate::fit::Demand;
use crate::fit::counted::{VmName, When};
use crate::fit::ties;
use crate::fit::ties::Ties;
use crate::fit::volumes::ClaimDemand;
use crate::guest::{Guest, Templates};
use crate::index::Index;
use crate::whose::only_pools;

use super::Made;
use super::disks::Disk;

/// Whom the node is for.
#[derive(Debug)]
struct Whose<'i> {
    /// The VM, once there is one.
    vm: Option<VmName>,
    /// Unless it runs already, or is not there yet.
    guest: Option<Cow<'i, Guest>>,
    /// Where it runs.
    runs_on: Option<Arc<str>>,
    /// All of its disks.
    claims: BTreeSet<ObjectName>,
    /// What those will be that are still to come.
    templates: Templates,
}

/// All of it; the claims that are to be restricted come first, since the PersistentVolume controller chooses their volumes as
/// kube-scheduler does: the smallest that fits.
pub(super) fn demand(
    index: &Index,
    made: &Made<'_>,
    name: &ObjectName,
    disks: &[Disk<'_>],
) -> Result<Demand, Unclear> {
    let whose = Whose::of(index, made, name, disks);
    let amounts = match &whose.guest {
        Some(guest) => guest.needs.amounts(index, When::Later)?,
        None if whose.vm.is_some() => Default::default(),
        None => {
            let profile = disks
                .first()
                .and_then(|it| it.template.claim.profile.as_deref());
            index
                .needs_of_profile(profile, &name.0)?
                .amounts(index, When::Later)?
        }
    };
    let is_ours = |claim: &ClaimDemand| disks.iter().any(|it| *it.name.1 == *claim.name);
    let (mut claims, rest): (Vec<_>, Vec<_>) = whose.open(index).into_iter().partition(is_ours);
    let own = claims.len();
    claims.extend(rest);
    claims.extend(index.scratch_among(&whose.claims, Some(&whose.templates), false));
    let guest = whose.guest.as_deref().cloned().unwrap_or_default();
    Ok(Demand {
        claims,
        own,
        counted: only_pools(index, amounts),
        ties: Ties {
            disks: whose.disks(index),
            // Where it runs, it may be.
            placing: whose.runs_on.is_none().then(|| index.placing(&guest)),
            runs_on: whose.runs_on,
            promised: None,
        },
        cells: guest.cells,
        vm: whose.vm,
        pod: None,
    })
}

impl<'i> Whose<'i> {
    fn of(index: &'i Index, made: &Made<'_>, name: &ObjectName, disks: &[Disk<'_>]) -> Self {
        if let Made::Machine(machine) = made {
            let guest = Guest::of_machine(machine, &name.0);
            let claims = guest.claims.iter();
            return Self {
                vm: Some(name.clone()),
                claims: claims
                    .map(|claim| (Arc::clone(&name.0), Arc::clone(claim)))
                    .chain(disks.iter().map(|disk| disk.name.clone()))
                    .collect(),
                templates: guest.templates.clone(),
                guest: Some(Cow::Owned(guest)),
                runs_on: None,
            };
        }
        let vm = index.user_of(name).cloned();
        let known = vm.as_ref().map(|vm| index.claims_of(vm));
        let mut claims = known.unwrap_or_default();
        // A disk that only the VM's next start will have is not tied to where it runs now.
        let has_it = claims.contains(name);
        let runs_on = vm.as_ref().and_then(|vm| index.runs_on(vm));
        let runs_on = runs_on.filter(|_| has_it).cloned();
        if runs_on.is_some() {
            claims.clear();
        }
        claims.insert(name.clone());
        let known = vm.as_ref().and_then(|vm| index.templates_of(vm));
        let mut templates = known.cloned().unwrap_or_default();
        for disk in disks {
            templates.insert(Arc::clone(&disk.name.1), disk.template.clone());
        }
        let guest = vm.as_ref().and_then(|vm| index.guest(vm));
        Self {
            guest: guest.filter(|_| runs_on.is_none()).map(Cow::Borrowed),
            vm,
            runs_on,
            claims,
            templates,
        }
    }

    /// A template that names its volume, which is therefore not for anybody to choose.
    fn volume(&self, index: &Index, name: &ObjectName) -> Option<&Arc<str>> {
        let template = self.templates.get(&name.1)?;
        let volume = template.claim.volume.as_ref()?;
        index.claim(name).is_none().then_some(volume)
    }

    /// What its disks need that have no volume yet.
    fn open(&self, index: &Index) -> Vec<ClaimDemand> {
        let is_open =
            |name: &&ObjectName| !index.is_bound(name) && self.volume(index, name).is_none();
        let open = self.claims.iter().filter(is_open);
        index.demands(open, Some(&self.templates))
    }

    /// Those that lie somewhere, or will.
    fn disks(&self, index: &Index) -> Vec<ties::Disk> {
        let named = self.claims.iter().filter_map(|name| {
            let hostnames = index.hostnames_of(self.volume(index, name)?)?.clone();
            (!hostnames.is_empty()).then(|| ties::Disk {
                claim: Arc::clone(&name.1),
                hostnames,
            })
        });
        let bound = index.disks_among(&self.claims);
        bound.into_iter().chain(named).collect()
    }
}

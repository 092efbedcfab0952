//! Virtual functions: for each that is wanted and not there, one network and one interface of the same name.
//!
//! The resource itself is the pod's matter ([`super::vf_resources`]): written into the domain, one explicit number hides
//! what KubeVirt counts, and the guest still has no interface (facts: domain 0.3, kubevirt-cdi 2).

use std::collections::BTreeSet;

use crate::denial::Denial;
use crate::edit::{Dotted, Why};
use crate::names;
use crate::policy::Policy;
use crate::surroundings::{NetworkKnown, NetworkName};
use crate::view::{Interface, Network};
use crate::warning::Warning;
use crate::wish::VfWish;

use super::guest::Guest;
use super::machines::{Asked, Change};
use super::networks::{Plug, interfaces};
use super::{Context, Mutation, wishes};

/// The interfaces of the guest as they will be: those that it has, then those that are added.
pub(super) fn plan(asked: &Asked<'_>, context: Context<'_>) -> Result<Vec<Plug>, Denial> {
    let guest = &asked.guest;
    let mut plugs = Plug::all_of(guest);
    if let Some((wishes, why)) = &asked.wishes.vfs {
        for wish in wishes {
            add(wish, why, guest, context, &mut plugs)?;
        }
    }
    Ok(plugs)
}

/// What warnings are about; borrowed from one object, so that two can be compared.
type Looked<'v> = (
    Option<&'v (Vec<VfWish>, Why)>,
    &'v [Interface<'v>],
    Option<&'v [Network<'v>]>,
);

fn look<'v>(asked: &'v Asked<'v>) -> Looked<'v> {
    let networks = asked.guest.spec.networks.as_deref();
    let interfaces = interfaces(&asked.guest);
    (asked.wishes.vfs.as_ref(), interfaces, networks)
}

fn add(
    wish: &VfWish,
    why: &Why,
    guest: &Guest<'_>,
    context: Context<'_>,
    plugs: &mut Vec<Plug>,
) -> Result<(), Denial> {
    if wish.count == 0 {
        return Ok(());
    }
    let written = network_of(wish, context.policy).ok_or_else(|| no_network(wish, guest, why))?;
    let there = there(guest, &NetworkName::of(written, context.namespace), context);
    let missing = usize::from(wish.count).saturating_sub(there);
    if missing == 0 || guest.spec.domain.is_none() {
        return Ok(());
    }
    if loses_pod_interface(guest) && plugs.is_empty() {
        plugs.push(Plug::of_pod(context.policy.pod_interface));
    }
    for _ in 0..missing {
        let name = free_name(guest, plugs);
        plugs.push(Plug::of_vf(name, written, why.clone()));
    }
    Ok(())
}

fn network_of<'w>(wish: &'w VfWish, policy: &'w Policy) -> Option<&'w str> {
    let first = || policy.vf_pools.first().map(|pool| pool.network.as_str());
    wish.network.as_deref().or_else(first)
}

fn no_network(wish: &VfWish, guest: &Guest<'_>, why: &Why) -> Denial {
    let annotation = wishes::annotation(&guest.sources, names::VFS_ANNOTATION);
    Denial::Impossible {
        path: annotation.map_or_else(|| why.to_string(), |(path, _)| path),
        found: format!("{} virtual functions of no network", wish.count),
        expected: "a network, like namespace/name=2, since the policy has no vfPools".to_owned(),
    }
}

/// How many virtual functions of this network the guest has.
fn there(guest: &Guest<'_>, network: &NetworkName, context: Context<'_>) -> usize {
    functions(guest)
        .filter(|(_, of)| NetworkName::of(of, context.namespace) == *network)
        .count()
}

/// The guest's virtual functions with the names of their networks.
fn functions<'v>(guest: &Guest<'v>) -> impl Iterator<Item = (usize, &'v str)> {
    let networks = guest.spec.networks.as_deref().unwrap_or_default();
    let functions = interfaces(guest)
        .iter()
        .filter(|interface| interface.sriov.is_some());
    functions.filter_map(move |interface| {
        let at = networks
            .iter()
            .position(|network| network.name == interface.name)?;
        let multus = networks.get(at)?.multus.as_ref()?;
        Some((at, multus.network_name.as_deref()?))
    })
}

/// KubeVirt adds the pod's interface only to a guest that names neither interfaces nor networks and does not forbid it;
/// an empty list that somebody wrote is a wish for none.
fn loses_pod_interface(guest: &Guest<'_>) -> bool {
    let domain = guest.spec.domain.as_ref();
    let devices = domain.and_then(|domain| domain.devices.as_ref());
    let written = devices.is_some_and(|devices| {
        devices.interfaces.is_some() || devices.autoattach_pod_interface == Some(false)
    });
    !written && guest.spec.networks.as_ref().is_none_or(Vec::is_empty)
}

/// `vf0`, `vf1`, ...: the first that neither an interface nor a network has.
fn free_name(guest: &Guest<'_>, plugs: &[Plug]) -> String {
    let networks = guest.spec.networks.as_deref().unwrap_or_default();
    let taken = |name: &str| {
        let by_network = |network: &Network<'_>| network.name.as_deref() == Some(name);
        plugs.iter().any(|plug| plug.name == name) || networks.iter().any(by_network)
    };
    let names = (0_usize..).map(|number| format!("vf{number}"));
    names
        .into_iter()
        .find(|name| !taken(name))
        .unwrap_or_default()
}

/// Networks of the guest's virtual functions, present and wanted, from which a pod would get none; and more functions
/// than are wanted, since none is ever taken away.
pub(super) fn warn(change: Change<'_>, context: Context<'_>, out: &mut Mutation) {
    if !change.touches(look) {
        return;
    }
    let guest = &change.now.guest;
    // Wished for before present: when the API server asks again about what was added, the same words come out, which it
    // tells once.
    let mut networks = Vec::new();
    if let Some((wishes, why)) = &change.now.wishes.vfs {
        for wish in wishes {
            let Some(network) = network_of(wish, context.policy) else {
                continue;
            };
            let there = there(guest, &NetworkName::of(network, context.namespace), context);
            if there > usize::from(wish.count) {
                out.warnings.push(Warning::VfsStay {
                    path: why.to_string(),
                    network: network.to_owned(),
                    there,
                    wanted: wish.count,
                });
            }
            if wish.count > 0 {
                networks.push((why.to_string(), network));
            }
        }
    }
    let path = guest.path(&["spec", "networks"]);
    let present = functions(guest).map(|(at, network)| {
        let path = format!("{}[{at}].multus.networkName", Dotted(&path));
        (path, network)
    });
    networks.extend(present);
    let mut told: BTreeSet<NetworkName> = BTreeSet::new();
    for (path, network) in networks {
        let network = NetworkName::of(network, context.namespace);
        if !told.contains(&network) {
            out.warnings.extend(warning(path, &network, context));
            told.insert(network);
        }
    }
}

/// What a person should know of this network.
fn warning(path: String, network: &NetworkName, context: Context<'_>) -> Option<Warning> {
    let known = network.known(context.surroundings);
    let network = network.to_string();
    match known {
        NetworkKnown::Missing => Some(Warning::NetworkMissing { path, network }),
        NetworkKnown::WithoutResource => Some(Warning::NetworkWithoutResource { path, network }),
        NetworkKnown::Unwatched | NetworkKnown::Resource(_) => None,
    }
}

#[cfg(test)]
mod tests;

//! Virtual functions: for each that is wanted and not there, one network and one interface of the same name.
//!
//! The resource itself is the pod's matter ([`super::vf_resources`]): written into the domain, one explicit number hides
//! what KubeVirt counts, and the guest still has no interface (facts: domain 0.3, kubevirt-cdi 2).

use crate::denial::Denial;
use crate::edit::{Dotted, Why};
use crate::policy::Policy;
use crate::surroundings::NetworkKnown;
use crate::view::Network;
use crate::warning::Warning;
use crate::wish::{AddressWish, VfWish};

use super::guest::Guest;
use super::machines::{Asked, Change};
use super::networks::{NetworkName, Plug, interfaces};
use super::{Context, Mutation};

/// Plans the interfaces of the guest: those that it has, then those that are added. [`super::addresses`] turns the plan
/// into edits, since an address needs a MAC. `None` if the user touched nothing of it.
pub(super) fn plan(
    change: Change<'_>,
    context: Context<'_>,
    out: &mut Mutation,
) -> Result<Option<Vec<Plug>>, Denial> {
    if !change.touches(look) {
        return Ok(None);
    }
    let guest = &change.now.guest;
    let mut plugs = Plug::all_of(guest);
    if let Some((wishes, why)) = &change.now.wishes.vfs {
        for wish in wishes {
            add(wish, why, guest, context, &mut plugs)?;
        }
    }
    warn(change.now, context, out);
    Ok(Some(plugs))
}

/// What decides about interfaces; borrowed from one object, so that two can be compared.
type Looked<'v> = (
    Option<&'v (Vec<VfWish>, Why)>,
    Option<&'v (Vec<AddressWish>, String)>,
    Vec<&'v str>,
    Option<&'v [Network<'v>]>,
);

fn look<'v>(asked: &'v Asked<'v>) -> Looked<'v> {
    let names = interfaces(&asked.guest)
        .iter()
        .map(|interface| interface.name.as_deref().unwrap_or_default());
    (
        asked.wishes.vfs.as_ref(),
        asked.wishes.addresses.as_ref(),
        names.collect(),
        asked.guest.spec.networks.as_deref(),
    )
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
    let written = network_of(wish, context.policy, why)?;
    let wanted = NetworkName::of(written, context.namespace);
    let there = functions(guest)
        .filter(|(_, network)| NetworkName::of(network, context.namespace) == wanted)
        .count();
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

fn network_of<'w>(wish: &'w VfWish, policy: &'w Policy, why: &Why) -> Result<&'w str, Denial> {
    let first = || policy.vf_pools.first().map(|pool| pool.network.as_str());
    wish.network
        .as_deref()
        .or_else(first)
        .ok_or_else(|| Denial::Impossible {
            path: why.to_string(),
            found: format!("{} virtual functions of no network", wish.count),
            expected: "a network, like namespace/name=2, since the policy has no vfPools"
                .to_owned(),
        })
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

/// Networks of the guest's virtual functions, present and wanted, from which a pod would get none.
fn warn(asked: &Asked<'_>, context: Context<'_>, out: &mut Mutation) {
    let guest = &asked.guest;
    let path = guest.path(&["spec", "networks"]);
    let present = functions(guest).map(|(at, network)| {
        let path = format!("{}[{at}].multus.networkName", Dotted(&path));
        (path, network)
    });
    let wanted = asked.wishes.vfs.iter().flat_map(|(wishes, why)| {
        let wanted = wishes.iter().filter(|wish| wish.count > 0);
        wanted.filter_map(move |wish| {
            Some((why.to_string(), network_of(wish, context.policy, why).ok()?))
        })
    });
    let mut told: Vec<NetworkName> = Vec::new();
    for (path, network) in present.chain(wanted) {
        let network = NetworkName::of(network, context.namespace);
        if !told.contains(&network) {
            out.warnings.extend(warning(path, &network, context));
            told.push(network);
        }
    }
}

/// What a person should know of this network.
fn warning(path: String, network: &NetworkName, context: Context<'_>) -> Option<Warning> {
    let known = network.known(context);
    let network = network.to_string();
    match known {
        NetworkKnown::Missing => Some(Warning::NetworkMissing { path, network }),
        NetworkKnown::WithoutResource => Some(Warning::NetworkWithoutResource { path, network }),
        NetworkKnown::Unwatched | NetworkKnown::Resource(_) => None,
    }
}

#[cfg(test)]
mod tests;

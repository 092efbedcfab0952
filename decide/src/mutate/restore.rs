//! What an update drops of ours without meaning to: a client that writes whole lists, as `kubectl apply` does with
//! interfaces, networks, volumes and credentials, sends them without our part of them.
//!
//! It is put back as it was, from the object before and its record, whatever the policy says by now: a running VM must
//! not lose an interface because somebody changed a profile.

use serde_json::Value;

use crate::edit::{Edit, Token, Why};
use crate::names;
use crate::view::AccessCredential;

use super::addresses::MARK;
use super::guest::Guest;
use super::networks::Plug;

const WHY: Why = Why::Restored;

/// Virtual functions that we gave to the guest before and it lacks now, with their MAC addresses.
pub(super) fn functions(before: &Guest<'_>, now: &[Plug]) -> Vec<Plug> {
    let networks = before.spec.networks.as_deref().unwrap_or_default();
    let lost = |plug: &Plug| !now.iter().any(|kept| kept.name == plug.name);
    let restored = Plug::all_of(before)
        .into_iter()
        .filter(lost)
        .filter_map(|plug| {
            let ours = recorded(before, "interfaces", &plug.name);
            let mut networks = networks.iter();
            let network =
                networks.find(|network| network.name.as_deref() == Some(plug.name.as_str()))?;
            let name = network.multus.as_ref()?.network_name.as_deref()?;
            ours.then(|| {
                let mut restored = Plug::of_vf(plug.name, name, WHY);
                restored.mac = plug.mac;
                restored
            })
        });
    restored.collect()
}

/// The network data, if the guest had some of ours and has none now; the MAC addresses that it matches by go into the
/// plan.
pub(super) fn addresses(before: &Guest<'_>, now: &Guest<'_>, plugs: &mut [Plug]) -> Option<Edit> {
    let (_, _, of_before) = before.cloud_init()?;
    let ours = of_before.network_data.as_deref();
    let ours = ours.filter(|data| data.starts_with(MARK))?;
    let old = Plug::all_of(before);
    for plug in plugs.iter_mut().filter(|plug| plug.mac.is_none()) {
        let same = old.iter().find(|old| old.name == plug.name);
        plug.mac = same.and_then(|old| old.mac.clone());
    }
    let (at, field, cloud_init) = now.cloud_init()?;
    if !cloud_init.has_no_network_data() {
        return None;
    }
    let mut path = now.path(&["spec", "volumes"]);
    path.push(Token::Owned(at.to_string()));
    path.extend([field, "networkData"].map(Token::Borrowed));
    Some(Edit {
        path,
        value: Value::from(ours),
        what: "addresses".to_owned(),
        why: WHY,
    })
}

/// Secrets with public keys of ssh that we gave to the guest before and it lacks now.
pub(super) fn secrets<'v>(before: &'v Guest<'v>, now: &Guest<'_>) -> Vec<&'v str> {
    let of = |credentials: &'v [AccessCredential<'v>]| {
        credentials.iter().filter_map(AccessCredential::ssh_secret)
    };
    let now = now.spec.access_credentials.as_deref().unwrap_or_default();
    let has = |secret: &str| now.iter().any(|one| one.ssh_secret() == Some(secret));
    of(before
        .spec
        .access_credentials
        .as_deref()
        .unwrap_or_default())
    .filter(|secret| recorded(before, "accessCredentials", secret) && !has(secret))
    .collect()
}

/// Whether the record says that this element of a list is ours.
fn recorded(guest: &Guest<'_>, list: &str, element: &str) -> bool {
    let record = guest
        .object
        .and_then(|object| object.annotation(names::INJECTED_ANNOTATION));
    let entry = format!(".{list}+={element} (");
    record.is_some_and(|record| record.split("; ").any(|known| known.contains(&entry)))
}

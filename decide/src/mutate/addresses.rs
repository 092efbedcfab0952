//! Static addresses: cloud-init's network data (version 2), matched by MAC.
//!
//! The order of interfaces in a guest is no promise, so nothing is matched by name (mission 39). Once there is network
//! data, cloud-init configures nothing by itself any more, so the pod's interface is written too, with DHCP.

use std::fmt::Write;

use crate::denial::Denial;
use crate::edit::{Dotted, Edit, Token, Why};
use crate::names;
use crate::view::CloudInit;
use crate::wish::AddressWish;

use super::guest::Guest;
use super::machines::Asked;
use super::networks::{self, Plug};
use super::{Context, Mutation};

const WHY: Why = Why::Annotation(names::ADDRESSES_ANNOTATION);

/// First line of network data that is ours, and may be replaced when the annotation changes.
pub(super) const MARK: &str = "# by vmberth, from annotation vmberth.io/addresses";

/// Adds the planned interfaces, and the addresses that are wanted on them.
pub(super) fn inject(
    asked: &Asked<'_>,
    context: Context<'_>,
    mut plugs: Vec<Plug>,
    out: &mut Mutation,
) -> Result<(), Denial> {
    let guest = &asked.guest;
    let Some((wishes, annotation)) = &asked.wishes.addresses else {
        out.edits.extend(networks::edits(guest, &plugs, &WHY));
        return Ok(());
    };
    if guest.many {
        return Err(impossible(
            annotation,
            "static addresses in a template of many instances",
            "addresses on a VirtualMachine of its own, since every instance would get the same ones",
        ));
    }
    for wish in wishes {
        check(wish, &plugs, annotation)?;
    }
    for plug in &mut plugs {
        let wanted = plug.pod || wishes.iter().any(|wish| wish.interface == plug.name);
        if wanted && plug.mac.is_none() {
            let name = guest.name.ok_or_else(|| {
                impossible(
                    annotation,
                    "an interface without macAddress and a VM without a name",
                    "metadata.name instead of generateName, from which a MAC address is made, or macAddress",
                )
            })?;
            plug.mac = Some(mac(context.namespace, name, &plug.name));
        }
    }
    let data = network_data(&plugs, wishes);
    let edit = network_data_edit(guest, data, annotation)?;
    out.edits.extend(networks::edits(guest, &plugs, &WHY));
    out.edits.extend(edit);
    Ok(())
}

fn check(wish: &AddressWish, plugs: &[Plug], annotation: &str) -> Result<(), Denial> {
    let Some(plug) = plugs.iter().find(|plug| plug.name == wish.interface) else {
        let names: Vec<_> = plugs.iter().map(|plug| plug.name.as_str()).collect();
        let expected = match names.join(", ") {
            names if names.is_empty() => "an interface of the VM, which has none".to_owned(),
            names => format!("one of the VM's interfaces: {names}"),
        };
        return Err(impossible(
            annotation,
            &format!("interface {:?}", wish.interface),
            &expected,
        ));
    };
    if plug.pod {
        return Err(impossible(
            annotation,
            &format!("interface {:?} of the pod's network", wish.interface),
            "an interface of another network; the pod's gets its address from Kubernetes",
        ));
    }
    Ok(())
}

/// The edit that puts the data into the VM's cloud-init; none if it is there already.
fn network_data_edit(
    guest: &Guest<'_>,
    data: String,
    annotation: &str,
) -> Result<Option<Edit>, Denial> {
    let mut path = guest.path(&["spec", "volumes"]);
    let Some((at, field, cloud_init)) = guest.cloud_init() else {
        return Err(impossible(
            annotation,
            "static addresses, and no volume that tells cloud-init",
            "a volume with cloudInitNoCloud or cloudInitConfigDrive, and its disk",
        ));
    };
    path.extend([Token::Owned(at.to_string()), Token::Borrowed(field)]);
    if let Some(found) = of_user(cloud_init) {
        return Err(impossible(
            &Dotted(&path).to_string(),
            &format!("{found} of the user, and {annotation}"),
            "one of the two: vmberth never changes network data that it did not write, and can't read Secrets",
        ));
    }
    if cloud_init.network_data.as_deref() == Some(data.as_str()) {
        return Ok(None);
    }
    path.push(Token::Borrowed("networkData"));
    Ok(Some(Edit {
        path,
        value: data.into(),
        what: "addresses".to_owned(),
        why: WHY,
    }))
}

/// What the user has written that we may not touch.
fn of_user(cloud_init: &CloudInit<'_>) -> Option<&'static str> {
    let inline = cloud_init.network_data.as_deref();
    if inline.is_some_and(|data| !data.is_empty() && !data.starts_with(MARK)) {
        Some("networkData")
    } else if cloud_init
        .network_data_base64
        .as_deref()
        .is_some_and(|data| !data.is_empty())
    {
        Some("networkDataBase64")
    } else if cloud_init.network_data_secret_ref.is_some() {
        Some("networkDataSecretRef")
    } else if cloud_init.secret_ref.is_some() {
        Some("secretRef")
    } else {
        None
    }
}

/// Network data in YAML; names are quoted, since `no` or `1` are none to a parser.
fn network_data(plugs: &[Plug], wishes: &[AddressWish]) -> String {
    let mut text = format!("{MARK}\nversion: 2\nethernets:\n");
    for plug in plugs {
        let addresses: Vec<String> = wishes
            .iter()
            .filter(|wish| wish.interface == plug.name)
            .map(|wish| format!("\"{wish}\""))
            .collect();
        if addresses.is_empty() && !plug.pod {
            continue;
        }
        let mac = plug.mac.as_deref().unwrap_or_default();
        let mac = mac.replace('-', ":").to_ascii_lowercase();
        let what = if addresses.is_empty() {
            "dhcp4: true".to_owned()
        } else {
            format!("addresses: [{}]", addresses.join(", "))
        };
        let name = &plug.name;
        let _ = write!(
            text,
            "  \"{name}\":\n    match: {{macaddress: \"{mac}\"}}\n    {what}\n"
        );
    }
    text
}

/// A MAC address that stays the same for the same interface of the same VM: locally administered, unicast, the rest
/// by FNV-1a of the three names.
fn mac(namespace: &str, vm: &str, interface: &str) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let text = format!("{namespace}/{vm}/{interface}");
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    let hash = text.bytes().fold(OFFSET, step);
    let [_, _, _, a, b, c, d, e] = hash.to_be_bytes();
    format!("02:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}")
}

fn impossible(path: &str, found: &str, expected: &str) -> Denial {
    Denial::Impossible {
        path: path.to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests;

//! A guest's interfaces and networks as they are, and as they will be with what is added.

use serde_json::{Value, json};

use crate::edit::{Edit, Token, Why};
use crate::policy::PodInterface;
use crate::view::{Interface, Network};

use super::guest::Guest;

/// One interface with its network: as it is, or as it will be added.
#[derive(Debug, Clone)]
pub(super) struct Plug {
    /// Name of both.
    pub(super) name: String,
    /// The MAC address, if one is set.
    pub(super) mac: Option<String>,
    /// Whether it is in the pod's own network.
    pub(super) pod: bool,
    /// What to add; `None` if it is there already.
    added: Option<Added>,
}

#[derive(Debug, Clone)]
struct Added {
    interface: Value,
    network: Value,
    what: String,
    why: Why,
}

impl Plug {
    /// The interfaces that a guest has, in its order.
    pub(super) fn all_of(guest: &Guest<'_>) -> Vec<Self> {
        let networks = guest.spec.networks.as_deref().unwrap_or_default();
        let plug = |interface: &Interface<'_>| {
            let name = interface.name.as_deref().unwrap_or_default().to_owned();
            let named = |network: &&Network<'_>| network.name.as_deref() == Some(name.as_str());
            let network = networks.iter().find(named);
            Self {
                mac: mac_of(interface).map(str::to_owned),
                pod: network.is_some_and(|network| network.pod.is_some()),
                added: None,
                name,
            }
        };
        interfaces(guest).iter().map(plug).collect()
    }

    /// The interface that KubeVirt would have added to a guest without any (KubeVirt 1.8.4,
    /// pkg/network/vmispec/defaults.go, `SetDefaultNetworkInterface`).
    pub(super) fn of_pod(binding: PodInterface) -> Self {
        let name = "default".to_owned();
        let binding = match binding {
            PodInterface::Bridge => "bridge",
            PodInterface::Masquerade => "masquerade",
        };
        let added = Added {
            interface: json!({"name": name, binding: {}}),
            network: json!({"name": name, "pod": {}}),
            what: format!("{name} ({binding})"),
            why: Why::KeepsPodInterface,
        };
        Self {
            name,
            mac: None,
            pod: true,
            added: Some(added),
        }
    }

    /// A virtual function of a network, named as it was written.
    pub(super) fn of_vf(name: String, network: &str, why: Why) -> Self {
        let added = Added {
            interface: json!({"name": name, "sriov": {}}),
            network: json!({"name": name, "multus": {"networkName": network}}),
            what: format!("{name} (sriov, {network})"),
            why,
        };
        Self {
            name,
            mac: None,
            pod: false,
            added: Some(added),
        }
    }
}

/// The interfaces that are there; an empty list and none are the same to KubeVirt.
pub(super) fn interfaces<'v>(guest: &Guest<'v>) -> &'v [Interface<'v>] {
    let domain = guest.spec.domain.as_ref();
    let devices = domain.and_then(|domain| domain.devices.as_ref());
    let interfaces = devices.and_then(|devices| devices.interfaces.as_deref());
    interfaces.unwrap_or_default()
}

/// The MAC address; an empty one counts as absent, as it does to KubeVirt.
fn mac_of<'v>(interface: &'v Interface<'_>) -> Option<&'v str> {
    let mac = interface.mac_address.as_deref();
    mac.filter(|mac| !mac.is_empty())
}

/// The edits that add what is not there, and MAC addresses where they were set since.
pub(super) fn edits(guest: &Guest<'_>, plugs: &[Plug], mac_why: &Why) -> Vec<Edit> {
    let domain = guest.spec.domain.as_ref();
    let devices = domain.and_then(|domain| domain.devices.as_ref());
    let listed = devices.is_some_and(|devices| devices.interfaces.is_some());
    let before = interfaces(guest);
    let mut edits = Vec::new();
    if devices.is_none() && plugs.iter().any(|plug| plug.added.is_some()) {
        edits.push(Edit {
            path: guest.path(&["spec", "domain", "devices"]),
            value: json!({}),
            what: "{}".to_owned(),
            why: Why::Networks,
        });
    }
    let path = guest.path(&["spec", "domain", "devices", "interfaces"]);
    let mut exists = listed;
    for (at, plug) in plugs.iter().enumerate() {
        if let Some(added) = &plug.added {
            let mut interface = added.interface.clone();
            if let (Some(mac), Some(fields)) = (&plug.mac, interface.as_object_mut()) {
                fields.insert("macAddress".to_owned(), mac.clone().into());
            }
            let (what, why) = (added.what.clone(), added.why.clone());
            edits.push(Edit::append(path.clone(), exists, interface, what, why));
            exists = true;
        } else if let (Some(mac), None) = (&plug.mac, before.get(at).and_then(mac_of)) {
            let mut path = path.clone();
            path.extend([Token::Owned(at.to_string()), Token::Borrowed("macAddress")]);
            edits.push(Edit {
                path,
                value: mac.clone().into(),
                what: mac.clone(),
                why: mac_why.clone(),
            });
        }
    }
    let path = guest.path(&["spec", "networks"]);
    let mut exists = guest.spec.networks.is_some();
    for added in plugs.iter().filter_map(|plug| plug.added.as_ref()) {
        let (what, why) = (added.what.clone(), added.why.clone());
        let network = added.network.clone();
        edits.push(Edit::append(path.clone(), exists, network, what, why));
        exists = true;
    }
    edits
}

//! How the host uses a card and its functions.

use std::collections::BTreeSet;

use crate::names;
use crate::node::config::Config;
use crate::node::facts::{Area, Facts, Interface, PhysicalFunction, VirtualFunction};

/// Functions of cards that the config leaves to an operator, as far as the host does not use them; by address.
pub(in crate::node) fn idle<'f>(facts: &'f Facts, config: &Config) -> BTreeSet<&'f str> {
    let is_left = |pf: &&PhysicalFunction| {
        let mut bindings = config.binder.iter();
        !bindings.any(|binding| goes_by(pf, &binding.physical_function))
            && default_route(pf).is_none()
            && unreadable(facts, pf).is_none()
    };
    let vfs = facts.functions.iter().filter(is_left);
    vfs.flat_map(|pf| &pf.vfs)
        .filter(|vf| use_by_host(vf).is_none())
        .map(|vf| vf.address.as_str())
        .collect()
}

/// The config may call a card by its address or by an interface.
pub(super) fn goes_by(pf: &PhysicalFunction, name: &str) -> bool {
    pf.address == name || pf.interfaces.iter().any(|interface| interface.name == name)
}

/// How the host uses a function, in words.
pub(super) fn use_by_host(vf: &VirtualFunction) -> Option<String> {
    let of_interface = vf.interfaces.iter().find_map(|interface| {
        let (what, mend) = use_of_interface(interface)?;
        let name = &interface.name;
        Some(format!("is in use: {name} {what}: {mend}{name}"))
    });
    of_interface.or_else(|| use_out_of_sight(vf))
}

/// Something of the card, or of the node's routes and interfaces, could not be read: any function may be in use.
pub(super) fn unreadable(facts: &Facts, pf: &PhysicalFunction) -> Option<String> {
    let is_of_card = |path: &str| {
        let names_it = |address: &str| path.contains(address);
        !path.starts_with("/sys/bus/pci/devices/")
            || names_it(&pf.address)
            || pf.vfs.iter().any(|vf| names_it(&vf.address))
    };
    let mut problems = facts.problems.iter();
    let problem =
        problems.find(|problem| problem.area == Area::Functions && is_of_card(&problem.path))?;
    Some(format!(
        "nobody knows which functions are in use: can't be read: {}: {}",
        problem.path, problem.reason
    ))
}

/// A driver has it, and no interface is seen: that is in another network namespace, or a process drives it (igb_uio).
fn use_out_of_sight(vf: &VirtualFunction) -> Option<String> {
    let driver = vf.driver.as_deref();
    let driver = driver.filter(|driver| *driver != names::VFIO_DRIVER && vf.interfaces.is_empty());
    driver.map(|driver| {
        format!(
            "may be in use: {driver} has it and no interface of it is seen: end who uses it, then dpdk-devbind.py -u {}",
            vf.address
        )
    })
}

/// Why an interface counts as used, and the command that ends it.
fn use_of_interface(interface: &Interface) -> Option<(&'static str, &'static str)> {
    if interface.default_route {
        Some(("carries the default route", "move the route off "))
    } else if interface.enslaved {
        Some((
            "is part of a bond, bridge or team",
            "ip link set nomaster dev ",
        ))
    } else if interface.routed {
        Some(("has routes", "ip address flush dev "))
    } else if interface.up {
        Some(("is up", "ip link set down dev "))
    } else {
        None
    }
}

/// A mistake at the card of the default route takes the node off its network.
pub(super) fn default_route(pf: &PhysicalFunction) -> Option<String> {
    let interface = pf
        .interfaces
        .iter()
        .find(|interface| interface.default_route)?;
    Some(format!(
        "the node's default route goes through {}: it is left alone",
        interface.name
    ))
}

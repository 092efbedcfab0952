//! Network interfaces of PCI devices.

use std::collections::BTreeSet;
use std::io;

use vmberth_decide::node::facts::{Area, Interface};

use super::read::{FILE, Host, excerpt, if_there};
use super::routes::Routes;

const CLASS: &str = "/sys/class/net";
/// Flags of an interface (linux/if.h).
const IFF_UP: u32 = 0x1;
const IFF_SLAVE: u32 = 0x800;

/// Reads interfaces, with what the node's routes say of them.
pub(super) struct Interfaces<'a> {
    host: &'a Host,
    routes: Routes,
}

impl<'a> Interfaces<'a> {
    pub(super) fn new(host: &'a Host) -> Self {
        Self {
            host,
            routes: Routes::read(host),
        }
    }

    /// Interfaces of a device, by name; a device that a VM has, or could have, has none.
    pub(super) fn of(&self, device: &str) -> Vec<Interface> {
        let path = format!("{device}/net");
        let names = self
            .host
            .noted(Area::Functions, &path, if_there(self.host.names(&path)))
            .flatten();
        names
            .unwrap_or_default()
            .into_iter()
            .map(|name| self.read(&path, name))
            .collect()
    }

    fn read(&self, net: &str, name: String) -> Interface {
        let path = format!("{net}/{name}");
        let flags = self.flags(&format!("{path}/flags"));
        let operstate = format!("{path}/operstate");
        // Reading the carrier of an interface that is down fails with EINVAL: that is an answer, not a problem.
        let carrier: Option<u8> = self.host.number(&format!("{path}/carrier")).ok();
        let above = self.above(&path);
        let users = || std::iter::once(&name).chain(&above);
        Interface {
            operstate: self
                .host
                .noted(
                    Area::Functions,
                    &operstate,
                    self.host.text(&operstate, FILE),
                )
                .unwrap_or_default(),
            carrier: carrier.map(|carrier| carrier == 1),
            up: flags & IFF_UP != 0,
            enslaved: flags & IFF_SLAVE != 0 || self.has_master(&path),
            default_route: users().any(|user| self.routes.default.contains(user)),
            routed: users().any(|user| self.routes.any.contains(user)),
            name,
        }
    }

    /// `0x1003`; none if they can't be read.
    fn flags(&self, path: &str) -> u32 {
        let flags = self.host.text(path, FILE).and_then(|text| {
            text.strip_prefix("0x")
                .and_then(|digits| u32::from_str_radix(digits, 16).ok())
                .ok_or_else(|| {
                    let found = excerpt(&text);
                    io::Error::other(format!("expected flags such as 0x1003, found {found}"))
                })
        });
        self.host
            .noted(Area::Functions, path, flags)
            .unwrap_or_default()
    }

    fn has_master(&self, path: &str) -> bool {
        let master = format!("{path}/master");
        self.host
            .noted(Area::Functions, &master, self.host.link(&master))
            .flatten()
            .is_some()
    }

    /// Interfaces on top of one: VLANs, bonds, bridges and what is on top of those. The node's default route goes through a
    /// port of a bond, though it names the bond.
    fn above(&self, path: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut paths = vec![path.to_owned()];
        while let Some(path) = paths.pop() {
            let names = self.host.names(&path).unwrap_or_default();
            let upper = names.iter().filter_map(|name| name.strip_prefix("upper_"));
            let master = self.host.link(&format!("{path}/master")).ok().flatten();
            for name in upper.map(str::to_owned).chain(master) {
                let next = format!("{CLASS}/{name}");
                if found.insert(name) {
                    paths.push(next);
                }
            }
        }
        found
    }
}

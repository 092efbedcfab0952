//! Which interfaces the node's routes go through, from proc's tables (the kernel's main table; net/ipv4/fib_trie.c,
//! net/ipv6/route.c).

use std::collections::BTreeSet;
use std::io;

use vmberth_decide::node::facts::Area;

use super::read::{Host, TABLE, excerpt, if_there};

/// Flags of a route (linux/route.h).
const RTF_UP: u32 = 0x1;
const RTF_REJECT: u32 = 0x200;

/// Interfaces by their use.
#[derive(Default)]
pub(super) struct Routes {
    /// A default route goes through them.
    pub(super) default: BTreeSet<String>,
    /// Any route does.
    pub(super) any: BTreeSet<String>,
}

/// One route.
struct Route<'a> {
    interface: &'a str,
    default: bool,
}

impl Routes {
    /// Reads both tables of the node's network namespace; a kernel without IPv6 has but one.
    pub(super) fn read(host: &Host) -> Self {
        let mut routes = Self::default();
        let four = table(host, "route").and_then(|text| {
            let text = text.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
            routes.add(text.lines().skip(1), four)
        });
        host.noted(Area::Functions, "/proc/1/net/route", four);
        let six = table(host, "ipv6_route")
            .and_then(|text| routes.add(text.unwrap_or_default().lines(), six));
        host.noted(Area::Functions, "/proc/1/net/ipv6_route", six);
        routes
    }

    /// Adds a table; one line that can't be read spoils it, since it might have been the default route.
    fn add<'a>(
        &mut self,
        lines: impl Iterator<Item = &'a str>,
        parse: impl Fn(&'a str) -> Option<Option<Route<'a>>>,
    ) -> io::Result<()> {
        for line in lines {
            let route = parse(line).ok_or_else(|| {
                io::Error::other(format!("expected a route, found {}", excerpt(line)))
            })?;
            let Some(route) = route else { continue };
            self.any.insert(route.interface.to_owned());
            if route.default {
                self.default.insert(route.interface.to_owned());
            }
        }
        Ok(())
    }
}

/// A table of the first process' network namespace; of ours where there is no such process.
fn table(host: &Host, name: &str) -> io::Result<Option<String>> {
    let first = if_there(host.text(&format!("/proc/1/net/{name}"), TABLE))?;
    match first {
        Some(text) => Ok(Some(text)),
        None => if_there(host.text(&format!("/proc/net/{name}"), TABLE)),
    }
}

/// `eth0 00000000 0102A8C0 0003 0 0 100 00000000 0 0 0`: interface, destination, gateway, flags, …, mask.
#[expect(
    clippy::option_option,
    reason = "no line of the table; a line of no interest; a route"
)]
fn four(line: &str) -> Option<Option<Route<'_>>> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let &[interface, destination, _, flags, _, _, _, mask, ..] = words.as_slice() else {
        return None;
    };
    let hex = |word| u32::from_str_radix(word, 16).ok();
    let (destination, mask) = (hex(destination)?, hex(mask)?);
    Some(used(hex(flags)?, interface, destination == 0 && mask == 0))
}

/// Destination, its length, source, its length, next hop, metric, references, use, flags, interface.
#[expect(
    clippy::option_option,
    reason = "no line of the table; a line of no interest; a route"
)]
fn six(line: &str) -> Option<Option<Route<'_>>> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let &[destination, length, _, _, _, _, _, _, flags, interface] = words.as_slice() else {
        return None;
    };
    let address = u128::from_str_radix(destination, 16).ok()?;
    let length = u8::from_str_radix(length, 16).ok()?;
    let flags = u32::from_str_radix(flags, 16).ok()?;
    // Every interface that is up has routes of link-local (fe80::/10) and multicast (ff00::/8) addresses: nobody gave them.
    let by_itself = address >> 118 == 0xfe80 >> 6 || address >> 120 == 0xff;
    Some(used(flags, interface, address == 0 && length == 0).filter(|_| !by_itself))
}

/// The route, if it is up and leads somewhere.
fn used(flags: u32, interface: &str, default: bool) -> Option<Route<'_>> {
    let used = flags & RTF_UP != 0 && flags & RTF_REJECT == 0 && interface != "lo";
    used.then_some(Route { interface, default })
}

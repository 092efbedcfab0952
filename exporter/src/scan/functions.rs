//! SR-IOV capable devices and their virtual functions (facts: domain 3.1).

use std::io;

use vmberth_decide::node::facts::{Area, PhysicalFunction, VirtualFunction};

use super::groups::Groups;
use super::interfaces::Interfaces;
use super::read::{FILE, Host, excerpt, if_there};

const DEVICES: &str = "/sys/bus/pci/devices";
/// Base class of network controllers (PCI Code and ID Assignment Specification).
const NETWORK: &str = "02";

/// Reads every PF with its VFs, by address.
pub(super) fn read(host: &Host) -> Vec<PhysicalFunction> {
    let devices = if_there(host.names(DEVICES));
    let addresses = host.noted(Area::Functions, DEVICES, devices).flatten();
    let capable: Vec<(String, u32)> = addresses
        .unwrap_or_default()
        .into_iter()
        .filter_map(|address| {
            let total = total_vfs(host, &address)?;
            is_network(host, &address).then_some(())?;
            Some((address, total))
        })
        .collect();
    if capable.is_empty() {
        return Vec::new();
    }
    let mut reader = Reader {
        host,
        interfaces: Interfaces::new(host),
        groups: Groups::new(host),
    };
    capable
        .into_iter()
        .map(|(address, total)| reader.physical(address, total))
        .collect()
}

/// Most VFs of a device; `None` if it is not SR-IOV capable.
fn total_vfs(host: &Host, address: &str) -> Option<u32> {
    let path = format!("{DEVICES}/{address}/sriov_totalvfs");
    let total = host.noted(Area::Functions, &path, if_there(host.number(&path)))?;
    total.filter(|total| *total > 0)
}

/// Drives and accelerators can have virtual functions too; those are none of ours.
fn is_network(host: &Host, address: &str) -> bool {
    let path = format!("{DEVICES}/{address}/class");
    let class = host.text(&path, FILE).and_then(|text| {
        let digits = text.strip_prefix("0x").unwrap_or_default();
        if digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(digits.starts_with(NETWORK))
        } else {
            let found = excerpt(&text);
            Err(io::Error::other(format!(
                "expected 0x and six digits, found {found}"
            )))
        }
    });
    host.noted(Area::Functions, &path, class)
        .unwrap_or_default()
}

/// What it takes to read functions.
struct Reader<'a> {
    host: &'a Host,
    interfaces: Interfaces<'a>,
    groups: Groups<'a>,
}

impl Reader<'_> {
    fn physical(&mut self, address: String, total_vfs: u32) -> PhysicalFunction {
        let path = format!("{DEVICES}/{address}");
        let num_vfs = format!("{path}/sriov_numvfs");
        PhysicalFunction {
            vendor: self.id(&path, "vendor"),
            device: self.id(&path, "device"),
            driver: driver(self.host, &path),
            total_vfs,
            num_vfs: self
                .noted(&num_vfs, self.host.number(&num_vfs))
                .unwrap_or_default(),
            numa: self.numa(&path),
            interfaces: self.interfaces.of(&path),
            vfs: self.vfs(&path),
            address,
        }
    }

    /// The functions behind the links `virtfn<N>`, by N.
    fn vfs(&mut self, path: &str) -> Vec<VirtualFunction> {
        let names = self.noted(path, self.host.names(path)).unwrap_or_default();
        let mut indexes: Vec<u32> = names
            .iter()
            .filter_map(|name| name.strip_prefix("virtfn")?.parse().ok())
            .collect();
        indexes.sort_unstable();
        indexes
            .into_iter()
            .filter_map(|index| {
                let link = format!("{path}/virtfn{index}");
                let address = self.noted(&link, self.address(&link))?;
                is_network(self.host, &address).then_some(())?;
                Some(self.virtual_function(index, address))
            })
            .collect()
    }

    /// Address of the device that a link names, if there is such a device.
    fn address(&self, link: &str) -> io::Result<String> {
        let name = self.host.link(link)?.unwrap_or_default();
        if name.is_empty() || name.contains("..") {
            let problem = format!("expected a link to a PCI device, found {}", excerpt(&name));
            return Err(io::Error::other(problem));
        }
        let device = format!("{DEVICES}/{name}");
        match self.host.kind(&device)? {
            Some(_) => Ok(name),
            None => Err(io::Error::other(format!("{device} is not there"))),
        }
    }

    fn virtual_function(&mut self, index: u32, address: String) -> VirtualFunction {
        let path = format!("{DEVICES}/{address}");
        VirtualFunction {
            index,
            vendor: self.id(&path, "vendor"),
            device: self.id(&path, "device"),
            driver: driver(self.host, &path),
            numa: self.numa(&path),
            group: self.groups.of(&path, &address),
            interfaces: self.interfaces.of(&path),
            address,
        }
    }

    /// `0x8086` as `8086`; empty if it can't be read.
    fn id(&self, device: &str, file: &str) -> String {
        let path = format!("{device}/{file}");
        let id = self.host.text(&path, FILE).and_then(|text| {
            text.strip_prefix("0x")
                .filter(|id| id.len() == 4 && id.bytes().all(|b| b.is_ascii_hexdigit()))
                .map(str::to_ascii_lowercase)
                .ok_or_else(|| {
                    io::Error::other(format!(
                        "expected 0x and four digits, found {}",
                        excerpt(&text)
                    ))
                })
        });
        self.noted(&path, id).unwrap_or_default()
    }

    /// -1 says that the firmware does not tell; a kernel without NUMA has no such file.
    fn numa(&self, device: &str) -> Option<u32> {
        let path = format!("{device}/numa_node");
        let node: i64 = self.noted(&path, if_there(self.host.number(&path)))??;
        u32::try_from(node).ok()
    }

    fn noted<T>(&self, path: &str, result: io::Result<T>) -> Option<T> {
        self.host.noted(Area::Functions, path, result)
    }
}

/// Driver that is bound to a device.
pub(super) fn driver(host: &Host, device: &str) -> Option<String> {
    let path = format!("{device}/driver");
    host.noted(Area::Functions, &path, host.link(&path))
        .flatten()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use vmberth_decide::node::config::Config;
    use vmberth_decide::node::facts::Facts;

    use super::*;
    use crate::roots::{self, Roots};
    use crate::tree::{Card, Function, Tree};

    const PF: &str = "0000:3b:00.0";
    const VF: &str = "0000:3b:02.0";

    /// A scan of one card with one function, after a change of a file.
    fn scanned(path: &str, text: Option<&str>) -> Facts {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::new(root.path()).unwrap();
        let function = Function {
            address: VF.to_owned(),
            ..Function::default()
        };
        let card = Card {
            address: PF.to_owned(),
            total_vfs: 8,
            vfs: vec![function],
            ..Card::default()
        };
        tree.card(&card).unwrap();
        match text {
            Some(text) => tree.file(path, text).unwrap(),
            None => std::fs::remove_file(tree.path(path)).unwrap(),
        }
        let roots = Roots::new(root.path(), roots::KUBELET);
        crate::scan::scan(&roots, &Config::default())
    }

    #[rstest]
    #[case::ethernet(Some("0x020000\n"), true, None)]
    #[case::other_network_controller(Some("0x028000\n"), true, None)]
    #[case::nvme(Some("0x010802\n"), false, None)]
    #[case::accelerator(Some("0x120000\n"), false, None)]
    #[case::garbage(Some("020000\n"), false, Some("expected 0x and six digits"))]
    #[case::missing(None, false, Some("No such file"))]
    fn only_network_devices_have_functions_for_vms(
        #[case] class: Option<&str>,
        #[case] counts: bool,
        #[case] problem: Option<&str>,
    ) {
        for address in [PF, VF] {
            let path = format!("{DEVICES}/{address}/class");
            let facts = scanned(&path, class);
            let found = match address {
                PF => facts.functions.len(),
                _ => facts.functions[0].vfs.len(),
            };
            assert_eq!(found == 1, counts, "{address}");
            let mut told = facts.problems.iter().filter(|problem| problem.path == path);
            match (told.next(), problem) {
                (None, None) => {}
                (Some(told), Some(expected)) => {
                    assert_eq!(told.area, Area::Functions);
                    assert!(told.reason.contains(expected), "{told:?}");
                }
                (told, expected) => panic!("{told:?} is not {expected:?}"),
            }
        }
    }
}

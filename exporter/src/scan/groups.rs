//! IOMMU groups: devices that can only be handed out together.

use std::collections::BTreeMap;

use vmberth_decide::node::facts::{Area, IommuGroup};

use super::functions::driver;
use super::read::{FILE, Host, if_there};

const GROUPS: &str = "/sys/kernel/iommu_groups";

/// Reads each group once.
pub(super) struct Groups<'a> {
    host: &'a Host,
    known: BTreeMap<u32, Group>,
}

/// A group with all of its devices.
struct Group {
    name: Option<String>,
    drivers: BTreeMap<String, Option<String>>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(host: &'a Host) -> Self {
        Self {
            host,
            known: BTreeMap::new(),
        }
    }

    /// The group of a device; `None` without IOMMU.
    pub(super) fn of(&mut self, device: &str, address: &str) -> Option<IommuGroup> {
        let path = format!("{device}/iommu_group");
        let name = self
            .host
            .noted(Area::Functions, &path, self.host.link(&path))??;
        let Ok(number) = name.parse() else {
            let problem = format!("expected the number of a group, found {name:?}");
            self.host.note(Area::Functions, &path, &problem);
            return None;
        };
        let host = self.host;
        let group = self
            .known
            .entry(number)
            .or_insert_with(|| read(host, number));
        let mut others = group.drivers.clone();
        others.remove(address);
        Some(IommuGroup {
            number,
            name: group.name.clone(),
            others,
        })
    }
}

fn read(host: &Host, number: u32) -> Group {
    let name = format!("{GROUPS}/{number}/name");
    let devices = format!("{GROUPS}/{number}/devices");
    let members = host.noted(Area::Functions, &devices, host.names(&devices));
    Group {
        name: host
            .noted(Area::Functions, &name, if_there(host.text(&name, FILE)))
            .flatten()
            .filter(|name| !name.is_empty()),
        drivers: members
            .unwrap_or_default()
            .into_iter()
            .map(|member| {
                let driver = driver(host, &format!("{devices}/{member}"));
                (member, driver)
            })
            .collect(),
    }
}

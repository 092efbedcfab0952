//! What is kept of an inventory, and the offer that it makes with the free volumes of its node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cells::cells;
use crate::event::Volume;
use crate::fit::Offer;
use crate::fit::cells::Cells;
use crate::fit::counted::{Counted, Supply};
use crate::fit::volumes::{FileSystemOffer, FreeVolume};
use crate::inventory::{FileSystem, HugePages, NodeInventoryStatus, VfPool, VolumeState};

/// The parts of an inventory that offers are made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Stock {
    /// PersistentVolumes that can't be used, whatever the API server says: unhealthy, kept, with data in them.
    unusable: BTreeSet<Arc<str>>,
    /// The place of each PersistentVolume's file system.
    file_system_of: BTreeMap<Arc<str>, usize>,
    file_systems: Vec<FileSystemOffer>,
    /// PersistentVolumes in which there is no disk yet: what theirs will take is no part of any promise.
    empty: BTreeSet<Arc<str>>,
    pub(super) counted: BTreeMap<Counted, Supply>,
    cells: Arc<Cells>,
}

impl Stock {
    pub(super) fn of(inventory: &NodeInventoryStatus) -> Self {
        let places: BTreeMap<&str, usize> = inventory
            .file_systems
            .iter()
            .enumerate()
            .map(|(at, file_system)| (file_system.device.as_str(), at))
            .collect();
        let mut stock = Self {
            file_systems: inventory.file_systems.iter().map(space).collect(),
            cells: Arc::new(cells(inventory)),
            ..Self::default()
        };
        for volume in &inventory.volumes {
            let Some(name) = &volume.persistent_volume else {
                continue;
            };
            let name: Arc<str> = name.as_str().into();
            if let Some(place) = places.get(volume.file_system.as_str()) {
                stock.file_system_of.insert(Arc::clone(&name), *place);
            }
            if volume.disk_bytes.is_none() {
                stock.empty.insert(Arc::clone(&name));
            }
            // The agent may not have seen yet that a volume was bound, given back or made; the API server has the word on that.
            if matches!(volume.state, VolumeState::Unhealthy | VolumeState::Retained) {
                stock.unusable.insert(name);
            }
        }
        let pools = inventory.vf_pools.iter().map(functions);
        stock.counted = pools
            .chain(inventory.huge_pages.iter().filter_map(pages))
            .collect();
        stock
    }

    /// Lets every resource be replaced by an equal one.
    pub(super) fn each_resource(&mut self, mut replace: impl FnMut(&mut Arc<str>)) {
        let counted = std::mem::take(&mut self.counted).into_iter();
        self.counted = counted
            .map(|(mut of, supply)| {
                if let Counted::Vfs(resource) = &mut of {
                    replace(resource);
                }
                (of, supply)
            })
            .collect();
    }

    /// Takes the bytes of a disk out of an offer that is promised to a claim and not there yet.
    pub(super) fn subtract_disk_to_come(&self, name: &Arc<str>, bytes: u64, offer: &mut Offer) {
        let place = self
            .file_system_of
            .get(name)
            .filter(|_| self.empty.contains(name));
        if let Some(file_system) = place.and_then(|at| offer.file_systems.get_mut(*at)) {
            file_system.free_bytes = file_system.free_bytes.saturating_sub(bytes);
        }
    }

    /// With these free volumes of the node, by name.
    pub(super) fn offer<'v>(
        &self,
        free: impl Iterator<Item = (&'v Arc<str>, &'v Volume)>,
    ) -> Offer {
        let volume = |(name, volume): (&Arc<str>, &Volume)| FreeVolume {
            name: Arc::clone(name),
            class: Arc::clone(&volume.class),
            bytes: volume.bytes,
            mode: volume.mode,
            access: volume.access,
            labels: Arc::clone(&volume.labels),
            file_system: self.file_system_of.get(name).copied(),
        };
        let (mut usable, mut spoilt) = (Vec::new(), Vec::new());
        for one in free {
            if self.unusable.contains(one.0) {
                spoilt.push(volume(one));
            } else {
                usable.push(volume(one));
            }
        }
        Offer {
            volumes: usable,
            spoilt,
            file_systems: self.file_systems.clone(),
            counted: self.counted.clone(),
            held: BTreeMap::new(),
            cells: Arc::clone(&self.cells),
        }
    }
}

fn space(file_system: &FileSystem) -> FileSystemOffer {
    FileSystemOffer {
        free_bytes: if file_system.read_only {
            0
        } else {
            file_system.free_after_promises_bytes
        },
    }
}

/// What is neither free nor allocated is unusable, whatever the reason.
fn functions(pool: &VfPool) -> (Counted, Supply) {
    let [total, free, allocated] = [pool.discovered, pool.free, pool.allocated].map(u64::from);
    let supply = Supply {
        total,
        unusable: total.saturating_sub(free.saturating_add(allocated)),
        allocated,
        held: BTreeMap::new(),
    };
    (Counted::Vfs(pool.resource.as_str().into()), supply)
}

/// Pages that the kubelet does not advertise are nobody's; of sizes that KubeVirt does not know there is nothing to say.
fn pages(pages: &HugePages) -> Option<(Counted, Supply)> {
    let unusable = pages.total.saturating_sub(pages.advertised);
    let usable = pages.total.saturating_sub(unusable);
    let supply = Supply {
        total: pages.total,
        unusable,
        allocated: usable.saturating_sub(pages.free),
        held: BTreeMap::new(),
    };
    Some((Counted::Pages(pages.size.parse().ok()?), supply))
}

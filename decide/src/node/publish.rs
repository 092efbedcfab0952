//! An assessment as the cluster sees it.
//!
//! What changes while guests write is rounded, and stays until it moved far enough (`still.rs`), so that it makes few writes
//! to the API server. An object stays under 16 KiB in all (`limit.rs`).

mod limit;
mod still;
mod summary;

use std::collections::BTreeMap;

use super::assess::{
    Assessment, FileSystemVerdict, PageVerdict, PoolVerdict, VfVerdict, VolumeVerdict,
};
use super::conditions::{carry, settled};
use super::facts::{MachineFacts, PhysicalFunction};
use super::vfs::link;
use crate::inventory::{self, GRAIN, NodeInventoryStatus, VfGroup};
use crate::words::cut;

/// Bytes of the reason of a volume; the whole of it is in the exporter's table.
const REASON_LIMIT: usize = 160;
/// Bytes of the kernel's list of isolated CPUs.
const CPUS_LIMIT: usize = 128;

/// What is published; `now` (RFC 3339) is the time of conditions whose status is another than `before`.
#[must_use]
pub fn status(
    assessment: &Assessment,
    before: Option<&NodeInventoryStatus>,
    now: &str,
) -> NodeInventoryStatus {
    let file_systems: Vec<_> = assessment.file_systems.iter().map(file_system).collect();
    let file_systems = still::file_systems(file_systems, before);
    let before = before.map_or(&[][..], |before| &before.conditions);
    let findings = settled(assessment, before);
    let status = NodeInventoryStatus {
        hostname: assessment.hostname.clone(),
        summary: summary::of(assessment, &findings, &file_systems),
        volumes: assessment.volumes.iter().map(volume).collect(),
        file_systems,
        physical_functions: assessment.functions.iter().map(physical_function).collect(),
        vf_pools: assessment
            .pools
            .iter()
            .map(|pool| vf_pool(pool, &assessment.vfs))
            .collect(),
        huge_pages: assessment.pages.iter().map(huge_pages).collect(),
        machine: machine(&assessment.machine),
        conditions: carry(&findings, before, now),
        left_out: 0,
    };
    limit::within(status)
}

fn volume(verdict: &VolumeVerdict) -> inventory::Volume {
    let directory = verdict.directory.as_ref();
    let disk = directory.and_then(|directory| directory.disk.as_ref());
    inventory::Volume {
        name: verdict.name.clone(),
        path: verdict.path.clone(),
        file_system: directory
            .map(|directory| directory.device.to_string())
            .unwrap_or_default(),
        state: verdict.state,
        reason: verdict
            .reason
            .as_ref()
            .map(|reason| cut(reason, REASON_LIMIT)),
        persistent_volume: verdict.persistent_volume.clone(),
        claim: verdict.claim.as_ref().map(ToString::to_string),
        virtual_machine: verdict.virtual_machine.clone(),
        disk_bytes: disk.map(|disk| up(disk.virtual_bytes)),
    }
}

fn file_system(verdict: &FileSystemVerdict) -> inventory::FileSystem {
    let facts = &verdict.facts;
    inventory::FileSystem {
        device: facts.device.to_string(),
        mount_point: facts.mount_point.clone(),
        kind: facts.kind.clone(),
        size_bytes: down(facts.size),
        free_bytes: down(facts.free),
        promised_bytes: whole(verdict.promised),
        free_after_promises_bytes: down(verdict.free_after_promises),
        read_only: facts.read_only,
    }
}

fn physical_function(pf: &PhysicalFunction) -> inventory::PhysicalFunction {
    let word = |is_up: bool| if is_up { "up" } else { "down" };
    inventory::PhysicalFunction {
        address: pf.address.clone(),
        interfaces: pf
            .interfaces
            .iter()
            .map(|interface| interface.name.clone())
            .collect(),
        driver: pf.driver.clone(),
        total_vfs: pf.total_vfs,
        num_vfs: pf.num_vfs,
        numa_node: pf.numa,
        link: link(pf).map(|is_up| word(is_up).to_owned()),
    }
}

fn vf_pool(pool: &PoolVerdict, vfs: &[VfVerdict]) -> inventory::VfPool {
    let mut groups: BTreeMap<(&str, Option<u32>, &str), Vec<u32>> = BTreeMap::new();
    for vf in vfs
        .iter()
        .filter(|vf| vf.pool.as_ref() == Some(&pool.resource))
    {
        let key = (vf.physical_function.as_str(), vf.numa, state(vf));
        groups.entry(key).or_default().push(vf.index);
    }
    let group = |((pf, numa, state), mut indexes): ((&str, Option<u32>, &str), Vec<u32>)| {
        indexes.sort_unstable();
        VfGroup {
            physical_function: pf.to_owned(),
            numa_node: numa,
            state: state.to_owned(),
            count: u32::try_from(indexes.len()).unwrap_or(u32::MAX),
            indexes: ranges(&indexes),
        }
    };
    inventory::VfPool {
        resource: pool.resource.clone(),
        discovered: pool.discovered,
        free: pool.free,
        allocated: pool.allocated,
        advertised: pool.advertised,
        functions: groups.into_iter().map(group).collect(),
    }
}

/// One word: who has it counts before what is wrong with it.
fn state(vf: &VfVerdict) -> &'static str {
    if vf.holder.is_some() {
        return "Allocated";
    }
    let reason = vf.reasons.iter().find(|reason| !reason.is_soft());
    reason.map_or("Free", |reason| reason.as_str())
}

/// `0-3,5` of sorted numbers.
fn ranges(indexes: &[u32]) -> String {
    let runs = indexes.chunk_by(|a, b| a.checked_add(1) == Some(*b));
    let written = runs.filter_map(|run| match run {
        [] => None,
        [one] => Some(one.to_string()),
        [first, .., last] => Some(format!("{first}-{last}")),
    });
    written.collect::<Vec<_>>().join(",")
}

fn huge_pages(pages: &PageVerdict) -> inventory::HugePages {
    let cell = |(&numa_node, cell): (&u32, &super::facts::CellPages)| inventory::CellPages {
        numa_node,
        total: whole(cell.total),
        free: whole(cell.free),
    };
    inventory::HugePages {
        size: pages.name.clone(),
        total: whole(pages.total),
        free: whole(pages.free),
        advertised: whole(pages.advertised),
        numa_nodes: pages.cells.iter().map(cell).collect(),
    }
}

fn machine(facts: &MachineFacts) -> inventory::Machine {
    inventory::Machine {
        virtualization: facts.virtualization.clone(),
        kvm: facts.kvm,
        iommu: facts.iommu,
        isolated_cpus: facts
            .isolated_cpus
            .as_ref()
            .map(|cpus| cut(cpus, CPUS_LIMIT)),
        cpu_manager: facts.cpu_manager.clone(),
        memory_manager: facts.memory_manager.clone(),
        topology_manager: facts.topology_manager.clone(),
    }
}

/// Rounding never makes what is free more than it is.
fn down(bytes: u64) -> u64 {
    let bytes = whole(bytes);
    bytes - bytes % GRAIN
}

/// What is taken is never said to be less than it is.
fn up(bytes: u64) -> u64 {
    let up = bytes.checked_next_multiple_of(GRAIN);
    up.filter(|up| whole(*up) == *up)
        .unwrap_or_else(|| down(u64::MAX))
}

/// The API server takes no integer above this (format int64): one would refuse the whole status.
fn whole(number: u64) -> u64 {
    number.min(i64::MAX.unsigned_abs())
}

#[cfg(test)]
mod tests;

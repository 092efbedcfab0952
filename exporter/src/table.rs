//! An assessment for who asks over ssh: as tables for people, or as JSON for programs.

mod json;

use std::fmt::Write;

use vmberth_decide::node::Assessment;
use vmberth_decide::node::assess::{FileSystemVerdict, VfVerdict, VolumeVerdict};

pub use json::json;

/// What stands where nothing is known.
const NOTHING: &str = "-";

/// Every subject as a table; subjects that the node does not have are left out.
#[must_use]
pub fn table(assessment: &Assessment) -> String {
    let sections = [
        volumes(assessment),
        file_systems(assessment),
        cards(assessment),
        functions(assessment),
        pools(assessment),
        pages(assessment),
        machine(assessment),
        conditions(assessment),
        advice(assessment),
    ];
    let sections = sections.into_iter().filter(|section| !section.is_empty());
    sections.collect::<Vec<String>>().join("\n")
}

fn volumes(assessment: &Assessment) -> String {
    let row = |volume: &VolumeVerdict| {
        let disk = volume.directory.as_ref().and_then(|d| d.disk.as_ref());
        vec![
            volume.path.clone(),
            volume.state.as_str().to_owned(),
            or_nothing(volume.persistent_volume.as_deref()),
            size(volume.capacity),
            or_nothing(volume.claim.as_ref()),
            or_nothing(volume.virtual_machine.as_deref()),
            size(disk.map(|disk| disk.virtual_bytes)),
            size(disk.map(|disk| disk.allocated_bytes)),
            volume.reason.clone().unwrap_or_default(),
        ]
    };
    let header = [
        "VOLUME", "STATE", "PV", "CAPACITY", "CLAIM", "VM", "DISK", "USED", "REASON",
    ];
    aligned(&header, assessment.volumes.iter().map(row).collect())
}

fn file_systems(assessment: &Assessment) -> String {
    let row = |verdict: &FileSystemVerdict| {
        let facts = &verdict.facts;
        vec![
            facts.mount_point.clone(),
            facts.device.to_string(),
            facts.kind.clone(),
            size(Some(facts.size)),
            size(Some(facts.free)),
            size(Some(verdict.promised)),
            size(Some(verdict.free_after_promises)),
            format!("{}/{}", facts.inodes_free, facts.inodes),
            if facts.read_only { "read-only" } else { "" }.to_owned(),
        ]
    };
    let header = [
        "FILE SYSTEM",
        "DEVICE",
        "TYPE",
        "SIZE",
        "FREE",
        "PROMISED",
        "LEFT",
        "INODES",
        "",
    ];
    aligned(&header, assessment.file_systems.iter().map(row).collect())
}

fn cards(assessment: &Assessment) -> String {
    let rows = assessment.functions.iter().map(|card| {
        let interfaces = card.interfaces.iter();
        let interfaces = interfaces.map(|i| format!("{}({})", i.name, i.operstate));
        vec![
            card.address.clone(),
            interfaces.collect::<Vec<_>>().join(","),
            or_nothing(card.driver.as_deref()),
            format!("{}/{}", card.num_vfs, card.total_vfs),
            or_nothing(card.numa),
        ]
    });
    aligned(
        &["CARD", "INTERFACES", "DRIVER", "VFS", "NUMA"],
        rows.collect(),
    )
}

fn functions(assessment: &Assessment) -> String {
    let row = |vf: &VfVerdict| {
        let holder = vf.holder.as_ref();
        vec![
            vf.address.clone(),
            format!("{}#{}", vf.physical_function, vf.index),
            or_nothing(vf.numa),
            or_nothing(vf.pool.as_deref()),
            if vf.is_free() { "yes" } else { "no" }.to_owned(),
            or_nothing(holder.map(|holder| format!("{}/{}", holder.namespace, holder.pod))),
            reasons(vf).join(","),
        ]
    };
    let header = ["VF", "CARD", "NUMA", "POOL", "FREE", "HOLDER", "REASONS"];
    aligned(&header, assessment.vfs.iter().map(row).collect())
}

fn pools(assessment: &Assessment) -> String {
    let rows = assessment.pools.iter().map(|pool| {
        vec![
            pool.resource.clone(),
            pool.discovered.to_string(),
            pool.free.to_string(),
            pool.allocated.to_string(),
            pool.advertised.to_string(),
            pool.node_allocatable.to_string(),
        ]
    });
    let header = [
        "POOL",
        "DISCOVERED",
        "FREE",
        "ALLOCATED",
        "ADVERTISED",
        "ALLOCATABLE",
    ];
    aligned(&header, rows.collect())
}

fn pages(assessment: &Assessment) -> String {
    let rows = assessment.pages.iter().map(|pages| {
        let cells = pages.cells.iter();
        let cells = cells.map(|(cell, pages)| format!("{cell}:{}/{}", pages.free, pages.total));
        vec![
            pages.name.clone(),
            pages.total.to_string(),
            pages.free.to_string(),
            pages.advertised.to_string(),
            cells.collect::<Vec<_>>().join(" "),
        ]
    });
    aligned(
        &["PAGES", "TOTAL", "FREE", "ADVERTISED", "NUMA FREE/TOTAL"],
        rows.collect(),
    )
}

fn machine(assessment: &Assessment) -> String {
    let machine = &assessment.machine;
    let yes = |known: bool| if known { "yes" } else { "no" }.to_owned();
    let row = vec![
        or_nothing(assessment.hostname.as_deref()),
        or_nothing(machine.virtualization.as_deref()),
        yes(machine.kvm),
        yes(machine.iommu),
        or_nothing(machine.isolated_cpus.as_deref()),
        or_nothing(machine.cpu_manager.as_deref()),
        or_nothing(machine.memory_manager.as_deref()),
        or_nothing(machine.topology_manager.as_deref()),
    ];
    let header = [
        "HOSTNAME",
        "CPU",
        "KVM",
        "IOMMU",
        "ISOLATED",
        "CPU MANAGER",
        "MEMORY MANAGER",
        "TOPOLOGY MANAGER",
    ];
    aligned(&header, vec![row])
}

fn conditions(assessment: &Assessment) -> String {
    let rows = assessment.findings.iter().map(|finding| {
        vec![
            finding.kind.as_str().to_owned(),
            finding.status.as_str().to_owned(),
            finding.reason.to_owned(),
            finding.message.clone(),
        ]
    });
    aligned(
        &["CONDITION", "STATUS", "REASON", "MESSAGE"],
        rows.collect(),
    )
}

fn advice(assessment: &Assessment) -> String {
    let rows = assessment
        .advice
        .iter()
        .map(|advice| vec![advice.reason.to_owned(), advice.message.clone()]);
    aligned(&["ADVICE", "WHAT TO DO"], rows.collect())
}

/// Why a function is not free, in words of one piece.
fn reasons(vf: &VfVerdict) -> Vec<&'static str> {
    vf.reasons.iter().map(|reason| reason.as_str()).collect()
}

/// With one decimal of the largest unit, rounded down; whole bytes are in the JSON.
fn size(bytes: Option<u64>) -> String {
    or_nothing(bytes.map(|bytes| {
        let units = [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)];
        let unit = units.into_iter().find(|(_, power)| bytes >> power > 0);
        unit.map_or_else(
            || bytes.to_string(),
            |(name, power)| {
                let tenths = (u128::from(bytes) * 10) >> power;
                format!("{}.{}{name}", tenths / 10, tenths % 10)
            },
        )
    }))
}

fn or_nothing(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

/// Columns as wide as their widest cell; nothing without a row.
fn aligned(header: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let header = header.iter().map(|&cell| cell.to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let mut widths = Vec::new();
    for line in &lines {
        widths.resize(line.len().max(widths.len()), 0);
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            // Writing to a String can't fail.
            let _ = write!(row, "{cell:width$}  ");
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

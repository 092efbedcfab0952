//! Huge pages (facts: domain 4).

use std::collections::BTreeMap;
use std::io;

use vmberth_decide::node::facts::{Area, CellPages, PageFacts};

use super::read::{Host, if_there};

const SIZES: &str = "/sys/kernel/mm/hugepages";
const NODES: &str = "/sys/devices/system/node";

/// Reads every size, by size; a kernel without huge pages has none.
pub(super) fn read(host: &Host) -> Vec<PageFacts> {
    let cells = cells(host);
    let mut pages: Vec<PageFacts> = listed(host, SIZES)
        .iter()
        .filter_map(|name| {
            let facts = size(host, name)?;
            Some(PageFacts {
                cells: cells.get(name).cloned().unwrap_or_default(),
                ..facts
            })
        })
        .collect();
    pages.sort_by_key(|facts| facts.size);
    pages
}

/// `hugepages-2048kB`, in total. Nothing is said of a size whose number can't be read: as none it would be compared with
/// what the kubelet saw.
fn size(host: &Host, name: &str) -> Option<PageFacts> {
    let kib: u64 = number_in(name, "hugepages-", "kB")?;
    let count = |file: &str| count(host, &format!("{SIZES}/{name}/{file}_hugepages"));
    let (total, surplus) = (count("nr"), count("surplus"));
    // Of pages of which nobody knows how many are promised none is for the taking.
    let (free, reserved) = count("free").zip(count("resv")).unwrap_or_default();
    Some(PageFacts {
        size: kib.checked_mul(1024)?,
        total: total?,
        free,
        reserved,
        surplus: surplus?,
        cells: BTreeMap::new(),
    })
}

/// Pages of each NUMA node, by the name of their size.
fn cells(host: &Host) -> BTreeMap<String, BTreeMap<u32, CellPages>> {
    let mut cells: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for node in listed(host, NODES) {
        let Some(number) = number_in(&node, "node", "") else {
            continue;
        };
        let sizes = format!("{NODES}/{node}/hugepages");
        for name in listed(host, &sizes) {
            let count = |file: &str| count(host, &format!("{sizes}/{name}/{file}_hugepages"));
            let (total, free) = (count("nr"), count("free").unwrap_or_default());
            if let Some(total) = total {
                let pages = CellPages { total, free };
                cells.entry(name).or_default().insert(number, pages);
            }
        }
    }
    cells
}

/// Names in a directory that need not be there.
fn listed(host: &Host, path: &str) -> Vec<String> {
    let names: io::Result<Option<Vec<String>>> = if_there(host.names(path));
    host.noted(Area::Pages, path, names)
        .flatten()
        .unwrap_or_default()
}

fn count(host: &Host, path: &str) -> Option<u64> {
    host.noted(Area::Pages, path, host.number(path))
}

/// The number between two texts.
fn number_in<T: std::str::FromStr>(name: &str, before: &str, after: &str) -> Option<T> {
    name.strip_prefix(before)?.strip_suffix(after)?.parse().ok()
}

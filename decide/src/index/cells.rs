//! NUMA cells of a node, as its agent tells.

use std::collections::BTreeMap;

use crate::fit::cells::{Cells, Share};
use crate::fit::counted::Counted;
use crate::inventory::{NodeInventoryStatus, VfPool};

/// The kubelet's word for: no pod across cells.
const STRICT: &str = "single-numa-node";
/// The policy by which a memory manager gives pages away by cell.
const BY_CELL: &str = "Static";

/// What each cell has; nothing of a node with less than two.
pub(super) fn cells(inventory: &NodeInventoryStatus) -> Cells {
    let mut cells: BTreeMap<u32, BTreeMap<Counted, Share>> = BTreeMap::new();
    for pages in &inventory.huge_pages {
        let Ok(size) = pages.size.parse() else {
            continue;
        };
        for cell in &pages.numa_nodes {
            let share = Share {
                usable: cell.total,
                free: cell.free,
            };
            let of = cells.entry(cell.numa_node).or_default();
            of.insert(Counted::Pages(size), share);
        }
    }
    for pool in inventory.vf_pools.iter().filter(|pool| is_told(pool)) {
        for group in &pool.functions {
            let cell = cells
                .entry(group.numa_node.unwrap_or_default())
                .or_default();
            let share = cell.entry(Counted::Vfs(pool.resource.as_str().into()));
            let share: &mut Share = share.or_default();
            let count = u64::from(group.count);
            let is_free = group.state == "Free";
            if is_free {
                share.free = share.free.saturating_add(count);
            }
            if is_free || group.state == "Allocated" {
                share.usable = share.usable.saturating_add(count);
            }
        }
    }
    if cells.len() < 2 {
        return Cells::default();
    }
    let machine = &inventory.machine;
    Cells {
        cells: cells.into_values().collect(),
        is_strict: machine.topology_manager.as_deref() == Some(STRICT),
        counts_pages: machine.memory_manager.as_deref() == Some(BY_CELL),
    }
}

/// Whether the cell of each function is known; of a large node some are left out.
fn is_told(pool: &VfPool) -> bool {
    let counts = pool.functions.iter().map(|group| u64::from(group.count));
    let counted = counts.fold(0, u64::saturating_add);
    counted == u64::from(pool.discovered)
        && pool.functions.iter().all(|group| group.numa_node.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{CellPages, HugePages, Machine, VfGroup};
    use crate::pages::PageSize;

    fn group(numa_node: Option<u32>, state: &str, count: u32) -> VfGroup {
        VfGroup {
            numa_node,
            state: state.to_owned(),
            count,
            ..VfGroup::default()
        }
    }

    fn inventory(functions: Vec<VfGroup>) -> NodeInventoryStatus {
        let pages = |numa_node| CellPages {
            numa_node,
            total: 8,
            free: 4,
        };
        NodeInventoryStatus {
            vf_pools: vec![VfPool {
                resource: "intel.com/vfs".to_owned(),
                discovered: 8,
                functions,
                ..VfPool::default()
            }],
            huge_pages: vec![HugePages {
                size: "1Gi".to_owned(),
                numa_nodes: vec![pages(0), pages(1)],
                ..HugePages::default()
            }],
            machine: Machine {
                topology_manager: Some("single-numa-node".to_owned()),
                ..Machine::default()
            },
            ..NodeInventoryStatus::default()
        }
    }

    #[test]
    fn functions_and_pages_by_cell() {
        let functions = vec![
            group(Some(1), "Free", 3),
            group(Some(1), "Allocated", 2),
            group(Some(1), "LinkDown", 3),
        ];
        let cells = cells(&inventory(functions));
        let vfs = Counted::Vfs("intel.com/vfs".into());
        assert!(cells.is_strict && !cells.counts_pages);
        assert_eq!(cells.cells.len(), 2);
        assert_eq!(cells.cells[0].get(&vfs), None);
        assert_eq!(cells.cells[1][&vfs], Share { usable: 5, free: 3 });
        let pages = Counted::Pages(PageSize::Gi1);
        assert_eq!(cells.cells[0][&pages], Share { usable: 8, free: 4 });
    }

    #[test]
    fn functions_count_only_if_the_cell_of_each_is_known() {
        let unknown = vec![group(None, "Free", 4), group(Some(1), "Free", 4)];
        let left_out = vec![group(Some(1), "Free", 4)];
        for functions in [unknown, left_out] {
            let cells = cells(&inventory(functions));
            assert!(cells.cells.iter().all(|cell| cell.len() == 1));
        }
    }

    #[test]
    fn node_with_one_cell_has_none_to_choose() {
        let mut inventory = inventory(vec![group(Some(0), "Free", 8)]);
        inventory.huge_pages[0].numa_nodes.truncate(1);
        assert_eq!(cells(&inventory), Cells::default());
    }
}

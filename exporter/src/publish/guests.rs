//! Numbers that running guests move: no reason for a write of their own each second.

use vmberth_decide::inventory::NodeInventoryStatus;

/// Two statuses are the same but for free bytes and free pages.
pub(super) fn only_they_differ(one: &NodeInventoryStatus, other: &NodeInventoryStatus) -> bool {
    without(one.clone()) == without(other.clone())
}

fn without(mut status: NodeInventoryStatus) -> NodeInventoryStatus {
    for file_system in &mut status.file_systems {
        file_system.free_bytes = 0;
        file_system.free_after_promises_bytes = 0;
    }
    for pages in &mut status.huge_pages {
        pages.free = 0;
        pages.numa_nodes.iter_mut().for_each(|cell| cell.free = 0);
    }
    let summary = &mut status.summary;
    summary.disk_free.clear();
    for pages in [&mut summary.pages_2_mi, &mut summary.pages_1_gi] {
        // `500/1024`: free and all.
        *pages = pages
            .split_once('/')
            .map_or_else(String::new, |(_, all)| all.to_owned());
    }
    status
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use vmberth_decide::inventory::{CellPages, FileSystem, HugePages};

    use super::*;

    fn status() -> NodeInventoryStatus {
        let mut status = NodeInventoryStatus {
            file_systems: vec![FileSystem::default()],
            huge_pages: vec![HugePages {
                numa_nodes: vec![CellPages::default()],
                ..HugePages::default()
            }],
            ..NodeInventoryStatus::default()
        };
        status.summary.pages_2_mi = "500/1024".to_owned();
        status
    }

    #[rstest]
    #[case::nothing(|_: &mut NodeInventoryStatus| {}, true)]
    #[case::free_bytes(|it: &mut NodeInventoryStatus| it.file_systems[0].free_bytes = 1, true)]
    #[case::free_after_promises(|it: &mut NodeInventoryStatus| it.file_systems[0].free_after_promises_bytes = 1, true)]
    #[case::total_of_disks(|it: &mut NodeInventoryStatus| it.summary.disk_free = "1Gi".to_owned(), true)]
    #[case::free_pages(|it: &mut NodeInventoryStatus| it.huge_pages[0].free = 1, true)]
    #[case::free_pages_of_a_cell(|it: &mut NodeInventoryStatus| it.huge_pages[0].numa_nodes[0].free = 1, true)]
    #[case::total_of_free_pages(|it: &mut NodeInventoryStatus| it.summary.pages_2_mi = "0/1024".to_owned(), true)]
    #[case::more_pages(|it: &mut NodeInventoryStatus| it.summary.pages_2_mi = "500/2048".to_owned(), false)]
    #[case::all_pages(|it: &mut NodeInventoryStatus| it.huge_pages[0].total = 1, false)]
    #[case::promises(|it: &mut NodeInventoryStatus| it.file_systems[0].promised_bytes = 1, false)]
    #[case::ready(|it: &mut NodeInventoryStatus| it.summary.ready = "False".to_owned(), false)]
    fn what_guests_move(#[case] change: fn(&mut NodeInventoryStatus), #[case] expected: bool) {
        let mut changed = status();
        change(&mut changed);
        assert_eq!(only_they_differ(&changed, &status()), expected);
    }
}

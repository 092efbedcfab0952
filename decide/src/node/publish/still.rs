//! Numbers that guests move all the time stay as they were published until they moved far enough.

use crate::inventory::{FileSystem, GRAIN, NodeInventoryStatus};

/// The hundredth part of a file system: less than that matters to nobody who looks for room for a disk.
const PARTS: u64 = 100;

/// Free bytes as they were published, where they are much the same.
pub(super) fn file_systems(
    mut now: Vec<FileSystem>,
    before: Option<&NodeInventoryStatus>,
) -> Vec<FileSystem> {
    let before = before.map_or(&[][..], |before| &before.file_systems);
    for file_system in &mut now {
        let same = before.iter().find(|before| {
            before.device == file_system.device && before.size_bytes == file_system.size_bytes
        });
        if let Some(before) = same {
            let size = file_system.size_bytes;
            keep(&mut file_system.free_bytes, before.free_bytes, size);
            keep(
                &mut file_system.free_after_promises_bytes,
                before.free_after_promises_bytes,
                size,
            );
        }
    }
    now
}

/// That nothing is left is always news.
fn keep(now: &mut u64, before: u64, size: u64) {
    let is_near = now.abs_diff(before) <= (size / PARTS).max(GRAIN);
    if is_near && (*now == 0) == (before == 0) {
        *now = before;
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const GI: u64 = 1 << 30;

    #[rstest]
    #[case::same(50 * GI, 50 * GI)]
    #[case::a_hundredth_less(49 * GI, 50 * GI)]
    #[case::a_hundredth_more(51 * GI, 50 * GI)]
    #[case::more_than_that(49 * GI - GRAIN, 49 * GI - GRAIN)]
    #[case::nothing_left(0, 0)]
    fn free_bytes_move_by_a_hundredth_of_the_size(#[case] now: u64, #[case] expected: u64) {
        assert_eq!(published(100 * GI, now, 50 * GI), expected);
    }

    #[rstest]
    #[case::a_grain(3 * GRAIN, 4 * GRAIN, 4 * GRAIN)]
    #[case::two_grains(2 * GRAIN, 4 * GRAIN, 2 * GRAIN)]
    #[case::the_last_grain(0, GRAIN, 0)]
    #[case::room_again(GRAIN, 0, GRAIN)]
    fn free_bytes_of_a_small_one_move_by_a_grain(
        #[case] now: u64,
        #[case] before: u64,
        #[case] expected: u64,
    ) {
        assert_eq!(published(GI, now, before), expected);
    }

    #[test]
    fn slow_moves_add_up() {
        let mut before = 50 * GI;
        let mut writes = 0;
        for now in (40..50).rev().map(|free| free * GI) {
            let next = published(100 * GI, now, before);
            writes += u32::from(next != before);
            before = next;
        }
        assert_eq!((writes, before), (5, 40 * GI));
    }

    #[test]
    fn another_file_system_of_that_name_has_numbers_of_its_own() {
        let before = status(file_system(200 * GI, 50 * GI));
        let now = vec![file_system(100 * GI, 49 * GI)];
        assert_eq!(file_systems(now, Some(&before))[0].free_bytes, 49 * GI);
    }

    fn published(size: u64, now: u64, before: u64) -> u64 {
        let before = status(file_system(size, before));
        let published = file_systems(vec![file_system(size, now)], Some(&before)).remove(0);
        assert_eq!(published.free_bytes, published.free_after_promises_bytes);
        published.free_bytes
    }

    fn file_system(size_bytes: u64, free: u64) -> FileSystem {
        FileSystem {
            size_bytes,
            free_bytes: free,
            free_after_promises_bytes: free,
            ..FileSystem::default()
        }
    }

    fn status(file_system: FileSystem) -> NodeInventoryStatus {
        NodeInventoryStatus {
            file_systems: vec![file_system],
            ..NodeInventoryStatus::default()
        }
    }
}

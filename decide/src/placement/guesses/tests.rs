use rstest::rstest;

use super::*;
use crate::fit::counted::Supply;
use crate::fit::volumes::{AccessModes, FreeVolume, VolumeMode};
use crate::pages::PageSize;

const GI: u64 = 1 << 30;

fn offer(volumes: &[u64], counted: &[(Counted, u64)]) -> Offer {
    let volume = |bytes: &u64| FreeVolume {
        name: "pv".into(),
        class: "local-vd".into(),
        bytes: *bytes,
        mode: VolumeMode::Filesystem,
        access: AccessModes::default(),
        labels: Arc::default(),
        file_system: None,
    };
    let supply = |(of, total): &(Counted, u64)| {
        let supply = Supply {
            total: *total,
            ..Supply::default()
        };
        (of.clone(), supply)
    };
    Offer {
        volumes: volumes.iter().map(volume).collect(),
        counted: counted.iter().map(supply).collect(),
        ..Offer::default()
    }
}

fn guessed(known: usize, offers: &[Offer]) -> Vec<(u64, Option<u64>)> {
    let offers: Vec<Option<&Offer>> = offers.iter().map(Some).chain([None]).collect();
    let guesses = guesses(known, &offers).into_iter();
    guesses
        .map(|it| (it.disk.1 / GI, it.counted.map(|it| it.1)))
        .collect()
}

fn vfs() -> Counted {
    Counted::Vfs("intel.com/intel_sriov_vm".into())
}

#[rstest]
#[case::nothing_there(&[], &[], &[])]
#[case::disks_of_nearly_one_size(&[16 * GI, 17 * GI, 31 * GI], &[], &[(16, None)])]
#[case::each_with_none_and_with_some(
    &[64 * GI, 16 * GI],
    &[(vfs(), 8), (Counted::Pages(PageSize::Gi1), 32)],
    &[(64, None), (64, Some(1)), (64, Some(8)), (16, None), (16, Some(1)), (16, Some(8))]
)]
#[case::what_nobody_can_have(&[16 * GI], &[(vfs(), 0)], &[(16, None)])]
#[case::few_pages(&[16 * GI], &[(Counted::Pages(PageSize::Gi1), 2)], &[(16, None), (16, Some(1))])]
#[case::large_ones_of_many(
    &[GI, 2 * GI, 4 * GI, 8 * GI, 16 * GI], &[], &[(16, None), (8, None), (4, None), (2, None)]
)]
fn what_nodes_have_is_there_for_somebody(
    #[case] volumes: &[u64],
    #[case] counted: &[(Counted, u64)],
    #[case] expected: &[(u64, Option<u64>)],
) {
    assert_eq!(guessed(0, &[offer(volumes, counted)]), expected);
}

#[test]
fn all_nodes_count_and_the_largest_says_how_many_pages() {
    let pages = |total| (Counted::Pages(PageSize::Gi1), total);
    let offers = [
        offer(&[16 * GI], &[pages(16)]),
        offer(&[32 * GI], &[pages(64)]),
    ];
    let expected = [(32, None), (32, Some(16)), (16, None), (16, Some(16))];
    assert_eq!(guessed(ENOUGH - 1, &offers), expected);
}

#[test]
fn who_knows_enough_vms_guesses_nothing() {
    assert_eq!(guessed(ENOUGH, &[offer(&[16 * GI], &[(vfs(), 8)])]), []);
}

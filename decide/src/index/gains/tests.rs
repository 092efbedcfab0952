use std::sync::Arc;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::fit::counted::{Counted, Held, VmName, When};
use crate::fit::{Demand, fit};

const POOL: &str = "intel.com/intel_sriov_vm";

fn vm(number: u8) -> VmName {
    ("edge".into(), format!("vm{number}").into())
}

fn pool() -> Counted {
    Counted::Vfs(POOL.into())
}

fn claim(number: u8, bytes: u64) -> ClaimDemand {
    ClaimDemand {
        name: format!("claim{number}"),
        class: "local-vd".into(),
        bytes,
        mode: Default::default(),
        access: Default::default(),
        selector: None,
    }
}

fn volume(number: u8, bytes: u64) -> FreeVolume {
    FreeVolume {
        name: format!("volume{number}").into(),
        class: "local-vd".into(),
        bytes,
        mode: Default::default(),
        access: Default::default(),
        labels: Arc::default(),
        file_system: Some(usize::from(number % 2)),
    }
}

fn held_now(amount: u64) -> Held {
    Held { amount, until: 0 }
}

fn supply(total: u64, unusable: u64, allocated: u64, held: &[(u8, u64)]) -> Supply {
    let held = held
        .iter()
        .map(|(number, amount)| (vm(*number), held_now(*amount)));
    Supply {
        total,
        unusable,
        allocated,
        held: held.collect(),
    }
}

fn file_systems(bytes: [u64; 2]) -> Vec<FileSystemOffer> {
    let space = |free_bytes| FileSystemOffer { free_bytes };
    bytes.map(space).into()
}

/// Two volumes, one of which is held for, and eight functions, of which three are free.
fn offer() -> Offer {
    Offer {
        volumes: vec![volume(0, 4), volume(1, 8)],
        file_systems: file_systems([10, 10]),
        counted: [(pool(), supply(8, 1, 2, &[(0, 2)]))].into(),
        held: [(vm(0), vec![claim(0, 8)])].into(),
        ..Offer::default()
    }
}

fn functions(offer: &mut Offer, supply: Supply) {
    offer.counted = [(pool(), supply)].into();
}

#[rstest]
#[case::the_same(|_: &mut Offer| {}, false)]
#[case::volume_taken(|it: &mut Offer| { it.volumes.remove(0); }, false)]
#[case::volume_free(|it: &mut Offer| it.volumes.push(volume(2, 1)), true)]
#[case::volume_of_another_size(|it: &mut Offer| it.volumes[0].bytes = 5, true)]
#[case::less_space(|it: &mut Offer| it.file_systems = file_systems([9, 10]), false)]
#[case::more_space(|it: &mut Offer| it.file_systems = file_systems([0, 11]), true)]
#[case::file_system_gone(|it: &mut Offer| { it.file_systems.pop(); }, true)]
#[case::function_taken(|it: &mut Offer| functions(it, supply(8, 1, 3, &[(0, 2)])), false)]
#[case::function_given_back(|it: &mut Offer| functions(it, supply(8, 1, 1, &[(0, 2)])), true)]
#[case::function_broken(|it: &mut Offer| functions(it, supply(8, 2, 2, &[(0, 2)])), false)]
#[case::function_mended(|it: &mut Offer| functions(it, supply(8, 0, 2, &[(0, 2)])), true)]
#[case::functions_gone(|it: &mut Offer| it.counted.clear(), false)]
#[case::held_for_one_more(|it: &mut Offer| functions(it, supply(8, 1, 2, &[(0, 2), (1, 1)])), false)]
#[case::had_by_who_it_was_held_for(|it: &mut Offer| functions(it, supply(8, 1, 4, &[])), false)]
#[case::held_for_nobody(|it: &mut Offer| functions(it, supply(8, 1, 2, &[])), true)]
#[case::volume_held_for_one_more(|it: &mut Offer| { it.held.insert(vm(1), vec![claim(1, 1)]); }, false)]
#[case::volume_held_for_nobody(|it: &mut Offer| it.held.clear(), true)]
#[case::volume_and_space_had_by_who_they_were_held_for(
    |it: &mut Offer| {
        it.held.clear();
        it.volumes.remove(1);
        it.file_systems = file_systems([10, 2]);
    },
    false
)]
#[case::another_volume_gone_than_was_held_for(
    |it: &mut Offer| {
        it.held.clear();
        it.volumes.remove(0);
        it.file_systems = file_systems([2, 10]);
    },
    true
)]
fn more_or_less(#[case] change: fn(&mut Offer), #[case] expected: bool) {
    let mut now = offer();
    change(&mut now);
    assert_eq!(has_more(Some(&now), Some(&offer())), expected);
}

#[test]
fn offer_that_comes_is_more_and_one_that_goes_is_not() {
    assert!(has_more(Some(&Offer::default()), None));
    assert!(!has_more(None, Some(&offer())));
    assert!(!has_more(None, None));
}

fn offers() -> impl Strategy<Value = Offer> {
    let bytes = || 1..4_u64;
    let volumes = prop::collection::btree_map(0..4_u8, bytes(), 0..4);
    let held = prop::collection::btree_map(0..2_u8, bytes(), 0..2);
    let amounts = [0..6_u64, 0..3, 0..4, 0..3, 0..3];
    // Each has room for the largest: a volume without would be taken by mistake, and is better gone.
    (volumes, held, amounts, [4..12_u64, 4..12]).prop_map(|(volumes, held, amounts, bytes)| {
        let [total, unusable, allocated, first, second] = amounts;
        let supply = supply(total, unusable, allocated, &[(0, first), (1, second)]);
        let volumes = volumes.into_iter();
        let held = held.into_iter();
        Offer {
            volumes: volumes.map(|(at, bytes)| volume(at, bytes)).collect(),
            file_systems: file_systems(bytes),
            counted: [(pool(), supply)].into(),
            held: held
                .map(|(at, bytes)| (vm(at), vec![claim(at, bytes)]))
                .collect(),
            ..Offer::default()
        }
    })
}

fn demands() -> impl Strategy<Value = Demand> {
    let claims = prop::collection::vec(1..4_u64, 0..3);
    (claims, 0..5_u64, any::<bool>(), 0..4_u8).prop_map(|(claims, functions, now, number)| {
        let when = if now { When::Now } else { When::Later };
        let claims = claims.into_iter().zip(10..);
        Demand {
            // One for which nothing is held, too.
            vm: (number < 3).then(|| vm(number)),
            claims: claims.map(|(bytes, at)| claim(at, bytes)).collect(),
            counted: [(pool(), (functions, when))].into(),
            ..Demand::default()
        }
    })
}

/// Each part at most as large as it was, and everything kept that was kept for somebody.
fn shrunk(offer: &Offer, parts: [u64; 4], volumes: usize) -> Offer {
    let [space, unusable, allocated, held] = parts;
    let mut less = offer.clone();
    less.volumes.truncate(volumes);
    for file_system in &mut less.file_systems {
        file_system.free_bytes = file_system.free_bytes.saturating_sub(space);
    }
    for supply in less.counted.values_mut() {
        supply.unusable += unusable;
        supply.allocated += allocated;
        supply.held.insert(vm(7), held_now(held));
    }
    less.held.insert(vm(7), vec![claim(7, 1)]);
    less
}

proptest! {
    #[test]
    fn who_only_has_less_wakes_nobody(
        offer in offers(),
        parts in [0..3_u64, 0..3, 0..3, 0..3],
        volumes in 0..5_usize,
    ) {
        let less = shrunk(&offer, parts, volumes);
        prop_assert!(!has_more(Some(&less), Some(&offer)), "{less:?}");
    }

    /// Whatever changes: who did not fit before and fits now is woken.
    #[test]
    fn nobody_sleeps_who_would_fit(before in offers(), now in offers(), demand in demands()) {
        if fit(&demand, &before).is_err() && fit(&demand, &now).is_ok() {
            prop_assert!(has_more(Some(&now), Some(&before)));
        }
    }
}

/// Where kube-scheduler would have taken what is of no use, a node is better without.
#[rstest]
#[case::on_a_full_disk(|offer: &mut Offer| drop(offer.volumes.pop()), true)]
#[case::with_room(|offer: &mut Offer| drop(offer.volumes.remove(0)), false)]
#[case::that_cant_be_used(|offer: &mut Offer| offer.spoilt.clear(), true)]
fn a_volume_that_is_gone(#[case] change: fn(&mut Offer), #[case] is_gain: bool) {
    let before = Offer {
        file_systems: file_systems([10, 7]),
        spoilt: vec![volume(9, 1)],
        ..offer()
    };
    let mut now = before.clone();
    change(&mut now);
    assert_eq!(has_more(Some(&now), Some(&before)), is_gain);
}

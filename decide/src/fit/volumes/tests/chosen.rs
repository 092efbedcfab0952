//! What kube-scheduler takes, against its own loop and against every choice it could make.

use super::*;

/// `FindMatchingVolume` and its caller as they are written, over volumes in the order of this list; places of the volumes, of
/// each claim in the order in which they choose. `None` if one has none: the node would not be asked about.
fn as_written<'c>(
    own: &'c [ClaimDemand],
    volumes: &[FreeVolume],
    list: &[usize],
) -> Option<Vec<(&'c ClaimDemand, usize)>> {
    let mut claims: Vec<&ClaimDemand> = own.iter().collect();
    claims.sort_by_key(|claim| claim.bytes);
    let mut chosen: Vec<(&ClaimDemand, usize)> = Vec::new();
    for claim in claims {
        let mut smallest: Option<usize> = None;
        for &at in list {
            if chosen.iter().any(|(_, taken)| *taken == at) || !claim.takes(&volumes[at]) {
                continue;
            }
            if smallest.is_none_or(|it| volumes[it].bytes > volumes[at].bytes) {
                smallest = Some(at);
            }
        }
        chosen.push((claim, smallest?));
    }
    Some(chosen)
}

/// Whether these choices are of usable volumes and leave room and volumes for the others.
fn leaves_enough(
    chosen: &[(&ClaimDemand, usize)],
    others: &[ClaimDemand],
    usable: &[FreeVolume],
    room: &[u64],
) -> bool {
    let mut room = room.to_vec();
    for (claim, at) in chosen {
        let Some(volume) = usable.get(*at) else {
            return false;
        };
        if let Some(place) = volume.file_system.and_then(|at| room.get_mut(at)) {
            let Some(left) = place.checked_sub(claim.bytes) else {
                return false;
            };
            *place = left;
        }
    }
    let taken = chosen.iter().map(|(_, at)| *at).collect();
    by_force(others, usable, &room, &taken).is_some()
}

/// Slow, and right: each claim takes each of the smallest volumes, one by one.
fn any_choice_will_do(
    claims: &[&ClaimDemand],
    others: &[ClaimDemand],
    usable: &[FreeVolume],
    all: &[FreeVolume],
    room: &[u64],
    chosen: &mut Vec<usize>,
    turns: &[&ClaimDemand],
) -> bool {
    let Some((claim, rest)) = claims.split_first() else {
        let chosen: Vec<_> = turns.iter().copied().zip(chosen.iter().copied()).collect();
        return leaves_enough(&chosen, others, usable, room);
    };
    let fits: Vec<usize> = (0..all.len())
        .filter(|at| !chosen.contains(at) && claim.takes(&all[*at]))
        .collect();
    let Some(least) = fits.iter().map(|at| all[*at].bytes).min() else {
        return false;
    };
    fits.iter().filter(|at| all[**at].bytes == least).all(|at| {
        chosen.push(*at);
        let will_do = any_choice_will_do(rest, others, usable, all, room, chosen, turns);
        chosen.pop();
        will_do
    })
}

fn play(
    own: &[ClaimDemand],
    others: &[ClaimDemand],
    usable: &[FreeVolume],
    spoilt: &[FreeVolume],
    places: &[FileSystemOffer],
) -> Result<u64, VolumeMisfit> {
    let volumes = Volumes {
        usable,
        spoilt,
        file_systems: places,
    };
    worst_waste(own, others, others.len(), volumes)
}

fn picky(name: &str, bytes: u64, volume: &str) -> ClaimDemand {
    ClaimDemand {
        selector: only(volume),
        ..claim(name, bytes)
    }
}

/// The pod's own claim takes the small volume, which is the only one of a later pod's claim.
#[test]
fn volume_of_another_claim_is_named_with_who_takes_it() {
    let volumes = [volume("a", 10 * GI, None), volume("b", 20 * GI, None)];
    let own = [claim("root", 5 * GI)];
    let others = [picky("data", 8 * GI, "a")];
    let refused = play(&own, &others, &volumes, &[], &[]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "kube-scheduler takes volume a (10Gi) for root; then needs 1 volume of class local-vd with 8Gi or more for data: 0 of 1 free ones fit"
    );
    assert_eq!(refused.shortfall(), 1);
    let others = [picky("data", 8 * GI, "b")];
    assert_eq!(play(&own, &others, &volumes, &[], &[]), Ok(17 * GI));
}

/// Of equal ones it may take any.
#[test]
fn one_bad_choice_among_equals_is_enough() {
    let own = [claim("root", 8 * GI)];
    let equal = [
        volume("a", 10 * GI, Some(0)),
        volume("b", 10 * GI, Some(1)),
        volume("c", 10 * GI, Some(1)),
    ];
    let places = |first: u64| [file_system(first), file_system(20 * GI)];
    assert_eq!(play(&own, &[], &equal, &[], &places(8 * GI)), Ok(2 * GI));
    let refused = play(&own, &[], &equal, &[], &places(3 * GI)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "kube-scheduler may take volume a (10Gi, one of 3 as small) for root: 8Gi are needed on its disk and 3Gi are really free"
    );
    assert_eq!(refused.shortfall(), 5 * GI);
    // What it would never take does no harm.
    let larger = [volume("a", 11 * GI, Some(0)), volume("b", 10 * GI, Some(1))];
    assert_eq!(play(&own, &[], &larger, &[], &places(3 * GI)), Ok(2 * GI));
}

#[test]
fn bytes_of_the_pods_own_claims_count_once_on_a_disk() {
    let own = [claim("root", 8 * GI), claim("root-scratch", 9 * GI)];
    let volumes = [
        volume("a", 10 * GI, Some(0)),
        volume("b", 10 * GI, Some(0)),
        volume("c", 30 * GI, None),
    ];
    let refused = play(&own, &[], &volumes, &[], &[file_system(16 * GI)]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "kube-scheduler takes volume b (10Gi) for root-scratch: 17Gi are needed on its disk and 16Gi are really free"
    );
}

#[test]
fn room_that_is_taken_is_gone_for_the_others() {
    let own = [claim("root", 8 * GI)];
    let volumes = [volume("a", 10 * GI, Some(0)), volume("b", 20 * GI, Some(0))];
    let others = [claim("data", 8 * GI)];
    let refused = play(&own, &others, &volumes, &[], &[file_system(12 * GI)]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "kube-scheduler takes volume a (10Gi) for root; then needs 8Gi on disk for its volumes: 4Gi are really free"
    );
}

/// The exporter says that it can't be used; kube-scheduler sees a free PersistentVolume.
#[test]
fn spoilt_volume_that_would_be_taken_spoils_the_node() {
    let own = [claim("root", 8 * GI)];
    let volumes = [volume("a", 10 * GI, None)];
    for (spoilt, words) in [
        (9, Some("kube-scheduler takes volume bad (9Gi) for root")),
        (
            10,
            Some("kube-scheduler may take volume bad (10Gi, one of 2 as small) for root"),
        ),
        (11, None),
        (7, None),
    ] {
        let spoilt = [volume("bad", spoilt * GI, None)];
        let told = play(&own, &[], &volumes, &spoilt, &[]).err();
        let words = words.map(|it| format!("{it}, which the exporter says can't be used"));
        assert_eq!(told.map(|it| it.to_string()), words);
    }
}

/// As it would refuse the node itself.
#[test]
fn own_claim_whose_volume_another_own_claim_takes_is_missing() {
    let volumes = [volume("a", 10 * GI, None), volume("b", 20 * GI, None)];
    let own = [picky("data", 8 * GI, "a"), claim("root", 5 * GI)];
    let refused = play(&own, &[], &volumes, &[], &[]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "kube-scheduler takes volume a (10Gi) for root; then needs 1 volume of class local-vd with 8Gi or more for data: 0 of 1 free ones fit"
    );
}

/// Claims of the same size choose in the order of the pod.
#[test]
fn order_of_the_pod_decides_among_claims_of_one_size() {
    let volumes = [volume("a", 10 * GI, None), volume("b", 20 * GI, None)];
    let (any, only_a) = (claim("any", 8 * GI), picky("only-a", 8 * GI, "a"));
    let first = [only_a.clone(), any.clone()];
    assert_eq!(play(&first, &[], &volumes, &[], &[]), Ok(14 * GI));
    assert!(play(&[any, only_a], &[], &volumes, &[], &[]).is_err());
}

/// Claims that are alike, on disks with room for all, are one way and not thousands.
#[test]
fn choices_that_make_no_difference_are_one() {
    let own: Vec<_> = (0..8).map(|at| claim(&format!("c{at}"), 8 * GI)).collect();
    let volumes: Vec<_> = (0..64)
        .map(|at| volume(&format!("v{at}"), 10 * GI, Some(at % 4)))
        .collect();
    let places = [(); 4].map(|()| file_system(100 * GI));
    let later = [claim("later", 10 * GI)];
    assert_eq!(play(&own, &later, &volumes, &[], &places), Ok(16 * GI));
}

/// Nobody knows whether all of them would do.
#[test]
fn more_ways_than_can_be_looked_at_are_refused() {
    let own: Vec<_> = (0..8)
        .map(|at| claim(&format!("c{at}"), 8 * GI + at))
        .collect();
    let volumes: Vec<_> = (0..32)
        .map(|at| volume(&format!("v{at}"), 10 * GI, Some(at % 4)))
        .collect();
    let places = [(); 4].map(|()| file_system(65 * GI));
    let others = [claim("later", 8 * GI)];
    let refused = play(&own, &others, &volumes, &[], &places).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "kube-scheduler could take volumes of class local-vd for the pod's 8 claims in too many ways to look at all"
    );
}

proptest! {
    /// A node that passes will do, in whatever order kube-scheduler lists its volumes; and one that does not would go wrong
    /// with one of the choices.
    #[test]
    fn it_is_every_choice_of_the_scheduler(
        own in claims(),
        others in claims(),
        (usable, list) in volumes().prop_flat_map(|volumes| {
            let list: Vec<usize> = (0..volumes.len() + 2).collect();
            (Just(volumes), Just(list).prop_shuffle())
        }),
        spoilt in prop::collection::vec(6..8_u64, 0..2),
        room in prop::collection::vec(0..16_u64, 2),
    ) {
        let own = &own[..own.len().min(3)];
        let places: Vec<_> = room.iter().map(|free| file_system(*free)).collect();
        let spoilt: Vec<_> = spoilt.iter().map(|bytes| volume("bad", *bytes, None)).collect();
        let all = [usable.clone(), spoilt.clone()].concat();
        let list: Vec<usize> = list.into_iter().filter(|at| *at < all.len()).collect();
        let fits = play(own, &others, &usable, &spoilt, &places).is_ok();
        let chosen = as_written(own, &all, &list);
        if fits {
            let chosen = chosen.unwrap();
            prop_assert!(leaves_enough(&chosen, &others, &usable, &room));
        }
        let mut turns: Vec<&ClaimDemand> = own.iter().collect();
        turns.sort_by_key(|claim| claim.bytes);
        let expected =
            any_choice_will_do(&turns, &others, &usable, &all, &room, &mut Vec::new(), &turns);
        prop_assert_eq!(fits, expected);
    }

    /// The short way for one claim finds the same.
    #[test]
    fn one_own_claim_alone_is_no_other_case(
        claims in claims(), usable in volumes(), spoilt in prop::collection::vec(1..8_u64, 0..2),
        room in prop::collection::vec(0..16_u64, 2),
    ) {
        let places: Vec<_> = room.iter().map(|free| file_system(*free)).collect();
        let spoilt: Vec<_> = spoilt.iter().map(|bytes| volume("bad", *bytes, None)).collect();
        let volumes = Volumes { usable: &usable, spoilt: &spoilt, file_systems: &places };
        for claim in claims {
            let found = worst_waste(std::slice::from_ref(&claim), &[], 0, volumes);
            prop_assert_eq!(waste_of_one(&claim, volumes), found.ok());
        }
    }
}

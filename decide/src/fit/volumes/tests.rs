mod chosen;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::profile::{LabelOperator, Requirement};

const GI: u64 = 1 << 30;
const CLASS: &str = "local-vd";

fn claim(name: &str, bytes: u64) -> ClaimDemand {
    ClaimDemand {
        name: name.to_owned(),
        class: CLASS.into(),
        bytes,
        mode: VolumeMode::Filesystem,
        access: AccessModes::of(["ReadWriteOnce"]),
        selector: None,
    }
}

fn volume(name: &str, bytes: u64, file_system: Option<usize>) -> FreeVolume {
    let label = ("disk".to_owned(), name.to_owned());
    FreeVolume {
        name: name.into(),
        class: CLASS.into(),
        bytes,
        mode: VolumeMode::Filesystem,
        access: AccessModes::of(["ReadWriteOnce", "ReadWriteOncePod"]),
        labels: Arc::new([label].into()),
        file_system,
    }
}

fn file_system(free_bytes: u64) -> FileSystemOffer {
    FileSystemOffer { free_bytes }
}

fn only(name: &str) -> Option<Selector> {
    Some(Selector {
        match_expressions: vec![Requirement {
            key: "disk".to_owned(),
            operator: LabelOperator::In(vec![name.to_owned()]),
        }],
        ..Selector::default()
    })
}

fn names(found: &Matching, volumes: &[FreeVolume]) -> Vec<String> {
    let name = |at: &usize| volumes.get(*at).map(|it| it.name.to_string());
    found.volumes.iter().filter_map(name).collect()
}

#[test]
fn no_claim_needs_no_volume() {
    assert_eq!(matching(&[], &[], &[]), Ok(Matching::default()));
}

#[test]
fn the_smallest_volume_that_fits_is_taken() {
    let volumes = [
        volume("large", 30 * GI, None),
        volume("right", 15 * GI, None),
    ];
    let found = matching(&[claim("disk", 15 * GI)], &volumes, &[]).unwrap();
    assert_eq!(
        (names(&found, &volumes), found.waste),
        (vec!["right".to_owned()], 0)
    );
}

/// What kube-scheduler's greedy choice refuses: the small claim takes the small volume, which is the only one of the other.
#[test]
fn one_claim_makes_room_for_another() {
    let volumes = [volume("a", 10 * GI, None), volume("b", 20 * GI, None)];
    let picky = ClaimDemand {
        selector: only("a"),
        ..claim("picky", 8 * GI)
    };
    let found = matching(&[claim("any", 5 * GI), picky], &volumes, &[]).unwrap();
    assert_eq!(names(&found, &volumes), ["b", "a"]);
}

#[test]
fn the_largest_claim_need_not_get_the_largest_volume() {
    let volumes = [volume("a", 10 * GI, Some(0)), volume("b", 20 * GI, Some(1))];
    let places = [file_system(12 * GI), file_system(5 * GI)];
    let claims = [claim("small", 4 * GI), claim("large", 9 * GI)];
    let found = matching(&claims, &volumes, &places).unwrap();
    assert_eq!(names(&found, &volumes), ["b", "a"]);
}

#[rstest]
#[case::class(ClaimDemand { class: "other".into(), ..claim("c", GI) })]
#[case::size(claim("c", 11 * GI))]
#[case::mode(ClaimDemand { mode: VolumeMode::Block, ..claim("c", GI) })]
#[case::access(ClaimDemand { access: AccessModes::of(["ReadWriteMany"]), ..claim("c", GI) })]
#[case::one_of_two_modes(
    ClaimDemand { access: AccessModes::of(["ReadWriteOnce", "ReadWriteMany"]), ..claim("c", GI) }
)]
#[case::selector(ClaimDemand { selector: only("b"), ..claim("c", GI) })]
fn what_a_claim_does_not_take(#[case] claim: ClaimDemand) {
    let volumes = [volume("a", 10 * GI, None)];
    let refused = matching(std::slice::from_ref(&claim), &volumes, &[]).unwrap_err();
    assert!(
        matches!(refused, VolumeMisfit::TooFew { fit: 0, .. }),
        "{refused:?}"
    );
}

#[test]
fn claims_that_fight_for_a_volume_are_named_and_no_other() {
    let volumes = [
        volume("a", 10 * GI, None),
        volume("b", 20 * GI, None),
        volume("c", 20 * GI, None),
    ];
    let claims = [
        claim("small", GI),
        claim("first", 15 * GI),
        claim("second", 15 * GI),
        claim("third", 16 * GI),
    ];
    let refused = matching(&claims, &volumes, &[]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "needs 3 volumes of class local-vd with 15Gi or more for first, second, third: 2 of 3 free ones fit"
    );
}

#[test]
fn bytes_of_a_disk_count_once() {
    let volumes = [volume("a", 10 * GI, Some(0)), volume("b", 10 * GI, Some(0))];
    let claims = [claim("x", 8 * GI), claim("y", 8 * GI)];
    assert!(matching(&claims, &volumes, &[file_system(16 * GI)]).is_ok());
    let refused = matching(&claims, &volumes, &[file_system(16 * GI - 1)]).unwrap_err();
    let free = 16 * GI - 1;
    assert_eq!(
        refused,
        VolumeMisfit::NoSpace {
            needs: 16 * GI,
            free
        }
    );
    assert_eq!(
        refused.to_string(),
        format!("needs 16Gi on disk for its volumes: {free} are really free")
    );
}

/// Slow, and right: every claim tries every volume.
fn by_force(
    claims: &[ClaimDemand],
    volumes: &[FreeVolume],
    room: &[u64],
    taken: &BTreeSet<usize>,
) -> Option<u64> {
    let Some((first, rest)) = claims.split_first() else {
        return Some(0);
    };
    let fits = volumes.iter().enumerate().filter(|(_, it)| first.takes(it));
    let tries = fits.filter(|(at, _)| !taken.contains(at));
    tries
        .filter_map(|(at, volume)| {
            let mut room = room.to_vec();
            if let Some(place) = volume.file_system.and_then(|at| room.get_mut(at)) {
                *place = place.checked_sub(first.bytes)?;
            }
            let mut taken = taken.clone();
            taken.insert(at);
            let waste = volume.bytes - first.bytes;
            Some(waste + by_force(rest, volumes, &room, &taken)?)
        })
        .min()
}

fn claims() -> impl Strategy<Value = Vec<ClaimDemand>> {
    let one = (1..6_u64, any::<bool>(), prop::option::of(0..5_usize));
    prop::collection::vec(one, 0..5).prop_map(|all| {
        let make = |(at, (bytes, other, label)): (usize, (u64, bool, Option<usize>))| ClaimDemand {
            class: if other { "other" } else { CLASS }.into(),
            selector: label.and_then(|label| only(&format!("v{label}"))),
            ..claim(&format!("c{at}"), bytes)
        };
        all.into_iter().enumerate().map(make).collect()
    })
}

fn volumes() -> impl Strategy<Value = Vec<FreeVolume>> {
    let one = (
        1..8_u64,
        prop::bool::weighted(0.2),
        prop::option::of(0..2_usize),
    );
    prop::collection::vec(one, 0..7).prop_map(|all| {
        let make = |(at, (bytes, other, place)): (usize, (u64, bool, Option<usize>))| FreeVolume {
            class: if other { "other" } else { CLASS }.into(),
            ..volume(&format!("v{at}"), bytes, place)
        };
        all.into_iter().enumerate().map(make).collect()
    })
}

proptest! {
    #[test]
    fn it_is_as_good_as_every_try(
        claims in claims(), volumes in volumes(), room in prop::collection::vec(0..16_u64, 2),
    ) {
        let places: Vec<_> = room.iter().map(|free| file_system(*free)).collect();
        let found = matching(&claims, &volumes, &places);
        let expected = by_force(&claims, &volumes, &room, &BTreeSet::new());
        prop_assert_eq!(found.as_ref().ok().map(|found| found.waste), expected);
        let Ok(found) = found else { return Ok(()) };
        let different: BTreeSet<_> = found.volumes.iter().collect();
        prop_assert_eq!(different.len(), claims.len());
        let mut left = room;
        for (claim, at) in claims.iter().zip(&found.volumes) {
            prop_assert!(claim.takes(&volumes[*at]));
            if let Some(place) = volumes[*at].file_system {
                prop_assert!(left[place] >= claim.bytes);
                left[place] -= claim.bytes;
            }
        }
    }

    /// The short way for one claim finds the same.
    #[test]
    fn one_claim_alone_is_no_other_case(
        claims in claims(), volumes in volumes(), room in prop::collection::vec(0..16_u64, 2),
    ) {
        let places: Vec<_> = room.iter().map(|free| file_system(*free)).collect();
        for claim in claims {
            let found = matching(std::slice::from_ref(&claim), &volumes, &places);
            let at_once = least_waste_of_one(&claim, &volumes, &places);
            prop_assert_eq!(at_once, found.ok().map(|found| found.waste));
        }
    }

    #[test]
    fn more_to_offer_never_refuses(
        claims in claims(), volumes in volumes(), room in prop::collection::vec(0..16_u64, 2), more in 1..8_u64,
    ) {
        let places: Vec<_> = room.iter().map(|free| file_system(*free)).collect();
        if matching(&claims, &volumes, &places).is_ok() {
            let mut wider = volumes.clone();
            wider.push(volume("more", more, Some(0)));
            prop_assert!(matching(&claims, &wider, &places).is_ok());
            let roomier: Vec<_> = room.iter().map(|free| file_system(free + more)).collect();
            prop_assert!(matching(&claims, &volumes, &roomier).is_ok());
        }
    }
}

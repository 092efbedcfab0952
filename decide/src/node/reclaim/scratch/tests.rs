use rstest::rstest;

use super::*;
use crate::node::cluster::Moment;
use crate::node::testing::*;

const PATH: &str = "/var/vd/vol3";
const UID: &str = "claim-uid-disk-scratch";

/// A volume, and a pod of CDI that has it as scratch space; each test spoils one thing.
struct World {
    pv: PersistentVolume,
    pod: Pod,
}

impl World {
    fn new() -> Self {
        Self {
            pv: PersistentVolume {
                phase_since: Some(Moment(101)),
                ..in_phase(ours(PATH), Phase::Bound, "disk-scratch")
            },
            pod: Pod {
                machine: None,
                created: Some(Moment(100)),
                labels: [(CDI_APP_LABEL.to_owned(), CDI_APP.to_owned())].into(),
                claims: ["disk".to_owned(), "disk-scratch".to_owned()].into(),
                scratch: ["disk-scratch".to_owned()].into(),
                ..launcher("disk")
            },
        }
    }

    fn is_seen(&self, before: &[&str]) -> bool {
        let before = before.iter().map(|&uid| uid.to_owned()).collect();
        let seen = seen(&before, [&self.pv], [&self.pod]);
        assert!(seen.is_empty() || seen == BTreeSet::from([UID.to_owned()]));
        !seen.is_empty()
    }
}

#[rstest]
#[case::in_order(|_: &mut World| {}, true)]
#[case::bound_in_the_same_second(|world: &mut World| world.pv.phase_since = Some(Moment(100)), true)]
#[case::bound_before_the_pod(|world: &mut World| world.pv.phase_since = Some(Moment(99)), false)]
#[case::bound_nobody_knows_when(|world: &mut World| world.pv.phase_since = None, false)]
#[case::pod_made_nobody_knows_when(|world: &mut World| world.pod.created = None, false)]
#[case::not_bound_yet(|world: &mut World| world.pv.phase = Phase::Available, false)]
#[case::released_before(|world: &mut World| world.pv.phase = Phase::Released, false)]
#[case::mounted_as_what_is_filled(|world: &mut World| world.pod.scratch.clear(), false)]
#[case::mounted_by_a_pod_of_others(|world: &mut World| world.pod.labels.clear(), false)]
#[case::pod_that_ended(|world: &mut World| world.pod.ended = true, false)]
#[case::pod_of_another_namespace(|world: &mut World| world.pod.namespace = "other".into(), false)]
#[case::of_another_name(
    |world: &mut World| {
        world.pv.claim = Some(claim("disk"));
        world.pod.scratch = ["disk".to_owned()].into();
    },
    false
)]
#[case::without_a_uid(|world: &mut World| world.pv.claim.as_mut().unwrap().uid.clear(), false)]
fn what_cdi_uses_as_scratch_is_seen(#[case] change: fn(&mut World), #[case] expected: bool) {
    let mut world = World::new();
    change(&mut world);
    assert_eq!(world.is_seen(&[]), expected);
}

#[rstest]
#[case::while_it_is_there(|_: &mut World| {}, true)]
#[case::when_its_claim_is_gone(|world: &mut World| world.pv.phase = Phase::Released, true)]
#[case::until_it_is_marked(
    |world: &mut World| {
        world.pv = annotated(world.pv.clone(), CLAIM_KIND_ANNOTATION, &format!("scratch/{UID}"));
    },
    false
)]
#[case::unless_the_mark_is_of_an_earlier_claim(
    |world: &mut World| {
        world.pv = annotated(world.pv.clone(), CLAIM_KIND_ANNOTATION, "scratch/earlier");
    },
    true
)]
#[case::until_another_claim_has_it(
    |world: &mut World| world.pv.claim = Some(claim("other")),
    false
)]
#[case::until_it_is_given_back(|world: &mut World| world.pv.claim = None, false)]
fn what_was_seen_is_remembered(#[case] change: fn(&mut World), #[case] expected: bool) {
    let mut world = World::new();
    world.pod.ended = true;
    change(&mut world);
    assert_eq!(world.is_seen(&[UID]), expected);
}

#[test]
fn of_volumes_that_are_gone_nothing_is_remembered() {
    let before = BTreeSet::from([UID.to_owned()]);
    assert!(seen(&before, [], []).is_empty());
}

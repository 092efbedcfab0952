use std::collections::BTreeSet;

use rstest::rstest;

use super::*;
use crate::inventory::VolumeState;
use crate::names::{
    CLAIM_KIND_ANNOTATION, MOUNT_POINT_ANNOTATION, NODE_UID_ANNOTATION, PROVISIONED_BY_ANNOTATION,
};
use crate::node::assess::VolumeVerdict;
use crate::node::config::Config;
use crate::node::facts::Content;
use crate::node::local_volumes::Action;
use crate::node::testing::*;
use crate::node::{assess, local_volumes};

const PATH: &str = "/var/vd/vol3";

/// A volume that is to be given back, and everything around it; each test spoils one thing.
struct World {
    pv: PersistentVolume,
    directory: DirectoryFacts,
    read_only: bool,
    pods: Vec<Pod>,
    others: Vec<PersistentVolume>,
    config: Config,
}

impl World {
    fn new() -> Self {
        Self {
            pv: in_phase(ours(PATH), Phase::Released, "disk"),
            directory: with_disk(3),
            read_only: false,
            pods: Vec::new(),
            others: Vec::new(),
            config: config(),
        }
    }

    fn offer(&mut self) -> &mut Offer {
        self.config.volumes[0].offer.as_mut().unwrap()
    }

    fn mark(&mut self, kind: &str) {
        self.pv = annotated(self.pv.clone(), CLAIM_KIND_ANNOTATION, kind);
    }

    /// The verdict, and what is given back.
    fn decided(self) -> (VolumeVerdict, Vec<ReclaimOrder>) {
        let mut facts = facts([(PATH, Content::Directory(self.directory))]);
        facts.file_systems[0].read_only = self.read_only;
        let mut cluster = cluster([self.pv].into_iter().chain(self.others));
        cluster.pods = self.pods;
        let assessment = assess::assess(&facts, &cluster, &self.config);
        let plan = local_volumes::plan(&assessment, &cluster, &self.config);
        let orders = plan.into_iter().filter_map(|action| match action {
            Action::Reclaim(order) => Some(order),
            Action::Create(_) | Action::Mend(_) => None,
        });
        (assessment.volumes[0].clone(), orders.collect())
    }
}

#[test]
fn released_volume_is_given_back() {
    let (verdict, orders) = World::new().decided();
    assert_eq!(verdict.state, VolumeState::Released);
    let expected = ReclaimOrder {
        name: "vmberth-edge-1-vol3".into(),
        uid: "uid-/var/vd/vol3".into(),
        claim: claim("disk"),
        path: PATH.into(),
        directory: DirectoryId {
            device: DEVICE,
            inode: 3,
        },
    };
    assert_eq!(orders, [expected]);
}

#[rstest]
#[case::empty_already(|world: &mut World| world.directory = empty(3))]
// Of the claim, or of one that was made anew, be it with another class: who empties it asks.
#[case::pod_of_a_claim_of_that_name(|world: &mut World| world.pods.push(launcher("disk")))]
#[case::keep_is_false(|world: &mut World| {
    world.pv = annotated(world.pv.clone(), KEEP_ANNOTATION, "false");
})]
#[case::keep_is_empty(|world: &mut World| {
    world.pv = annotated(world.pv.clone(), KEEP_ANNOTATION, "");
})]
#[case::scratch_of_a_class_that_keeps(|world: &mut World| {
    world.offer().reclaim = Reclaim::Retain;
    world.mark("scratch/claim-uid-disk");
})]
#[case::where_it_was_made(|world: &mut World| {
    world.pv = annotated(world.pv.clone(), MOUNT_POINT_ANNOTATION, "/var/vd");
})]
#[case::directory_of_another_beside_it(|world: &mut World| {
    world.others.push(PersistentVolume { hostnames: BTreeSet::new(), ..of_others("/var/vd/vol33") });
})]
fn given_back_all_the_same(#[case] change: fn(&mut World)) {
    let mut world = World::new();
    change(&mut world);
    let (verdict, orders) = world.decided();
    assert_eq!(verdict.state, VolumeState::Released, "{verdict:?}");
    assert_eq!(orders.len(), 1);
}

#[rstest]
#[case::mounted(
    |world: &mut World| {
        world.directory.mounted_by = BTreeSet::from(["pod-uid".to_owned()]);
        world.pods.push(Pod { ended: true, ..launcher("disk") });
    },
    "released; waits: pod default/virt-launcher-web-x still has it mounted"
)]
#[case::mounted_by_a_stranger(
    |world: &mut World| world.directory.mounted_by = BTreeSet::from(["u1".to_owned()]),
    "released; waits: pod with uid u1 still has it mounted"
)]
#[case::no_uid(
    |world: &mut World| world.pv.claim.as_mut().unwrap().uid.clear(),
    "released; waits: it does not say the uid of the claim it was of"
)]
#[case::no_claim(
    |world: &mut World| world.pv.claim = None,
    "released; waits: it does not say the uid of the claim it was of"
)]
#[case::directory_in_it_is_of_another(
    |world: &mut World| {
        let other = of_others("/var/vd/vol3/sub");
        world.others.push(PersistentVolume { hostnames: BTreeSet::new(), ..other });
    },
    "released; waits: PersistentVolume hand-sub names its directory too, or one in it: delete one of the two"
)]
#[case::deleting(
    |world: &mut World| world.pv.deleting = true,
    "released; waits: its PersistentVolume is being deleted"
)]
fn waits(#[case] change: fn(&mut World), #[case] expected: &str) {
    let mut world = World::new();
    change(&mut world);
    let (verdict, orders) = world.decided();
    assert_eq!(verdict.state, VolumeState::Released);
    assert_eq!(reason(&verdict), expected);
    assert!(orders.is_empty());
}

#[test]
fn every_reason_to_wait_is_told() {
    let mut world = World::new();
    world.pv.deleting = true;
    world.directory.mounted_by = BTreeSet::from(["pod-uid".to_owned()]);
    world.pods.push(launcher("disk"));
    let (verdict, _) = world.decided();
    let expected = "released; waits: its PersistentVolume is being deleted, \
                    pod default/virt-launcher-web-x still has it mounted";
    assert_eq!(reason(&verdict), expected);
}

#[rstest]
#[case::policy(
    |world: &mut World| world.offer().reclaim = Reclaim::Retain,
    "kept by policy: empty /var/vd/vol3, then kubectl patch pv vmberth-edge-1-vol3"
)]
#[case::scratch_policy(
    |world: &mut World| {
        world.offer().scratch_reclaim = Reclaim::Retain;
        world.mark("scratch/claim-uid-disk");
    },
    "kept by policy"
)]
#[case::scratch_was_an_earlier_claim(
    |world: &mut World| {
        world.offer().reclaim = Reclaim::Retain;
        world.mark("scratch/earlier");
    },
    "kept by policy"
)]
#[case::scratch_of_no_claim(
    |world: &mut World| {
        world.offer().reclaim = Reclaim::Retain;
        world.pv.claim.as_mut().unwrap().uid.clear();
        world.mark("scratch/");
    },
    "kept by policy"
)]
#[case::mark_without_uid(
    |world: &mut World| {
        world.offer().reclaim = Reclaim::Retain;
        world.mark("scratch");
    },
    "kept by policy"
)]
#[case::scratch_by_name_alone(
    |world: &mut World| {
        world.offer().reclaim = Reclaim::Retain;
        world.pv.claim.as_mut().unwrap().name = "disk-scratch".into();
    },
    "kept by policy"
)]
#[case::marked_by_annotation(
    |world: &mut World| world.pv = annotated(world.pv.clone(), KEEP_ANNOTATION, "true"),
    "vmberth.io/keep says so"
)]
#[case::marked_in_other_words(
    |world: &mut World| world.pv = annotated(world.pv.clone(), KEEP_ANNOTATION, "True"),
    "vmberth.io/keep says so"
)]
#[case::marked_by_a_label_in_other_words(
    |world: &mut World| {
        world.pv = annotated(world.pv.clone(), KEEP_ANNOTATION, "false");
        world.pv.labels.insert(KEEP_ANNOTATION.into(), "1".into());
    },
    "vmberth.io/keep says so"
)]
#[case::marked_by_label(
    |world: &mut World| {
        world.pv.labels.insert(KEEP_ANNOTATION.into(), "true".into());
    },
    "vmberth.io/keep says so"
)]
#[case::node_replaced(
    |world: &mut World| world.pv = annotated(world.pv.clone(), NODE_UID_ANNOTATION, "old"),
    "made for node uid \"old\", the node has node-uid: to adopt it: kubectl annotate pv vmberth-edge-1-vol3"
)]
#[case::node_not_noted(
    |world: &mut World| {
        world.pv.annotations.remove(NODE_UID_ANNOTATION);
    },
    "made for node uid \"\""
)]
#[case::hostname_changed(
    |world: &mut World| world.pv.hostnames = BTreeSet::from(["old".to_owned()]),
    "asks for hostname \"old\", the node's label says \"edge-1.example\""
)]
#[case::class_changed(
    |world: &mut World| world.pv.class = "old".into(),
    "of class old, the config says local-vd"
)]
#[case::class_taken_from_the_config(
    |world: &mut World| world.config.volumes[0].offer = None,
    "the config offers no volume there"
)]
#[case::of_others(
    |world: &mut World| {
        world.pv = annotated(world.pv.clone(), PROVISIONED_BY_ANNOTATION, "someone");
    },
    "is not ours"
)]
fn kept(#[case] change: fn(&mut World), #[case] expected: &str) {
    let mut world = World::new();
    change(&mut world);
    let (verdict, orders) = world.decided();
    assert_eq!(verdict.state, VolumeState::Retained);
    assert!(reason(&verdict).contains(expected), "{verdict:?}");
    assert!(orders.is_empty());
}

#[rstest]
#[case::read_only(|world: &mut World| world.read_only = true, "file system /var/vd is read-only")]
#[case::second_volume_of_the_directory(
    |world: &mut World| {
        world.others.push(in_phase(of_others("/var/vd/vol3/"), Phase::Bound, "disk2"));
    },
    "PersistentVolumes hand-, vmberth-edge-1-vol3 name the same directory"
)]
#[case::volume_of_any_node_names_the_directory(
    |world: &mut World| {
        world.others.push(PersistentVolume { hostnames: BTreeSet::new(), ..of_others("/var/vd/vol3") });
    },
    "PersistentVolumes vmberth-edge-1-vol3, hand-vol3 name the same directory"
)]
#[case::on_another_mount_point(
    |world: &mut World| world.pv = annotated(world.pv.clone(), MOUNT_POINT_ANNOTATION, "/mnt/ssd"),
    "lies on /var/vd now, not on /mnt/ssd where it was made"
)]
#[case::failed(|world: &mut World| world.pv.phase = Phase::Failed, "is Failed")]
fn unhealthy_is_left_alone(#[case] change: fn(&mut World), #[case] expected: &str) {
    let mut world = World::new();
    change(&mut world);
    let (verdict, orders) = world.decided();
    assert_eq!(verdict.state, VolumeState::Unhealthy);
    assert!(reason(&verdict).contains(expected), "{verdict:?}");
    assert!(orders.is_empty());
}

#[rstest]
#[case(Phase::Pending)]
#[case(Phase::Available)]
#[case(Phase::Bound)]
#[case(Phase::Failed)]
fn nothing_but_released_goes(#[case] phase: Phase) {
    let world = World::new();
    let mut pv = world.pv;
    pv.phase = phase;
    let (cluster, offer) = (cluster([pv.clone()]), offer());
    let fate = judge(&Case {
        volume: &pv,
        offer: Some(&offer),
        directory: Some(&world.directory),
        node: &node(),
        cluster: &cluster,
    });
    assert_eq!(fate, Fate::Waits(vec![Wait::NotReleased(phase)]));
}

#[test]
fn slash_at_the_end_of_the_path_is_not_handed_on() {
    let mut world = World::new();
    world.pv.path = "/var/vd/vol3/".into();
    let (_, orders) = world.decided();
    assert_eq!(orders[0].path, PATH);
}

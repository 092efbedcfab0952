use std::collections::BTreeSet;

use rstest::rstest;

use super::*;
use crate::inventory::VolumeState;
use crate::names::{
    CLAIM_KIND_ANNOTATION, DIRECTORY_ANNOTATION, MOUNT_POINT_ANNOTATION, NODE_LABEL,
    NODE_UID_ANNOTATION,
};
use crate::node::cluster::{Phase, Pod};
use crate::node::config::Offer;
use crate::node::facts::{Area, DirectoryFacts, DiskFormat, Problem};
use crate::node::testing::*;

const PATH: &str = "/var/vd/vol3";

fn only(content: Content, holders: impl IntoIterator<Item = PersistentVolume>) -> VolumeVerdict {
    let found = verdicts(&facts([(PATH, content)]), &cluster(holders), &config());
    assert_eq!(found.len(), 1);
    found[0].clone()
}

fn qcow2() -> DirectoryFacts {
    let mut directory = with_disk(3);
    directory.disk.as_mut().unwrap().format = DiskFormat::Qcow2;
    directory
}

fn mounted() -> DirectoryFacts {
    DirectoryFacts {
        mounted_by: BTreeSet::from(["u1".to_owned()]),
        ..empty(3)
    }
}

fn disk_and_file() -> DirectoryFacts {
    DirectoryFacts {
        foreign: with_files(3, &["notes"]).foreign,
        ..with_disk(3)
    }
}

fn made_on(pv: PersistentVolume, mount_point: &str) -> PersistentVolume {
    annotated(pv, MOUNT_POINT_ANNOTATION, mount_point)
}

fn made_of(pv: PersistentVolume, directory: &str) -> PersistentVolume {
    annotated(pv, DIRECTORY_ANNOTATION, directory)
}

fn of_any_node(pv: PersistentVolume) -> PersistentVolume {
    PersistentVolume {
        hostnames: BTreeSet::new(),
        ..pv
    }
}

#[test]
fn file_system_that_can_not_be_read_may_be_another() {
    let unread: [fn(&mut Facts); 2] = [
        |facts| facts.file_systems.clear(),
        |facts| facts.file_systems[0].mount_point.clear(),
    ];
    for change in unread {
        let mut facts = facts([(PATH, directory(3))]);
        change(&mut facts);
        let held = cluster([made_on(ours(PATH), "/var/vd")]);
        let found = verdicts(&facts, &held, &config());
        assert_eq!(found[0].state, VolumeState::Unhealthy);
        assert!(reason(&found[0]).starts_with("lies on a file system that can't be read"));
    }
}

#[rstest]
#[case::empty(empty(3), "a PersistentVolume of 16342Mi is made of it")]
#[case::disk(with_disk(3), "not empty: disk.img (15Gi); a new VM would take")]
#[case::files(
    with_files(3, &["a", "b", "c", "d", "e"]),
    "not empty: a, b, c and 2 more; a new VM"
)]
#[case::disk_and_file(disk_and_file(), "not empty: disk.img (15Gi), notes;")]
#[case::mounted(mounted(), "empty, but pod with uid u1 still has it mounted")]
fn without_persistent_volume(#[case] directory: DirectoryFacts, #[case] expected: &str) {
    let verdict = only(Content::Directory(directory), []);
    assert_eq!(verdict.state, VolumeState::Unoffered);
    assert!(reason(&verdict).starts_with(expected), "{verdict:?}");
}

/// The kubelet gives it to the pod at mount, whoever owns it.
#[rstest]
#[case(0o755)]
#[case(0o700)]
#[case(0o000)]
fn no_mode_is_a_fault(#[case] mode: u32) {
    let directory = DirectoryFacts { mode, ..empty(3) };
    let verdict = only(Content::Directory(directory), [ours(PATH)]);
    assert_eq!(
        (verdict.state, verdict.reason),
        (VolumeState::Available, None)
    );
}

#[rstest]
#[case::link(Content::NotADirectory { kind: "a symbolic link" }, "is a symbolic link, not a directory")]
#[case::unreadable(Content::Unreadable { reason: "EACCES".into() }, "can't be read: EACCES")]
fn unusable_whatever_has_it(#[case] content: Content, #[case] expected: &str) {
    let claimed = in_phase(ours(PATH), Phase::Bound, "disk");
    for holder in [None, Some(ours(PATH)), Some(of_others(PATH)), Some(claimed)] {
        let verdict = only(content.clone(), holder);
        assert_eq!(verdict.state, VolumeState::Unhealthy);
        assert!(reason(&verdict).starts_with(expected), "{verdict:?}");
        assert_eq!(verdict.directory, None);
    }
}

#[rstest]
#[case::available(ours(PATH), empty(3), VolumeState::Available, "")]
#[case::bound(
    in_phase(ours(PATH), Phase::Bound, "disk"),
    with_disk(3),
    VolumeState::Bound,
    ""
)]
#[case::claimed_a_moment_ago(
    in_phase(ours(PATH), Phase::Available, "disk"),
    with_disk(3),
    VolumeState::Bound,
    ""
)]
#[case::made_a_moment_ago(
    PersistentVolume { phase: Phase::Pending, ..ours(PATH) }, empty(3),
    VolumeState::Unoffered, "its PersistentVolume is Pending"
)]
#[case::lost_and_found_or_notes(ours(PATH), with_files(3, &["notes"]), VolumeState::Available, "holds files of others: notes")]
#[case::disk_of_the_last_tenant(
    ours(PATH),
    with_disk(3),
    VolumeState::Unhealthy,
    "its PersistentVolume is Available, but disk.img (15Gi) is in it"
)]
#[case::files_beside_a_disk(
    in_phase(ours(PATH), Phase::Bound, "disk"),
    disk_and_file(),
    VolumeState::Bound,
    "holds files of others: notes"
)]
#[case::files_in_scratch_space(
    annotated(
        in_phase(ours(PATH), Phase::Bound, "disk-scratch"),
        CLAIM_KIND_ANNOTATION,
        "scratch/claim-uid-disk-scratch"
    ),
    disk_and_file(),
    VolumeState::Bound,
    ""
)]
#[case::files_in_what_is_only_called_scratch(
    in_phase(ours(PATH), Phase::Bound, "disk-scratch"),
    disk_and_file(),
    VolumeState::Bound,
    "holds files of others: notes"
)]
#[case::where_it_was_made(made_on(ours(PATH), "/var/vd"), empty(3), VolumeState::Available, "")]
#[case::file_system_gone(
    made_on(ours(PATH), "/mnt/ssd"),
    empty(3),
    VolumeState::Unhealthy,
    "lies on /var/vd now, not on /mnt/ssd where it was made: is its file system mounted?"
)]
#[case::file_system_gone_while_bound(
    made_on(in_phase(ours(PATH), Phase::Bound, "disk"), "/mnt/ssd"),
    empty(3),
    VolumeState::Unhealthy,
    "lies on /var/vd now"
)]
#[case::another_directory(
    made_of(in_phase(ours(PATH), Phase::Bound, "disk"), "4:77"),
    with_disk(3),
    VolumeState::Unhealthy,
    "is another directory (3) than its PersistentVolume was made of (4:77): were disks swapped, or was it made anew? \
     Mount the right one, by its UUID; if this one is right: kubectl annotate pv vmberth-edge-1-vol3 \
     vmberth.io/directory=3 --overwrite"
)]
#[case::another_directory_that_is_released(
    made_of(in_phase(ours(PATH), Phase::Released, "disk"), "4:77"),
    with_disk(3),
    VolumeState::Unhealthy,
    "is another directory (3)"
)]
#[case::another_empty_directory(made_of(ours(PATH), "4:77"), empty(3), VolumeState::Available, "")]
#[case::the_very_directory(
    made_of(in_phase(ours(PATH), Phase::Bound, "disk"), "3"),
    with_disk(3),
    VolumeState::Bound,
    ""
)]
#[case::directory_as_others_note_it(
    made_of(in_phase(of_others(PATH), Phase::Bound, "disk"), "4:77"),
    with_disk(3),
    VolumeState::Bound,
    ""
)]
#[case::mark_of_others(
    made_on(of_others(PATH), "/mnt/ssd"),
    empty(3),
    VolumeState::Available,
    ""
)]
#[case::of_any_node(
    of_any_node(of_others(PATH)),
    empty(3),
    VolumeState::Unoffered,
    "PersistentVolume hand-vol3 names this path and asks for no node"
)]
#[case::of_any_node_bound(
    in_phase(of_any_node(of_others(PATH)), Phase::Bound, "disk"),
    with_disk(3),
    VolumeState::Bound,
    "PersistentVolume hand-vol3 names this path and asks for no node"
)]
#[case::qcow2(
    in_phase(ours(PATH), Phase::Bound, "disk"),
    qcow2(),
    VolumeState::Bound,
    "disk.img is qcow2"
)]
#[case::deleting(
    PersistentVolume { deleting: true, ..in_phase(ours(PATH), Phase::Bound, "disk") }, with_disk(3),
    VolumeState::Bound, "its PersistentVolume is being deleted"
)]
#[case::other_capacity(
    PersistentVolume { capacity: 15 * GIB, ..ours(PATH) }, empty(3),
    VolumeState::Available, "its PersistentVolume has 15Gi, the config makes it 16342Mi"
)]
#[case::other_class(
    PersistentVolume { class: "old".into(), ..ours(PATH) }, empty(3),
    VolumeState::Available, "its PersistentVolume is of class old, the config says local-vd"
)]
#[case::node_installed_anew(
    annotated(in_phase(ours(PATH), Phase::Bound, "disk"), NODE_UID_ANNOTATION, "old"),
    with_disk(3),
    VolumeState::Bound,
    "its PersistentVolume was made for node uid \"old\""
)]
#[case::by_hand(of_others(PATH), empty(3), VolumeState::Available, "")]
#[case::by_hand_released(
    in_phase(of_others(PATH), Phase::Released, "disk"),
    with_disk(3),
    VolumeState::Retained,
    "its claim is gone; PersistentVolume hand-vol3 is not ours"
)]
#[case::failed(
    in_phase(ours(PATH), Phase::Failed, "disk"),
    with_disk(3),
    VolumeState::Unhealthy,
    "PersistentVolume vmberth-edge-1-vol3 is Failed"
)]
fn with_persistent_volume(
    #[case] pv: PersistentVolume,
    #[case] directory: DirectoryFacts,
    #[case] state: VolumeState,
    #[case] expected: &str,
) {
    let verdict = only(Content::Directory(directory), [pv.clone()]);
    assert_eq!(verdict.state, state, "{verdict:?}");
    assert!(reason(&verdict).starts_with(expected), "{verdict:?}");
    assert_eq!(
        reason(&verdict).is_empty(),
        expected.is_empty(),
        "{verdict:?}"
    );
    assert_eq!(verdict.persistent_volume, Some(pv.name));
    assert_eq!(
        (verdict.capacity, verdict.class),
        (Some(pv.capacity), Some(pv.class))
    );
    assert_eq!(verdict.claim, pv.claim);
}

/// No pod of this node gets it: nothing that is free here.
#[rstest]
#[case::other(Some("edge-1.new"))]
#[case::none(None)]
fn idle_volume_of_another_hostname_is_not_for_the_taking(#[case] now: Option<&str>) {
    let mut cluster = cluster([ours(PATH)]);
    cluster.node.as_mut().unwrap().hostname = now.map(str::to_owned);
    let found = verdicts(&facts([(PATH, directory(3))]), &cluster, &config());
    assert_eq!(found[0].state, VolumeState::Unoffered, "{found:?}");
    assert!(reason(&found[0]).starts_with("its PersistentVolume asks for hostname"));
}

#[test]
fn volume_reserved_for_a_claim_is_not_for_the_taking() {
    let mut pv = in_phase(ours(PATH), Phase::Available, "disk");
    pv.claim.as_mut().unwrap().uid.clear();
    let verdict = only(Content::Directory(with_disk(3)), [pv]);
    assert_eq!(verdict.state, VolumeState::Retained);
    assert_eq!(
        reason(&verdict),
        "kept for claim default/disk, which is not there yet"
    );
}

#[test]
fn vanished_directory_keeps_its_persistent_volume() {
    let gone = cluster([in_phase(ours(PATH), Phase::Released, "disk")]);
    let found = verdicts(&facts([]), &gone, &config());
    assert_eq!(found[0].state, VolumeState::Unhealthy);
    assert!(reason(&found[0]).starts_with("directory is gone; its PersistentVolume is kept"));
    assert_eq!((&*found[0].name, found[0].ours), ("vol3", true));
    let anothers = verdicts(&facts([]), &cluster([of_others(PATH)]), &config());
    assert_eq!(anothers, []);
}

#[rstest]
#[case::above("/var/vd", true)]
#[case::with_slash("/var/vd/", true)]
#[case::itself("/var/vd/vol3", true)]
#[case::beside("/var/vd/vol", false)]
fn directory_behind_an_unreadable_one_is_not_gone(#[case] problem: &str, #[case] behind: bool) {
    let mut facts = facts([]);
    facts.problems.push(Problem {
        area: Area::Volumes,
        path: problem.into(),
        reason: "Permission denied (os error 13)".into(),
    });
    let found = verdicts(&facts, &cluster([ours(PATH)]), &config());
    let expected = format!("can't be read: {problem}: Permission denied (os error 13)");
    assert_eq!(reason(&found[0]) == expected, behind, "{found:?}");
}

#[test]
fn read_only_file_system_is_a_fault_of_all_its_volumes() {
    let mut facts = facts([(PATH, directory(3)), ("/var/vd/vol4", directory(4))]);
    facts.file_systems[0].read_only = true;
    let found = verdicts(&facts, &cluster([ours(PATH)]), &config());
    for verdict in found {
        assert_eq!(verdict.state, VolumeState::Unhealthy);
        assert!(reason(&verdict).starts_with("file system /var/vd is read-only"));
    }
}

#[test]
fn one_directory_by_two_paths_is_never_two_volumes() {
    let facts = facts([(PATH, directory(3)), ("/var/vd/vol4", directory(3))]);
    let found = verdicts(&facts, &cluster([]), &config());
    assert!(reason(&found[0]).starts_with("is the same directory as /var/vd/vol4"));
    assert!(
        found
            .iter()
            .all(|verdict| verdict.state == VolumeState::Unhealthy)
    );
}

#[test]
fn volume_that_no_pattern_names_any_longer_is_left_alone() {
    let far = cluster([ours("/var/vd/vol65"), ours("/elsewhere/vol1")]);
    let found = verdicts(&facts([(PATH, directory(3))]), &far, &config());
    let names: Vec<&str> = found.iter().map(|verdict| verdict.path.as_str()).collect();
    assert_eq!(names, [PATH, "/elsewhere/vol1", "/var/vd/vol65"]);
    assert!(
        reason(&found[1]).contains("no pattern of the config names it"),
        "{found:?}"
    );
}

#[test]
fn persistent_volume_of_a_node_of_another_name_is_of_others() {
    let mut pv = in_phase(ours(PATH), Phase::Released, "disk");
    pv.labels.insert(NODE_LABEL.into(), "old".into());
    let verdict = only(Content::Directory(with_disk(3)), [pv]);
    assert_eq!(
        (verdict.state, verdict.ours),
        (VolumeState::Retained, false)
    );
}

#[test]
fn persistent_volume_of_another_host_does_not_count() {
    let mut pv = of_others(PATH);
    pv.hostnames = BTreeSet::from(["edge-2".to_owned()]);
    let verdict = only(directory(3), [pv]);
    assert_eq!(verdict.persistent_volume, None);
}

#[test]
fn of_two_persistent_volumes_the_one_in_use_is_shown() {
    let bound = in_phase(of_others("/var/vd//vol3/"), Phase::Bound, "disk");
    let verdict = only(directory(3), [ours(PATH), bound.clone()]);
    assert_eq!(verdict.state, VolumeState::Unhealthy);
    assert_eq!(
        (verdict.persistent_volume, verdict.claim),
        (Some(bound.name), bound.claim)
    );
}

#[test]
fn persistent_volume_of_another_path_to_the_directory_is_shown() {
    let bound = in_phase(of_others("/mnt/disks/a"), Phase::Bound, "disk");
    let bound_elsewhere = DirectoryFacts {
        also_at: BTreeSet::from(["/mnt/disks/a".to_owned()]),
        ..with_disk(3)
    };
    let directory = Content::Directory(bound_elsewhere);
    let alone = only(directory.clone(), [bound.clone()]);
    assert_eq!(
        (alone.state, alone.persistent_volume.as_deref()),
        (VolumeState::Bound, Some("hand-a"))
    );
    let both = only(directory, [ours(PATH), bound]);
    assert_eq!(both.state, VolumeState::Unhealthy);
    assert!(
        reason(&both)
            .starts_with("PersistentVolumes hand-a, vmberth-edge-1-vol3 name the same directory"),
        "{both:?}"
    );
}

#[test]
fn persistent_volume_of_ours_by_another_path_is_left_alone() {
    let released = in_phase(ours("/mnt/disks/a"), Phase::Released, "disk");
    let directory = DirectoryFacts {
        also_at: BTreeSet::from(["/mnt/disks/a".to_owned()]),
        ..with_disk(3)
    };
    let found = only(Content::Directory(directory), [released]);
    assert_eq!(found.state, VolumeState::Unhealthy);
    let expected = "is the directory that PersistentVolume vmberth-edge-1-a calls /mnt/disks/a, which is left alone";
    assert!(reason(&found).starts_with(expected), "{found:?}");
}

/// Each subvolume of btrfs begins with the number 256.
#[test]
fn subvolumes_of_the_same_number_are_different_directories() {
    let subvolume = |minor: u32| {
        let stat_device = crate::node::facts::Device { major: 0, minor };
        Content::Directory(DirectoryFacts {
            stat_device,
            ..with_disk(256)
        })
    };
    let facts = facts([(PATH, subvolume(31)), ("/var/vd/vol4", subvolume(32))]);
    let held = [PATH, "/var/vd/vol4"].map(|path| in_phase(ours(path), Phase::Bound, "disk"));
    let found = verdicts(&facts, &cluster(held), &config());
    assert!(
        found
            .iter()
            .all(|verdict| verdict.state == VolumeState::Bound),
        "{found:?}"
    );
    let file_systems = file_systems::verdicts(&facts, &cluster([]), &found);
    assert_eq!(
        (file_systems[0].volumes, file_systems[0].disk_virtual),
        (2, 30 * GIB)
    );
}

#[rstest]
#[case::runs(vec![launcher("disk")], None, Some("default/web"))]
#[case::runs_now(vec![launcher("disk")], Some("default/old"), Some("default/web"))]
#[case::stopped(vec![], Some("default/web"), Some("default/web"))]
#[case::ended(vec![Pod { ended: true, ..launcher("disk") }], None, None)]
#[case::of_another_claim(vec![launcher("other")], None, None)]
#[case::no_launcher(vec![Pod { machine: None, ..launcher("disk") }], None, None)]
fn machine_of_a_disk(
    #[case] pods: Vec<Pod>,
    #[case] noted: Option<&str>,
    #[case] expected: Option<&str>,
) {
    let mut pv = in_phase(ours(PATH), Phase::Bound, "disk");
    if let Some(noted) = noted {
        pv = annotated(pv, VIRTUAL_MACHINE_ANNOTATION, noted);
    }
    let mut cluster = cluster([pv]);
    cluster.pods = pods;
    let facts = facts([(PATH, Content::Directory(with_disk(3)))]);
    let found = verdicts(&facts, &cluster, &config());
    assert_eq!(found[0].virtual_machine.as_deref(), expected);
}

#[test]
fn node_without_hostname_or_unknown_offers_nothing() {
    let facts = facts([(PATH, directory(3))]);
    let mut nameless = cluster([]);
    nameless.node.as_mut().unwrap().hostname = None;
    let found = verdicts(&facts, &nameless, &config());
    assert!(reason(&found[0]).starts_with("the node has no label kubernetes.io/hostname"));
    let found = verdicts(&facts, &Cluster::default(), &config());
    assert_eq!(reason(&found[0]), "the node is not known yet");
}

#[test]
fn pattern_without_class_is_only_looked_at() {
    let mut config = config();
    config.volumes[0].offer = None;
    let found = verdicts(&facts([(PATH, directory(3))]), &cluster([]), &config);
    assert_eq!(found[0].state, VolumeState::Unoffered);
    assert_eq!(reason(&found[0]), "the config names no class for it");
}

/// `vol` and `vol1` both name `vol15`, as long as numbers go.
#[test]
fn first_of_two_patterns_has_the_volume() {
    let other = Offer {
        class: "other".into(),
        ..offer()
    };
    let mut config = config();
    config.volumes.push(pattern("vol1", Some(other)));
    let at = |path: &str| place_of(&config, path).map(|place| (place.pattern, place.number));
    assert_eq!(at("/var/vd/vol15"), Some((0, 15)));
    assert_eq!(at("/var/vd//vol15/"), Some((0, 15)));
    assert_eq!(at("/var/./vd/vol15/."), Some((0, 15)));
    assert_eq!(at("/var/vd/vol164"), Some((1, 64)));
    assert_eq!(at("/var/vd/vol07"), None);
    assert_eq!(at("/var/vd/vol+7"), None);
    assert_eq!(at("/var/vd/vol3/x"), None);
    assert_eq!(at("/var/vd/vol"), None);
}

#[test]
fn volumes_are_in_order_of_patterns_and_numbers() {
    let mut config = config();
    config.volumes.insert(0, pattern("z", None));
    let paths = ["/var/vd/vol10", "/var/vd/vol9", "/var/vd/z1", "/var/vd/x1"];
    let facts = facts(paths.into_iter().zip([1, 2, 3, 4].map(directory)));
    let found = verdicts(&facts, &cluster([]), &config);
    let names: Vec<&str> = found.iter().map(|verdict| verdict.name.as_str()).collect();
    assert_eq!(names, ["z1", "vol9", "vol10"]);
}

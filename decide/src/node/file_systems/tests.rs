use rstest::rstest;

use super::*;
use crate::names::NODE_LABEL;
use crate::node::testing::*;
use crate::node::volumes;

fn seen(facts: &Facts, cluster: &Cluster) -> Vec<FileSystemVerdict> {
    let volumes = volumes::verdicts(facts, cluster, &config());
    verdicts(facts, cluster, &volumes)
}

#[test]
fn disks_and_promises_are_summed_once_for_a_shared_file_system() {
    let facts = facts([
        ("/var/vd/vol0", Content::Directory(with_disk(1))),
        ("/var/vd/vol1", Content::Directory(with_disk(2))),
        ("/var/vd/vol2", directory(3)),
    ]);
    let cluster = cluster([ours("/var/vd/vol0"), of_others("/var/vd/vol1/")]);
    let found = seen(&facts, &cluster);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].volumes, 3);
    assert_eq!(found[0].promised, 2 * 17_135_828_992);
    assert_eq!(found[0].disk_virtual, 30 * GIB);
    assert_eq!(found[0].disk_allocated, 10 * GIB);
    assert_eq!(found[0].free_after_promises, 60 * GIB);
}

#[test]
fn free_after_promises_is_never_below_nothing_and_preallocated_disks_free_nothing() {
    let mut large = with_disk(1);
    let disk = large.disk.as_mut().unwrap();
    disk.virtual_bytes = 200 * GIB;
    let mut preallocated = with_disk(2);
    preallocated.disk.as_mut().unwrap().allocated_bytes = 16 * GIB;
    let full = facts([("/var/vd/vol0", Content::Directory(large))]);
    assert_eq!(seen(&full, &cluster([]))[0].free_after_promises, 0);
    let kept = facts([("/var/vd/vol0", Content::Directory(preallocated))]);
    assert_eq!(seen(&kept, &cluster([]))[0].free_after_promises, 80 * GIB);
}

#[test]
fn directory_with_two_paths_counts_once() {
    let facts = facts([
        ("/var/vd/vol0", Content::Directory(with_disk(1))),
        ("/var/vd/vol1", Content::Directory(with_disk(1))),
    ]);
    let found = seen(&facts, &cluster([]));
    assert_eq!((found[0].volumes, found[0].disk_virtual), (1, 15 * GIB));
}

fn labelled(mut pv: PersistentVolume, key: &str, value: &str) -> PersistentVolume {
    pv.labels.insert(key.into(), value.into());
    pv
}

fn of_host(mut pv: PersistentVolume, hostname: &str) -> PersistentVolume {
    pv.hostnames = [hostname.to_owned()].into();
    pv
}

fn of_any_node(pv: PersistentVolume) -> PersistentVolume {
    PersistentVolume {
        hostnames: BTreeSet::new(),
        ..pv
    }
}

#[test]
fn promise_of_any_node_counts_where_it_names_a_directory_of_this_one() {
    let facts = facts([("/var/vd/vol9", directory(9))]);
    let cluster = cluster([of_any_node(of_others("/var/vd/vol9/"))]);
    assert!(rooms(&facts, &cluster, &[])[&DEVICE].promised > 0);
}

/// A guest's file may say that it is of any size.
#[rstest]
#[case::one(&[u64::MAX])]
#[case::two(&[u64::MAX, u64::MAX])]
fn disk_counts_as_much_as_was_promised_at_most(#[case] sizes: &[u64]) {
    let paths = ["/var/vd/vol0", "/var/vd/vol1"];
    let with = |(inode, size): (u64, &u64)| {
        let mut directory = with_disk(inode);
        directory.disk.as_mut().unwrap().virtual_bytes = *size;
        Content::Directory(directory)
    };
    let contents = (1..).zip(sizes).map(with);
    let facts = facts(paths.into_iter().zip(contents));
    let count = sizes.len() as u64;
    let found = seen(&facts, &cluster(paths.map(ours)))[0].clone();
    assert_eq!(found.disk_virtual, count * 17_135_828_992);
    let left = 80 * GIB - count * (17_135_828_992 - 5 * GIB);
    assert_eq!(found.free_after_promises, left);
}

/// Promises of PersistentVolumes whose directory was not scanned.
#[rstest]
#[case::by_hand_below_the_mount_point(of_others("/var/vd/elsewhere/x"), true)]
#[case::beside_the_mount_point(of_others("/var/vdx"), false)]
#[case::of_another_node(of_host(of_others("/var/vd/vol9"), "edge-2"), false)]
#[case::vanished_of_ours(ours("/var/vd/vol9"), true)]
#[case::vanished_of_ours_on_a_lost_file_system(
    labelled(ours("/var/vd/vol9"), FILE_SYSTEM_LABEL, "8-17"),
    false
)]
#[case::ours_under_an_old_name(labelled(ours("/var/vd/vol9"), NODE_LABEL, "old"), true)]
#[case::static_provisioner_has_file_systems_of_its_own(
    annotated(
        of_others("/var/vd/ssd1"),
        PROVISIONED_BY_ANNOTATION,
        "local-volume-provisioner-edge-1-x"
    ),
    false
)]
#[case::static_provisioner_has_this_one(
    annotated(
        of_others("/var/vd/"),
        PROVISIONED_BY_ANNOTATION,
        "local-volume-provisioner-edge-1-x"
    ),
    true
)]
#[case::of_any_node_elsewhere(of_any_node(of_others("/var/vd/elsewhere")), false)]
fn promise(#[case] pv: PersistentVolume, #[case] counts: bool) {
    let facts = facts([]);
    let found = rooms(&facts, &cluster([pv]), &[]);
    assert_eq!(found[&DEVICE].promised > 0, counts);
}

/// What a directory takes up is only known of what was looked at and holds a disk, or nothing.
#[rstest]
#[case::empty(directory(1), false)]
#[case::disk(Content::Directory(with_disk(1)), false)]
#[case::files(Content::Directory(with_files(1, &["data"])), true)]
#[case::unreadable(Content::Unreadable { reason: "EIO".into() }, true)]
fn promise_that_nobody_can_measure(#[case] content: Content, #[case] expected: bool) {
    let facts = facts([("/var/vd/vol0", content)]);
    let found = seen(&facts, &cluster([ours("/var/vd/vol0")]));
    let promised = 17_135_828_992;
    let unmeasured = if expected { promised } else { 0 };
    assert_eq!(
        (found[0].promised, found[0].unmeasured),
        (promised, unmeasured)
    );
}

use rstest::rstest;

use super::*;
use crate::names::{CLAIM_KIND_ANNOTATION, VIRTUAL_MACHINE_ANNOTATION};
use crate::node::assess::assess;
use crate::node::cluster::{Moment, Phase, Pod};
use crate::node::config::Reclaim;
use crate::node::facts::{Content, Facts};
use crate::node::reclaim::scratch;
use crate::node::testing::*;

const PATH: &str = "/var/vd/vol3";

fn planned(facts: &Facts, cluster: &Cluster) -> Vec<Action> {
    let config = config();
    plan(&assess(facts, cluster, &config), cluster, &config)
}

fn text(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[test]
fn empty_directory_gets_a_persistent_volume() {
    let actions = planned(&facts([(PATH, directory(3))]), &cluster([]));
    let Action::Create(found) = &actions[0] else {
        panic!("{actions:?}");
    };
    let expected = NewVolume {
        name: "vmberth-edge-1-vol3-04038a4a".into(),
        labels: text(&[
            ("vmberth.io/node", "edge-1"),
            ("vmberth.io/volume", "vol3"),
            ("vmberth.io/filesystem", "8-1"),
        ]),
        annotations: text(&[
            ("pv.kubernetes.io/provisioned-by", "vmberth.io/exporter"),
            ("vmberth.io/node-uid", "node-uid"),
            ("vmberth.io/mount-point", "/var/vd"),
            ("vmberth.io/directory", "3"),
        ]),
        class: "local-vd".into(),
        capacity: 17_135_828_992,
        path: PATH.into(),
        directory: DirectoryId {
            device: empty(3).device,
            inode: 3,
        },
        hostname: "edge-1.example".into(),
    };
    assert_eq!((found, actions.len()), (&expected, 1));
}

#[rstest]
#[case::disk(Content::Directory(with_disk(3)), None)]
#[case::files(Content::Directory(with_files(3, &["notes"])), None)]
#[case::link(Content::NotADirectory { kind: "a symbolic link" }, None)]
#[case::unreadable(Content::Unreadable { reason: "EIO".into() }, None)]
#[case::of_others(directory(3), Some(of_others("/var/vd/vol3/")))]
#[case::of_others_without_hostname(
    directory(3), Some(PersistentVolume { hostnames: [].into(), ..of_others(PATH) })
)]
#[case::of_an_earlier_node(directory(3), Some(annotated(ours(PATH), NODE_UID_ANNOTATION, "old")))]
#[case::of_another_class(directory(3), Some(PersistentVolume { class: "old".into(), ..ours(PATH) }))]
#[case::of_another_capacity(directory(3), Some(PersistentVolume { capacity: 1, ..ours(PATH) }))]
#[case::being_deleted(directory(3), Some(PersistentVolume { deleting: true, ..ours(PATH) }))]
#[case::in_order(directory(3), Some(ours(PATH)))]
#[case::of_an_earlier_node_and_released(
    Content::Directory(with_disk(3)),
    Some(annotated(
        in_phase(ours(PATH), Phase::Released, "disk"),
        NODE_UID_ANNOTATION,
        "old"
    ))
)]
fn nothing_is_done(#[case] content: Content, #[case] holder: Option<PersistentVolume>) {
    let actions = planned(&facts([(PATH, content)]), &cluster(holder));
    assert_eq!(actions, []);
}

#[test]
fn vanished_directory_is_no_reason_to_do_anything() {
    let released = in_phase(ours(PATH), Phase::Released, "disk");
    assert_eq!(
        planned(&facts([]), &cluster([released, ours("/var/vd/vol4")])),
        []
    );
}

#[rstest]
#[case::unknown(|cluster: &mut Cluster| cluster.node = None)]
#[case::without_uid(|cluster: &mut Cluster| cluster.node.as_mut().unwrap().uid.clear())]
#[case::without_hostname(|cluster: &mut Cluster| cluster.node.as_mut().unwrap().hostname = None)]
#[case::of_a_long_name(|cluster: &mut Cluster| cluster.node.as_mut().unwrap().name = "n".repeat(64))]
fn nothing_is_made_on_a_node(#[case] change: fn(&mut Cluster)) {
    let mut cluster = cluster([]);
    change(&mut cluster);
    assert_eq!(planned(&facts([(PATH, directory(3))]), &cluster), []);
}

fn changed(pairs: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
    let owned =
        |(key, value): &(&str, Option<&str>)| ((*key).to_owned(), value.map(ToOwned::to_owned));
    pairs.iter().map(owned).collect()
}

/// CDI's, which fills this claim, or reads it to clone it.
fn worker(claim: &str) -> Pod {
    Pod {
        machine: None,
        created: Some(Moment(10)),
        labels: text(&[("app", "containerized-data-importer")]),
        ..launcher(claim)
    }
}

/// CDI's, with this claim as its scratch space.
fn importer(claim: &str) -> Pod {
    let pod = worker(claim);
    Pod {
        scratch: pod.claims.clone(),
        ..pod
    }
}

/// After CDI's pods were made.
fn bound(claim: &str) -> PersistentVolume {
    PersistentVolume {
        phase_since: Some(Moment(10)),
        ..in_phase(ours(PATH), Phase::Bound, claim)
    }
}

#[rstest]
#[case::vm_starts(bound("disk"), vec![launcher("disk")],
    &[(VIRTUAL_MACHINE_ANNOTATION, Some("default/web"))])]
#[case::vm_is_known(
    annotated(bound("disk"), VIRTUAL_MACHINE_ANNOTATION, "default/web"), vec![launcher("disk")], &[])]
#[case::vm_stopped(
    annotated(bound("disk"), VIRTUAL_MACHINE_ANNOTATION, "default/web"), vec![], &[])]
#[case::another_vm(
    annotated(bound("disk"), VIRTUAL_MACHINE_ANNOTATION, "default/old"), vec![launcher("disk")],
    &[(VIRTUAL_MACHINE_ANNOTATION, Some("default/web"))])]
#[case::importer(bound("disk"), vec![Pod { machine: None, ..launcher("disk") }], &[])]
#[case::scratch(
    bound("disk-scratch"), vec![importer("disk-scratch")],
    &[(CLAIM_KIND_ANNOTATION, Some("scratch/claim-uid-disk-scratch"))])]
#[case::scratch_by_name_alone(bound("disk-scratch"), vec![], &[])]
#[case::scratch_by_name_in_a_vm(bound("disk-scratch"), vec![Pod { machine: None, ..launcher("disk-scratch") }], &[])]
#[case::scratch_by_name_with_an_importer_of_another(bound("disk-scratch"), vec![importer("other-scratch")], &[])]
#[case::scratch_by_name_with_an_importer_elsewhere(
    bound("disk-scratch"), vec![Pod { namespace: "other".into(), ..importer("disk-scratch") }], &[])]
#[case::scratch_by_name_with_an_importer_that_ended(
    bound("disk-scratch"), vec![Pod { ended: true, ..importer("disk-scratch") }], &[])]
#[case::target_of_an_import(bound("disk"), vec![worker("disk")], &[])]
#[case::target_that_is_named_so(bound("disk-scratch"), vec![worker("disk-scratch")], &[])]
#[case::target_that_is_named_so_beside_its_scratch(
    bound("disk-scratch"),
    vec![Pod { claims: ["disk-scratch".to_owned(), "disk-scratch-scratch".to_owned()].into(), ..importer("disk-scratch-scratch") }],
    &[])]
#[case::source_of_a_clone_that_is_named_so(
    bound("disk-scratch"), vec![worker("disk-scratch"), Pod { name: "cdi-upload-copy".into(), ..worker("copy") }], &[])]
#[case::data_that_was_there_before_cdi_took_it_for_scratch(
    PersistentVolume { phase_since: Some(Moment(9)), ..bound("disk-scratch") }, vec![importer("disk-scratch")], &[])]
#[case::scratch_whose_importer_is_gone(
    annotated(bound("disk-scratch"), CLAIM_KIND_ANNOTATION, "scratch/claim-uid-disk-scratch"), vec![], &[])]
#[case::scratch_of_an_earlier_claim_of_that_name(
    annotated(bound("disk-scratch"), CLAIM_KIND_ANNOTATION, "scratch/earlier"), vec![],
    &[(CLAIM_KIND_ANNOTATION, None)])]
#[case::scratch_no_longer(
    annotated(bound("disk"), CLAIM_KIND_ANNOTATION, "scratch/earlier"), vec![],
    &[(CLAIM_KIND_ANNOTATION, None)])]
#[case::available_again(
    annotated(annotated(ours(PATH), CLAIM_KIND_ANNOTATION, "scratch/earlier"), VIRTUAL_MACHINE_ANNOTATION, "default/web"),
    vec![], &[(CLAIM_KIND_ANNOTATION, None), (VIRTUAL_MACHINE_ANNOTATION, None)])]
fn annotations_follow_the_claim(
    #[case] pv: PersistentVolume,
    #[case] pods: Vec<Pod>,
    #[case] expected: &[(&str, Option<&str>)],
) {
    let mut cluster = cluster([pv]);
    cluster.pods = pods;
    cluster.scratch = scratch::seen(&cluster.scratch, &cluster.volumes, &cluster.pods);
    let actions = planned(&facts([(PATH, directory(3))]), &cluster);
    let found: Vec<&Action> = actions.iter().collect();
    if expected.is_empty() {
        assert!(found.is_empty(), "{found:?}");
        return;
    }
    let wanted = Action::Mend(Mend {
        name: "vmberth-edge-1-vol3".into(),
        uid: "uid-/var/vd/vol3".into(),
        labels: BTreeMap::new(),
        annotations: changed(expected),
    });
    assert_eq!(found, [&wanted]);
}

#[test]
fn labels_follow_the_file_system() {
    let mut pv = ours(PATH);
    pv.labels.insert(FILE_SYSTEM_LABEL.into(), "8-17".into());
    pv.labels.remove(VOLUME_LABEL);
    let actions = planned(&facts([(PATH, directory(3))]), &cluster([pv]));
    let Action::Mend(mend) = &actions[0] else {
        panic!("{actions:?}");
    };
    let expected = changed(&[
        (FILE_SYSTEM_LABEL, Some("8-1")),
        (VOLUME_LABEL, Some("vol3")),
    ]);
    assert_eq!(mend.labels, expected);
}

/// What is seen at its path is the directory below a mount point where nothing is mounted.
#[rstest]
#[case::labels(ours(PATH), directory(3))]
#[case::annotations(bound("disk"), Content::Directory(with_disk(3)))]
#[case::data(
    in_phase(ours(PATH), Phase::Released, "disk"),
    Content::Directory(with_disk(3))
)]
#[case::offer_of_an_empty_one(in_phase(ours(PATH), Phase::Released, "disk"), directory(3))]
fn nothing_is_done_to_a_volume_whose_file_system_is_not_mounted(
    #[case] mut pv: PersistentVolume,
    #[case] content: Content,
    #[values("/mnt/ssd", "/var/vd")] made_on: &str,
) {
    pv.labels.insert(FILE_SYSTEM_LABEL.into(), "8-17".into());
    let pv = annotated(pv, MOUNT_POINT_ANNOTATION, made_on);
    let mut cluster = cluster([pv]);
    cluster.pods.push(launcher("other"));
    let actions = planned(&facts([(PATH, content)]), &cluster);
    assert_eq!(actions.is_empty(), made_on == "/mnt/ssd", "{actions:?}");
}

/// Both fit their mount points, and each is released or in use by somebody: disks were swapped.
#[rstest]
#[case::data_of_another_directory(Some("4:77"), false)]
#[case::the_number_fits_and_the_time_does_not(Some("3:78"), false)]
#[case::of_this_one(Some("3:77"), true)]
#[case::made_where_no_time_was_known(Some("3"), true)]
#[case::made_by_a_release_that_did_not_note_it(None, true)]
fn data_is_removed_of_the_very_directory(#[case] made_of: Option<&str>, #[case] goes: bool) {
    let mut pv = in_phase(ours(PATH), Phase::Released, "disk");
    if let Some(made_of) = made_of {
        pv = annotated(pv, DIRECTORY_ANNOTATION, made_of);
    }
    let born = DirectoryFacts {
        born: Some(77),
        ..with_disk(3)
    };
    let actions = planned(&facts([(PATH, Content::Directory(born))]), &cluster([pv]));
    let ordered = matches!(&actions[..], [Action::Reclaim(_)]);
    assert_eq!((ordered, actions.is_empty()), (goes, !goes), "{actions:?}");
}

/// Nobody lost anything by it.
#[test]
fn empty_directory_that_was_made_anew_is_taken_for_the_first() {
    let pv = annotated(ours(PATH), DIRECTORY_ANNOTATION, "4:77");
    let actions = planned(&facts([(PATH, directory(3))]), &cluster([pv.clone()]));
    let [Action::Mend(mend)] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert_eq!(
        mend.annotations,
        changed(&[(DIRECTORY_ANNOTATION, Some("3"))])
    );
    for elsewise in [
        planned(
            &facts([(PATH, Content::Directory(with_files(3, &["a"])))]),
            &cluster([pv.clone()]),
        ),
        planned(
            &facts([(PATH, directory(3))]),
            &cluster([in_phase(pv, Phase::Bound, "disk")]),
        ),
    ] {
        assert_eq!(elsewise, []);
    }
}

/// The static provisioner makes its PersistentVolumes of bind mounts.
#[rstest]
#[case::new(None)]
#[case::released(Some(in_phase(ours(PATH), Phase::Released, "disk")))]
fn directory_that_another_persistent_volume_names_by_another_path_is_left_alone(
    #[case] ours: Option<PersistentVolume>,
    #[values("/mnt/disks/vol3", "/mnt/disks//vol3/", "/mnt/disks/vol4")] path: &str,
) {
    let directory = DirectoryFacts {
        also_at: ["/mnt/disks/vol3".to_owned()].into(),
        ..empty(3)
    };
    let cluster = cluster(ours.into_iter().chain([of_others(path)]));
    let actions = planned(&facts([(PATH, Content::Directory(directory))]), &cluster);
    assert_eq!(actions.is_empty(), path != "/mnt/disks/vol4", "{actions:?}");
}

#[test]
fn data_stays_while_another_persistent_volume_names_something_in_it_by_another_path() {
    let released = in_phase(ours(PATH), Phase::Released, "disk");
    let directory = DirectoryFacts {
        also_at: ["/mnt/disks/vol3".to_owned()].into(),
        ..with_disk(3)
    };
    let cluster = cluster([released, of_others("/mnt/disks/vol3/sub")]);
    let actions = planned(&facts([(PATH, Content::Directory(directory))]), &cluster);
    assert_eq!(actions, []);
}

#[test]
fn scratch_remembers_what_it_was_when_its_claim_is_gone() {
    let released = annotated(
        in_phase(ours(PATH), Phase::Released, "disk-scratch"),
        CLAIM_KIND_ANNOTATION,
        "scratch/claim-uid-disk-scratch",
    );
    let actions = planned(
        &facts([(PATH, Content::Directory(with_disk(3)))]),
        &cluster([released]),
    );
    assert!(matches!(&actions[..], [Action::Reclaim(_)]), "{actions:?}");
}

/// CDI was done, and its claim gone, before the mark could be written: an upload takes six seconds.
#[rstest]
#[case::that_was_seen("claim-uid-disk-scratch", Phase::Released, 1)]
#[case::that_was_seen_and_is_there("claim-uid-disk-scratch", Phase::Bound, 1)]
#[case::of_an_earlier_claim("claim-uid-earlier", Phase::Released, 0)]
fn scratch_is_marked_late_rather_than_never(
    #[case] seen: &str,
    #[case] phase: Phase,
    #[case] count: usize,
) {
    let mut config = config();
    config.volumes[0].offer.as_mut().unwrap().reclaim = Reclaim::Retain;
    let mut cluster = cluster([in_phase(ours(PATH), phase, "disk-scratch")]);
    cluster.scratch.insert(seen.to_owned());
    let facts = facts([(PATH, Content::Directory(with_disk(3)))]);
    let assessment = assess(&facts, &cluster, &config);
    let actions = plan(&assessment, &cluster, &config);
    let mark = changed(&[(
        CLAIM_KIND_ANNOTATION,
        Some("scratch/claim-uid-disk-scratch"),
    )]);
    let marks = |action: &Action| matches!(action, Action::Mend(mend) if mend.annotations == mark);
    assert_eq!(actions.len(), count, "{actions:?}");
    assert!(actions.iter().all(marks), "{actions:?}");
}

#[rstest]
#[case::plain("edge-1", "/var/vd/vol3", "vmberth-edge-1-vol3-")]
#[case::dots(
    "edge-1.example.com",
    "/var/vd/vol3",
    "vmberth-edge-1.example.com-vol3-"
)]
#[case::strange("edge-1", "/var/vd/Vol_é.3", "vmberth-edge-1-vol---3-")]
fn names_are_readable(#[case] node: &str, #[case] path: &str, #[case] start: &str) {
    let name = name::of(node, path);
    assert!(name.starts_with(start), "{name}");
    assert_eq!(name.len(), start.len() + 8);
}

#[test]
fn names_are_valid_and_differ_by_node_and_path() {
    let long = "v".repeat(255);
    let name = name::of(&"n".repeat(63), &format!("/var/vd/{long}1"));
    assert_eq!(name.len(), 253);
    assert_ne!(name, name::of(&"n".repeat(63), &format!("/var/vd/{long}2")));
    assert_ne!(name::of("a", "/one/vol3"), name::of("a", "/two/vol3"));
    assert_ne!(name::of("a", PATH), name::of("b", PATH));
}

#[rstest]
#[case("vol3", "vol3")]
#[case("_vol 3_", "vol-3")]
#[case("é", "")]
fn label_values_are_valid(#[case] given: &str, #[case] expected: &str) {
    assert_eq!(name::label_value(given), expected);
    assert!(is_label_value(&name::label_value(&given.repeat(40))));
}

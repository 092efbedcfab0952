//! Making, mending and giving back PersistentVolumes against a stand-in for kube-apiserver.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod standin_api;
mod volume;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use vmberth_decide::names;
use vmberth_decide::node::local_volumes::{Action, DirectoryId, Mend, NewVolume, ReclaimOrder};
use vmberth_exporter::local_volumes::{ActionError, Done, Executor, LOOK_AGAIN, Outcome};
use vmberth_exporter::wipe::WipeError;
use vmberth_serve::shutdown::Shutdown;

use standin_api::{Api, Fault};
use volume::{Volume, take};

const NODE: &str = "node-a";

/// A node with one volume, and an agent that may empty it.
struct Stage {
    volume: Volume,
    api: Api,
    executor: Executor,
}

impl Stage {
    async fn new() -> Self {
        let volume = Volume::new();
        let api = Api::start().await;
        let executor = Executor {
            client: api.client(),
            node: NODE.to_owned(),
            host_root: volume.root().to_owned(),
            volumes_root: Some(volume.root().to_owned()),
            still_free: Arc::new(|_, _| Ok(())),
            look_again: LOOK_AGAIN,
        };
        Self {
            volume,
            api,
            executor,
        }
    }

    /// As a volume is after its claim was deleted, with the former tenant's disk in it.
    async fn released() -> Self {
        let stage = Self::new().await;
        stage.volume.disk();
        stage.api.put("persistentvolumes", released(&stage.order()));
        stage
    }

    fn order(&self) -> ReclaimOrder {
        self.volume.order()
    }

    async fn run(&self, action: Action) -> Result<Done, ActionError> {
        let mut outcomes = self
            .executor
            .carry_out(vec![action], &Shutdown::default())
            .await;
        outcomes.pop().unwrap().result
    }

    async fn reclaim(&self) -> Result<Done, ActionError> {
        self.run(Action::Reclaim(self.order())).await
    }

    fn stored(&self) -> Value {
        self.api
            .get("persistentvolumes", &self.order().name)
            .unwrap()
    }

    fn assert_untouched(&self, error: &ActionError, words: &str) {
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(self.volume.names(), ["disk.img"]);
        assert!(self.stored()["spec"]["claimRef"].is_object());
    }
}

fn released(order: &ReclaimOrder) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {
            "name": order.name, "uid": order.uid,
            "labels": {names::NODE_LABEL: NODE},
            "annotations": {
                names::PROVISIONED_BY_ANNOTATION: names::PROVISIONER,
                names::CLAIM_KIND_ANNOTATION: "scratch",
                names::VIRTUAL_MACHINE_ANNOTATION: "default/debian",
            },
        },
        "spec": {
            "storageClassName": "local-vd", "capacity": {"storage": "1Gi"},
            "local": {"path": order.path},
            "claimRef": {"namespace": "default", "name": order.claim.name, "uid": order.claim.uid},
        },
        "status": {"phase": "Released"},
    })
}

/// Of a directory that is made here, if it is not there.
fn new_volume(stage: &Stage, number: u32) -> NewVolume {
    let path = format!("/var/vd/vol{number}");
    let directory = stage.volume.root().join(&path[1..]);
    fs::create_dir_all(&directory).unwrap();
    let found = fs::metadata(directory).unwrap();
    NewVolume {
        name: format!("vmberth-node-a-vol{number}-00000001"),
        labels: BTreeMap::from([(names::NODE_LABEL.to_owned(), NODE.to_owned())]),
        annotations: BTreeMap::from([
            (
                names::PROVISIONED_BY_ANNOTATION.to_owned(),
                names::PROVISIONER.to_owned(),
            ),
            (names::NODE_UID_ANNOTATION.to_owned(), "node-uid".to_owned()),
        ]),
        class: "local-vd".to_owned(),
        capacity: 17_072_914_432,
        path,
        directory: DirectoryId {
            inode: found.ino(),
            ..stage.order().directory
        },
        hostname: "edge-01".to_owned(),
    }
}

fn claim(uid: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "debian", "namespace": "default", "uid": uid},
    })
}

fn pod(phase: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "virt-launcher-debian-x", "namespace": "default", "uid": "pod-uid"},
        "spec": {"nodeName": NODE, "containers": [], "volumes": [
            {"name": "disk", "persistentVolumeClaim": {"claimName": "debian"}},
        ]},
        "status": {"phase": phase},
    })
}

#[tokio::test]
async fn a_new_volume_says_where_it_is_and_is_never_deleted_by_others() {
    let stage = Stage::new().await;
    let done = stage
        .run(Action::Create(new_volume(&stage, 3)))
        .await
        .unwrap();
    assert_eq!(done, Done::Created);
    let name = new_volume(&stage, 3).name;
    let stored = stage.api.get("persistentvolumes", &name).unwrap();
    assert_eq!(
        stored["spec"],
        json!({
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "16282Mi"},
            "local": {"path": "/var/vd/vol3"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "kubernetes.io/hostname", "operator": "In", "values": ["edge-01"]},
            ]}]}},
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "local-vd",
            "volumeMode": "Filesystem",
        })
    );
    assert_eq!(stored["metadata"]["labels"][names::NODE_LABEL], NODE);
}

#[tokio::test]
async fn a_kill_around_making_one_leaves_one() {
    for fault in [Fault::BeforeWriting, Fault::AfterWriting] {
        let stage = Stage::new().await;
        stage.api.fail_next("POST", fault);
        let lost = stage.run(Action::Create(new_volume(&stage, 0))).await;
        assert!(matches!(lost, Err(ActionError::Api(_))), "{lost:?}");
        let again = stage
            .run(Action::Create(new_volume(&stage, 0)))
            .await
            .unwrap();
        let expected = match fault {
            Fault::BeforeWriting => Done::Created,
            Fault::AfterWriting => Done::AlreadyThere,
        };
        assert_eq!(again, expected);
        assert_eq!(stage.api.count("persistentvolumes"), 1);
    }
}

#[tokio::test]
async fn a_name_that_others_took_is_told_and_left_alone() {
    let stage = Stage::new().await;
    let mut foreign = released(&stage.order());
    foreign["metadata"]["name"] = json!(new_volume(&stage, 0).name);
    foreign["metadata"]["annotations"] = json!({names::PROVISIONED_BY_ANNOTATION: "somebody"});
    stage.api.put("persistentvolumes", foreign);
    let before = stage
        .api
        .get("persistentvolumes", &new_volume(&stage, 0).name);
    let error = stage
        .run(Action::Create(new_volume(&stage, 0)))
        .await
        .unwrap_err();
    assert!(matches!(error, ActionError::NameTaken(_)), "{error}");
    let after = stage
        .api
        .get("persistentvolumes", &new_volume(&stage, 0).name);
    assert_eq!(after, before);
}

#[tokio::test]
async fn the_volumes_of_a_new_node_are_not_made_all_at_once_and_one_that_fails_stops_no_other() {
    let stage = Stage::new().await;
    let mut first = new_volume(&stage, 0);
    first.directory.inode = 1;
    let others = (1..20).map(|number| new_volume(&stage, number));
    let actions = [first].into_iter().chain(others).map(Action::Create);
    let began = std::time::Instant::now();
    let outcomes: Vec<Outcome> = stage
        .executor
        .carry_out(actions.collect(), &Shutdown::default())
        .await;
    let took = began.elapsed();
    assert!(
        took.as_millis() >= 2_000,
        "ten a second at most, not {took:?}"
    );
    assert!(outcomes[0].result.is_err());
    assert!(outcomes[1..].iter().all(|outcome| outcome.result.is_ok()));
    assert_eq!(stage.api.count("persistentvolumes"), 19);
}

#[tokio::test]
async fn an_api_server_that_fails_is_not_asked_for_the_rest() {
    let stage = Stage::new().await;
    stage.api.fail_next("POST", Fault::BeforeWriting);
    let actions = (0..3).map(|number| Action::Create(new_volume(&stage, number)));
    let outcomes = stage
        .executor
        .carry_out(actions.collect(), &Shutdown::default())
        .await;
    assert_eq!(outcomes.len(), 1);
    let error = outcomes[0].result.as_ref().unwrap_err();
    assert!(error.is_of_the_server(), "{error}");
    assert_eq!(stage.api.requests(), 1);
}

/// Admission policies refuse single objects, for their path or their class.
#[tokio::test]
async fn what_is_forbidden_stops_no_other() {
    let stage = Stage::new().await;
    stage.api.forbid_next("POST");
    let actions = (0..3).map(|number| Action::Create(new_volume(&stage, number)));
    let outcomes = stage
        .executor
        .carry_out(actions.collect(), &Shutdown::default())
        .await;
    let error = outcomes[0].result.as_ref().unwrap_err();
    assert!(!error.is_of_the_server(), "{error}");
    assert!(
        error.to_string().contains("a policy says no (403)"),
        "{error}"
    );
    assert!(outcomes[1..].iter().all(|outcome| outcome.result.is_ok()));
    assert_eq!(
        (outcomes.len(), stage.api.count("persistentvolumes")),
        (3, 2)
    );
}

/// Since the plan: a disk came, the directory was made anew, it was mounted, another agent took it.
#[tokio::test]
async fn a_directory_that_changed_since_the_plan_is_not_offered() {
    let mut stage = Stage::new().await;
    let new = new_volume(&stage, 0);
    let refused = async |stage: &Stage, new: &NewVolume, words: &str| {
        let error = stage.run(Action::Create(new.clone())).await.unwrap_err();
        assert!(matches!(error, ActionError::NotMade(_)), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(stage.api.requests(), 0);
    };
    stage.volume.disk();
    refused(&stage, &new, "/var/vd/vol0 is not empty by now").await;
    fs::remove_file(stage.volume.path().join("disk.img")).unwrap();

    let mut another = new.clone();
    another.directory.inode += 1;
    refused(&stage, &another, "as it was seen").await;

    let held = take(stage.volume.root(), &stage.order()).unwrap();
    refused(&stage, &new, "locked by another agent").await;
    drop(held);

    stage.executor.still_free = Arc::new(|path, _| Err(format!("{path} is mounted")));
    refused(&stage, &new, "/var/vd/vol0 is mounted").await;

    stage.executor.still_free = Arc::new(|_, _| Ok(()));
    // Only directories that are wiped are seen below the writable root.
    stage.executor.volumes_root = Some(stage.volume.root().join("nothing"));
    let done = stage.run(Action::Create(new)).await.unwrap();
    assert_eq!(done, Done::Created);
}

#[tokio::test]
async fn labels_and_annotations_are_mended_of_that_very_object() {
    let stage = Stage::released().await;
    let mut mend = Mend {
        name: stage.order().name,
        uid: stage.order().uid,
        labels: BTreeMap::from([(names::VOLUME_LABEL.to_owned(), Some("vol0".to_owned()))]),
        annotations: BTreeMap::from([(names::CLAIM_KIND_ANNOTATION.to_owned(), None)]),
    };
    let done = stage.run(Action::Mend(mend.clone())).await.unwrap();
    assert_eq!(done, Done::Mended);
    let stored = stage.stored();
    assert_eq!(stored["metadata"]["labels"][names::VOLUME_LABEL], "vol0");
    let annotations = stored["metadata"]["annotations"].as_object().unwrap();
    assert!(!annotations.contains_key(names::CLAIM_KIND_ANNOTATION));
    assert!(annotations.contains_key(names::PROVISIONED_BY_ANNOTATION));

    mend.uid = "another".to_owned();
    let error = stage.run(Action::Mend(mend)).await.unwrap_err();
    assert!(error.to_string().contains("409"), "{error}");
    assert_eq!(stage.stored(), stored);
}

#[tokio::test]
async fn a_released_volume_is_emptied_and_offered_again() {
    let stage = Stage::released().await;
    let done = stage.reclaim().await.unwrap();
    assert!(matches!(done, Done::Offered(wiped) if wiped.removed == 1));
    assert_eq!(stage.volume.names(), Vec::<String>::new());
    let stored = stage.stored();
    assert_eq!(stored["spec"].get("claimRef"), None);
    assert_eq!(
        stored["metadata"]["annotations"],
        json!({names::PROVISIONED_BY_ANNOTATION: names::PROVISIONER})
    );
    assert_eq!(stored["metadata"]["labels"][names::NODE_LABEL], NODE);
}

#[tokio::test]
async fn a_claim_that_is_there_keeps_its_data() {
    let stage = Stage::released().await;
    let uid = stage.order().claim.uid;
    stage.api.put("persistentvolumeclaims", claim(&uid));
    let error = stage.reclaim().await.unwrap_err();
    stage.assert_untouched(&error, "its claim default/debian is still there");
}

#[tokio::test]
async fn a_claim_of_the_same_name_with_another_uid_is_another_claim() {
    let stage = Stage::released().await;
    stage
        .api
        .put("persistentvolumeclaims", claim("claim-uid-2"));
    stage.reclaim().await.unwrap();
    assert_eq!(stage.volume.names(), Vec::<String>::new());
}

/// Its pods use the new claim, and the plan allows it as well.
#[tokio::test]
async fn pods_of_a_claim_made_anew_keep_nothing() {
    let stage = Stage::released().await;
    let anew = claim("claim-uid-2");
    stage.api.put("persistentvolumeclaims", anew);
    stage.api.put("pods", pod("Running"));
    stage.reclaim().await.unwrap();
    assert_eq!(stage.volume.names(), Vec::<String>::new());
}

/// As who wants the data back makes it, before the volume is given to it.
#[tokio::test]
async fn a_claim_made_anew_that_asks_for_this_very_volume_keeps_its_data() {
    let stage = Stage::released().await;
    let mut anew = claim("claim-uid-2");
    anew["spec"] = json!({"volumeName": stage.order().name});
    stage.api.put("persistentvolumeclaims", anew.clone());
    let error = stage.reclaim().await.unwrap_err();
    stage.assert_untouched(&error, "default/debian was made anew and asks for it");
    anew["spec"] = json!({"volumeName": "another"});
    stage.api.put("persistentvolumeclaims", anew);
    stage.reclaim().await.unwrap();
}

#[tokio::test]
async fn a_pod_that_has_the_claim_keeps_the_data_until_it_ends() {
    let stage = Stage::released().await;
    stage.api.put("pods", pod("Running"));
    let error = stage.reclaim().await.unwrap_err();
    stage.assert_untouched(
        &error,
        "pod default/virt-launcher-debian-x of this node uses claim default/debian",
    );
    stage.api.put("pods", pod("Succeeded"));
    stage.reclaim().await.unwrap();
}

/// Its claim is named after it, and was removed by force.
#[tokio::test]
async fn a_pod_that_the_claim_lives_with_keeps_the_data() {
    let stage = Stage::released().await;
    let mut pod = pod("Running");
    pod["metadata"]["name"] = json!("deb");
    pod["spec"]["volumes"] = json!([{"name": "ian", "ephemeral": {}}]);
    stage.api.put("pods", pod);
    let mut order = stage.order();
    order.claim.name = "deb-ian".to_owned();
    let error = stage.run(Action::Reclaim(order)).await.unwrap_err();
    stage.assert_untouched(
        &error,
        "pod default/deb of this node uses claim default/deb-ian",
    );
}

#[tokio::test]
async fn what_changed_since_the_plan_stops_it() {
    let keep = json!({"metadata": {"annotations": {names::KEEP_ANNOTATION: "true"}}});
    let keep_label = json!({"metadata": {"labels": {names::KEEP_ANNOTATION: "true"}}});
    let keep_in_other_words =
        json!({"metadata": {"annotations": {names::KEEP_ANNOTATION: "True"}}});
    let keep_label_in_other_words = json!({"metadata": {"labels": {names::KEEP_ANNOTATION: "1"}}});
    let bound = json!({"status": {"phase": "Bound"}});
    let other_claim = json!({"spec": {"claimRef": {"uid": "claim-uid-2"}}});
    let reserved = json!({"spec": {"claimRef": {"uid": null}}});
    let deleting = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
    let anew = json!({"metadata": {"uid": "pv-uid-2"}});
    let foreign = json!({"metadata": {"annotations": {names::PROVISIONED_BY_ANNOTATION: "x"}}});
    let elsewhere = json!({"spec": {"local": {"path": "/var/vd/vol1"}}});
    for (change, words) in [
        (keep, "is kept"),
        (keep_label, "is kept"),
        (keep_in_other_words, "is kept"),
        (keep_label_in_other_words, "is kept"),
        (bound, "is Bound by now"),
        (other_claim, "belongs to another claim"),
        (reserved, "belongs to another claim"),
        (deleting, "being deleted"),
        (anew, "another PersistentVolume"),
        (foreign, "is not ours"),
        (elsewhere, "another directory"),
    ] {
        let stage = Stage::released().await;
        stage
            .api
            .change("persistentvolumes", &stage.order().name, &change);
        let error = stage.reclaim().await.unwrap_err();
        stage.assert_untouched(&error, words);
    }
}

#[tokio::test]
async fn a_keep_that_says_no_keeps_nothing() {
    for value in ["", "false"] {
        let stage = Stage::released().await;
        let keep = json!({"metadata": {"annotations": {names::KEEP_ANNOTATION: value}}});
        stage
            .api
            .change("persistentvolumes", &stage.order().name, &keep);
        stage.reclaim().await.unwrap();
    }
}

#[tokio::test]
async fn who_keeps_it_at_the_last_moment_is_heard() {
    let mut stage = Stage::released().await;
    let (api, name) = (stage.api.clone(), stage.order().name);
    stage.executor.still_free = Arc::new(move |_, _| {
        let keep = json!({"metadata": {"annotations": {names::KEEP_ANNOTATION: "true"}}});
        api.change("persistentvolumes", &name, &keep);
        Ok(())
    });
    let error = stage.reclaim().await.unwrap_err();
    stage.assert_untouched(&error, "is kept");
}

/// Somebody keeps or binds it while the directory is being emptied: the offer fits the old version only.
#[tokio::test]
async fn what_changes_before_the_offer_refuses_the_offer() {
    for change in [
        json!({"metadata": {"annotations": {names::KEEP_ANNOTATION: "true"}}}),
        json!({"spec": {"claimRef": {"uid": "claim-uid-2"}}, "status": {"phase": "Bound"}}),
    ] {
        let stage = Stage::released().await;
        stage.api.change_once_read(change);
        let error = stage.reclaim().await.unwrap_err();
        assert!(error.to_string().contains("422"), "{error}");
        assert!(stage.stored()["spec"]["claimRef"].is_object());
    }
}

#[tokio::test]
async fn a_mount_seen_at_the_last_look_stops_it() {
    let mut stage = Stage::released().await;
    stage.executor.still_free = Arc::new(|path, _| Err(format!("pod-uid has {path} mounted")));
    let error = stage.reclaim().await.unwrap_err();
    stage.assert_untouched(&error, "pod-uid has /var/vd/vol0 mounted");
    assert_eq!(stage.api.requests(), 0, "nothing is asked for what waits");
}

#[tokio::test]
async fn who_keeps_it_while_it_is_emptied_saves_the_rest() {
    let keep = json!({"metadata": {"annotations": {names::KEEP_ANNOTATION: "true"}}});
    let bound = json!({"spec": {"claimRef": {"uid": "claim-uid-2"}}});
    for (change, words) in [(keep, "is kept"), (bound, "another claim")] {
        let mut stage = Stage::released().await;
        stage.executor.look_again = std::time::Duration::from_millis(1);
        for number in 0..30_000 {
            fs::write(stage.volume.path().join(format!("file-{number}")), "").unwrap();
        }
        stage.api.change_once_read(change);
        let error = stage.reclaim().await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("emptying stopped") && text.contains(words),
            "{text}"
        );
        assert!(!stage.volume.names().is_empty());
        assert!(stage.stored()["spec"]["claimRef"].is_object());
    }
}

#[tokio::test]
async fn a_held_disk_stops_it() {
    let stage = Stage::released().await;
    let open = fs::File::open(stage.volume.path().join("disk.img")).unwrap();
    let error = stage.reclaim().await.unwrap_err();
    stage.assert_untouched(&error, "is held by process");
    drop(open);
    stage.reclaim().await.unwrap();
}

#[tokio::test]
async fn processes_that_hide_their_open_files_stop_it() {
    let stage = Stage::released().await;
    let first = stage.volume.proc().join("1");
    let away = stage.volume.root().join("hidden");
    fs::rename(&first, &away).unwrap();
    let error = stage.reclaim().await.unwrap_err();
    stage.assert_untouched(&error, "process 1 does not show its open files");
    stage.assert_untouched(&error, "appArmorProfile Unconfined");
    fs::rename(&away, &first).unwrap();
    stage.reclaim().await.unwrap();
}

#[tokio::test]
async fn of_two_agents_at_once_one_works_and_the_other_leaves_it() {
    let stage = Stage::released().await;
    let first = take(stage.volume.root(), &stage.order()).unwrap();
    let asked = stage.api.requests();
    let error = stage.reclaim().await.unwrap_err();
    stage.assert_untouched(&error, "locked by another agent");
    assert_eq!(
        stage.api.requests(),
        asked,
        "nothing is asked without the lock"
    );
    drop(first);

    let order = || Action::Reclaim(stage.order());
    let shutdown = Shutdown::default();
    let (one, other) = tokio::join!(
        stage.executor.carry_out(vec![order()], &shutdown),
        stage.executor.carry_out(vec![order()], &shutdown),
    );
    let offered = [one, other]
        .iter()
        .flatten()
        .filter(|outcome| matches!(outcome.result, Ok(Done::Offered(_))))
        .count();
    assert_eq!(offered, 1);
}

#[tokio::test]
async fn without_write_access_only_what_is_empty_is_offered() {
    let mut stage = Stage::released().await;
    stage.executor.volumes_root = None;
    let error = stage.reclaim().await.unwrap_err();
    stage.assert_untouched(&error, "set exporter.allowWipe");
    fs::remove_file(stage.volume.path().join("disk.img")).unwrap();
    stage.reclaim().await.unwrap();
    assert_eq!(stage.stored()["spec"].get("claimRef"), None);
}

#[tokio::test]
async fn a_lost_offer_is_made_again() {
    for fault in [Fault::BeforeWriting, Fault::AfterWriting] {
        let stage = Stage::released().await;
        stage.api.fail_next("PATCH", fault);
        let lost = stage.reclaim().await;
        assert!(matches!(lost, Err(ActionError::Api(_))), "{lost:?}");
        assert_eq!(stage.volume.names(), Vec::<String>::new());
        match (fault, stage.reclaim().await) {
            (Fault::BeforeWriting, Ok(Done::Offered(wiped))) => assert_eq!(wiped.removed, 0),
            // It is offered, so the stale order fits nothing; the next plan has none.
            (Fault::AfterWriting, Err(ActionError::Changed(_))) => {}
            (_, result) => panic!("{fault:?}: {result:?}"),
        }
        assert_eq!(stage.stored()["spec"].get("claimRef"), None);
    }
}

#[tokio::test]
async fn an_api_server_that_is_away_costs_no_data() {
    let mut stage = Stage::released().await;
    let config = kube::Config::new("http://127.0.0.1:9".parse().unwrap());
    stage.executor.client = kube::Client::try_from(config).unwrap();
    let error = stage.reclaim().await.unwrap_err();
    stage.assert_untouched(&error, "kube-apiserver");
}

#[tokio::test]
async fn a_directory_that_vanished_is_told() {
    let stage = Stage::released().await;
    let order = stage.order();
    let away: PathBuf = stage.volume.root().join("away");
    fs::rename(stage.volume.path(), away).unwrap();
    let result = stage.run(Action::Reclaim(order)).await;
    assert!(
        matches!(result, Err(ActionError::Wipe(WipeError::Open { .. }))),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_shutdown_stops_between_actions() {
    let stage = Stage::new().await;
    let shutdown = Shutdown::default();
    shutdown.begin();
    let actions = vec![Action::Create(new_volume(&stage, 0))];
    assert!(
        stage
            .executor
            .carry_out(actions, &shutdown)
            .await
            .is_empty()
    );
}

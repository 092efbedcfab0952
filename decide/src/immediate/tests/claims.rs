//! Which claims are given a node, and which are left alone.

use super::*;

#[rstest]
#[case::selector(json!({"selector": {}}))]
#[case::volume(json!({"volumeName": "pv"}))]
#[case::waits(json!({"storageClassName": "waits"}))]
#[case::foreign(json!({"storageClassName": "ceph"}))]
#[case::no_class(json!({"storageClassName": null}))]
#[case::no_size(json!({"resources": null}))]
fn claims_that_are_left_alone(#[case] said: Value) {
    let volume = data_volume(&spec("pvc", &said));
    for index in [Some(&cluster()), None] {
        let found = asked(index, Kind::DataVolume, "disk", &volume);
        assert_eq!(found, (Vec::new(), String::new()));
    }
}

#[test]
fn class_whose_volumes_are_made_on_demand_is_left_alone() {
    let mut index = cluster();
    index.apply(Event::Class(CLASS.into(), Some(Class { is_static: false })));
    let volume = data_volume(&spec("pvc", &json!({})));
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(found, (Vec::new(), String::new()));
}

/// A claim that is there is adopted by its DataVolume as it is.
#[test]
fn claim_that_is_there_is_left_alone() {
    let mut index = cluster();
    claim(&mut index, "disk", None, None);
    let volume = data_volume(&spec("pvc", &json!({})));
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(found, (Vec::new(), String::new()));
}

#[rstest]
#[case::nobodys(json!({}), false)]
#[case::upload(json!({"annotations": {"cdi.kubevirt.io/storage.upload.target": ""}}), true)]
#[case::import(json!({"annotations": {"cdi.kubevirt.io/storage.import.source": "http"}}), true)]
#[case::profile(json!({"annotations": {"vmberth.io/profile": "net"}}), true)]
#[case::of_a_data_volume(json!({"ownerReferences": [{"kind": "DataVolume", "name": "disk", "controller": true}]}), true)]
#[case::of_another(json!({"ownerReferences": [{"kind": "StatefulSet", "name": "disk", "controller": true}]}), false)]
fn claims_of_vms_and_of_others(#[case] metadata: Value, #[case] is_chosen: bool) {
    let mut index = cluster();
    let claim = json!({"metadata": metadata, "spec": spec("pvc", &json!({}))["pvc"]});
    let found = asked(Some(&index), Kind::Claim, "disk", &claim);
    assert_eq!(!found.0.is_empty(), is_chosen, "{found:?}");
    known(&mut index, "vm", &vm(1, &["disk"], &[]));
    let found = asked(Some(&index), Kind::Claim, "disk", &claim);
    assert_eq!(found.0.len(), 1);
    assert!(
        found.0[0].starts_with("spec.selector=vmberth.io/node=edge-"),
        "{found:?}"
    );
}

/// As CDI makes it.
fn scratch() -> Value {
    json!({
        "metadata": {"name": "disk-scratch", "labels": {"app": "containerized-data-importer"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "importer-disk", "controller": true}]},
        "spec": spec("pvc", &json!({}))["pvc"],
    })
}

#[rstest]
#[case::bound(Some("edge-3"), None, "edge-3")]
#[case::given(None, Some("edge-1"), "edge-1")]
#[case::nobody_knows(None, None, "")]
fn scratch_space_goes_to_its_target(
    #[case] volume_of: Option<&str>,
    #[case] given: Option<&str>,
    #[case] expected: &str,
) {
    let mut index = cluster();
    let found = asked(Some(&index), Kind::Claim, "disk-scratch", &scratch());
    assert_eq!(found, (Vec::new(), String::new()));
    claim(&mut index, "disk", volume_of, given);
    let found = asked(Some(&index), Kind::Claim, "disk-scratch", &scratch());
    assert_eq!(node_of(&found), expected);
    assert_eq!(found.1, "");
}

/// Volumes that somebody else made may lack the label, and then there is nothing to restrict scratch space by.
#[test]
fn scratch_space_of_volumes_without_labels_is_left_alone() {
    let mut index = cluster();
    for number in 0..3 {
        let name = format!("edge-3-{number}").into();
        index.apply(Event::Volume(name, Some(free("edge-3", 16, false))));
    }
    claim(&mut index, "disk", Some("edge-3"), None);
    let found = asked(Some(&index), Kind::Claim, "disk-scratch", &scratch());
    assert_eq!(found, (Vec::new(), String::new()));
}

#[test]
fn nothing_is_chosen_before_all_is_known() {
    let volume = data_volume(&spec("storage", &json!({})));
    let found = asked(None, Kind::DataVolume, "disk", &volume);
    assert_eq!(found.0, Vec::<String>::new());
    assert!(
        found.1.contains("does not know the whole cluster yet"),
        "{found:?}"
    );
    // Who knows nothing of us hears nothing of us.
    let claim = json!({"spec": spec("pvc", &json!({}))["pvc"]});
    for (of, claim) in [("data", claim), ("disk-scratch", scratch())] {
        let found = asked(None, Kind::Claim, of, &claim);
        assert_eq!(found, (Vec::new(), String::new()));
    }
}

#[rstest]
#[case::made(Operation::Create, Kind::DataVolume, None, true)]
#[case::changed(Operation::Update, Kind::VirtualMachine, None, false)]
#[case::instance(Operation::Create, Kind::VirtualMachineInstance, None, false)]
#[case::complete(
    Operation::Create,
    Kind::Claim,
    Some(crate::mutate::LeftAlone::Complete),
    true
)]
#[case::opted_out(
    Operation::Create,
    Kind::Claim,
    Some(crate::mutate::LeftAlone::OptedOut),
    false
)]
#[case::exempt(
    Operation::Create,
    Kind::Claim,
    Some(crate::mutate::LeftAlone::ExemptNamespace),
    false
)]
fn what_is_looked_at(
    #[case] operation: Operation,
    #[case] kind: Kind,
    #[case] left_alone: Option<crate::mutate::LeftAlone>,
    #[case] expected: bool,
) {
    let review = Review {
        kind,
        operation,
        namespace: "edge".into(),
        object: crate::subject::View::Other,
        old: None,
    };
    let mutation = Mutation {
        left_alone,
        ..Mutation::default()
    };
    assert_eq!(may_bind(&policy(), &review, &mutation), expected);
    let mut waits = policy();
    waits.storage_classes.remove(0);
    assert!(!may_bind(&waits, &review, &mutation));
}

//! DataVolumes that a VM brings with it.

use rstest::rstest;
use serde_json::{Value, json};

use super::{of, policy, size};
use crate::mutate::testing::{Cluster, applied, decide, vm};
use crate::subject::Kind;

fn with_templates(templates: &Value) -> Value {
    let mut vm = vm(&json!({}), &json!({"domain": {}}));
    vm["spec"]["dataVolumeTemplates"] = templates.clone();
    vm
}

#[test]
fn templates_get_class_and_modes_but_no_size() {
    let templates = json!([
        {"metadata": {"name": "a"}, "spec": {"storage": {"storageClassName": "ceph"}}},
        {"metadata": {"name": "b"}, "spec": {"storage": {"resources": size("15Gi")}, "source": {"upload": {}}}},
        {"metadata": {"name": "c"}, "spec": {"pvc": {"accessModes": ["ReadWriteOnce"]}}},
        {"metadata": {"name": "d"}, "spec": {"storage": {"storageClassName": ""}}},
    ]);
    let (spec, _, told) = of(Kind::VirtualMachine, &with_templates(&templates), &policy());
    let mut expected = templates;
    expected[1]["spec"]["storage"] = json!({"resources": size("15Gi"), "storageClassName": "local",
        "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem"});
    expected[2]["spec"]["pvc"]["storageClassName"] = "local".into();
    assert_eq!(spec["dataVolumeTemplates"], expected);
    let edit = "edit: spec.dataVolumeTemplates[1].spec.storage.storageClassName=local (policy storageClasses)\n";
    assert!(told.contains(edit), "{told}");
}

#[test]
fn templates_of_a_pool() {
    let machine = with_templates(&json!([{"metadata": {"name": "a"}, "spec": {"pvc": {}}}]));
    let pool = json!({"metadata": {"name": "pool"}, "spec": {"virtualMachineTemplate": machine}});
    let (spec, _, _) = of(Kind::Pool, &pool, &policy());
    let class = "/virtualMachineTemplate/spec/dataVolumeTemplates/0/spec/pvc/storageClassName";
    assert_eq!(spec.pointer(class), Some(&json!("local")));
}

#[rstest]
#[case::untouched(json!({"resources": size("1Gi")}), json!({"resources": size("1Gi")}), false)]
#[case::size_only(json!({"resources": size("1Gi")}), json!({"resources": size("2Gi")}), false)]
#[case::class_taken_away(json!({"storageClassName": "local"}), json!({}), true)]
#[case::class_changed(json!({}), json!({"storageClassName": "local"}), true)]
#[case::modes_taken_away(json!({"storageClassName": "local", "volumeMode": "Filesystem"}), json!({"storageClassName": "local"}), true)]
fn templates_on_update(#[case] old: Value, #[case] new: Value, #[case] edits: bool) {
    let of = |name: &str, storage: &Value| json!({"metadata": {"name": name}, "spec": {"storage": storage}});
    let other = of("other", &json!({}));
    let old = with_templates(&json!([of("a", &old), other]));
    // A new first entry moves the others, which are known by their names.
    let new = with_templates(&json!([
        of("first", &json!({"storageClassName": "ceph"})),
        other,
        of("a", &new)
    ]));
    let decision = decide(
        Kind::VirtualMachine,
        &new,
        Some(&old),
        &policy(),
        &Cluster::default(),
    );
    let decision = decision.unwrap();
    assert_eq!(!decision.edits.is_empty(), edits);
    let after = applied(&new, &decision.edits);
    assert_eq!(after["spec"]["dataVolumeTemplates"][1], other);
}

#[test]
fn two_templates_of_one_name_that_an_update_leaves_as_they_were() {
    let of = |storage: &Value| json!({"metadata": {"name": "a"}, "spec": {"storage": storage}});
    let templates = json!([of(&json!({})), of(&json!({"volumeMode": "Block"}))]);
    let vm = with_templates(&templates);
    let decision = decide(
        Kind::VirtualMachine,
        &vm,
        Some(&vm),
        &policy(),
        &Cluster::default(),
    );
    assert_eq!(decision.unwrap().edits, []);
}

#[test]
fn template_that_an_update_adds() {
    let old = with_templates(&json!([]));
    let new = with_templates(&json!([{"metadata": {"name": "a"}, "spec": {"pvc": {}}}]));
    let decision = decide(
        Kind::VirtualMachine,
        &new,
        Some(&old),
        &policy(),
        &Cluster::default(),
    );
    let after = applied(&new, &decision.unwrap().edits);
    assert_eq!(
        after["spec"]["dataVolumeTemplates"][0]["spec"]["pvc"]["storageClassName"],
        "local"
    );
}

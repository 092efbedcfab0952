use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::subject::{Kind, View};
use crate::surroundings::Nothing;

fn review(kind: Kind, operation: Operation, object: &Value, old: Option<&Value>) -> String {
    let (object, old) = (object.to_string(), old.map(ToString::to_string));
    let review = Review {
        kind,
        operation,
        namespace: "edge".into(),
        object: View::read(kind, &object).unwrap(),
        old: old.as_deref().map(|old| View::read(kind, old).unwrap()),
    };
    crate::explain::explain(&mutate(&review, &Policy::default(), &Nothing))
}

fn pod(labels: &Value) -> Value {
    json!({"metadata": {"labels": labels}, "spec": {"containers": []}})
}

fn vm(metadata: &Value, template_labels: &Value, tolerations: &Value) -> Value {
    json!({"metadata": metadata, "spec": {"template": {
        "metadata": {"labels": template_labels},
        "spec": {"domain": {}, "tolerations": tolerations},
    }}})
}

const EDIT: &str = "edit: spec.tolerations+=cmk (policy tolerations[0])";
const OPTED_OUT: &str = "left alone: label vmberth.io/inject says false";
const VM_EDIT: &str = "edit: spec.template.spec.tolerations+=cmk (policy tolerations[0])";

#[rstest]
#[case::launcher(json!({"kubevirt.io": "virt-launcher"}), true)]
#[case::hotplug(json!({"kubevirt.io": "hotplug-disk"}), true)]
#[case::export_as_rendered(json!({"kubevirt.io": "virt-exporter"}), true)]
#[case::export_as_made(json!({"kubevirt.io.virt-export-service": "x"}), true)]
#[case::importer(json!({"app": "containerized-data-importer", "cdi.kubevirt.io": "importer"}), true)]
#[case::upload(json!({"app": "containerized-data-importer", "cdi.kubevirt.io": "cdi-upload-server"}), true)]
#[case::clone_source(json!({"app": "containerized-data-importer", "cdi.kubevirt.io": "cdi-clone-source"}), true)]
#[case::populator(json!({"app": "containerized-data-importer", "cdi.kubevirt.io": "cdi-populator-prep"}), true)]
#[case::import_poller(json!({"cdi.kubevirt.io/dataImportCronPoller": ""}), true)]
#[case::cdi_deployment(json!({"app": "containerized-data-importer", "cdi.kubevirt.io": ""}), false)]
#[case::cdi_apiserver(json!({"app": "containerized-data-importer", "cdi.kubevirt.io": "cdi-apiserver"}), false)]
#[case::importer_of_others(json!({"app": "x", "cdi.kubevirt.io": "importer"}), false)]
#[case::virt_handler(json!({"kubevirt.io": "virt-handler"}), false)]
#[case::no_labels(json!(null), false)]
fn pods_by_role(#[case] labels: Value, #[case] ours: bool) {
    let text = review(Kind::Pod, Operation::Create, &pod(&labels), None);
    assert_eq!(text.starts_with(EDIT), ours, "{text}");
    let text = review(Kind::Pod, Operation::Update, &pod(&labels), None);
    assert_eq!(text, "left alone: not an object of a VM");
}

#[rstest]
#[case::not_set(json!({}), json!(null), VM_EDIT)]
#[case::others_set(json!({}), json!([{"key": "a", "operator": "Exists"}]), VM_EDIT)]
#[case::one_effect_only(json!({}), json!([{"key": "cmk", "operator": "Exists", "effect": "NoSchedule"}]), VM_EDIT)]
#[case::there_already(json!({}), json!([{"key": "cmk", "operator": "Exists"}]), "left alone: everything is there already")]
#[case::keyless(json!({}), json!([{"operator": "Exists"}]), "left alone: everything is there already")]
#[case::label_true(json!({"labels": {"vmberth.io/inject": "true"}}), json!(null), VM_EDIT)]
#[case::opted_out(json!({"labels": {"vmberth.io/inject": "false"}}), json!(null),
    "edit: spec.template.metadata.labels[vmberth.io/inject]=vmberth.io/inject=false (label vmberth.io/inject of the object)")]
#[case::label_unclear(json!({"labels": {"vmberth.io/inject": "no"}}), json!(null),
    "denied (422): metadata.labels[vmberth.io/inject]: found \"no\", expected \"true\" or \"false\"")]
fn machines_on_create(#[case] metadata: Value, #[case] tolerations: Value, #[case] expected: &str) {
    let vm = vm(&metadata, &json!({}), &tolerations);
    for kind in [Kind::VirtualMachine, Kind::ReplicaSet] {
        let text = review(kind, Operation::Create, &vm, None);
        assert!(text.starts_with(expected), "{text}");
    }
}

#[rstest]
#[case::untouched_without(json!(null), json!(null), "left alone: the update does not touch")]
#[case::untouched_with_others(json!([{"key": "a"}]), json!([{"key": "a"}]), "left alone: the update does not touch")]
#[case::empty_is_as_good_as_null(json!(null), json!([]), "left alone: the update does not touch")]
#[case::others_added(json!(null), json!([{"key": "a"}]), VM_EDIT)]
#[case::ours_taken_away(json!([{"key": "cmk", "operator": "Exists"}]), json!(null), VM_EDIT)]
#[case::others_changed_ours_kept(json!([{"key": "a"}]), json!([{"key": "cmk", "operator": "Exists"}]), "left alone: the update")]
fn machines_on_update(#[case] old: Value, #[case] new: Value, #[case] expected: &str) {
    let meta = json!({"labels": {"changed": "yes"}});
    let (old, new) = (
        vm(&json!({}), &json!({}), &old),
        vm(&meta, &json!({}), &new),
    );
    let text = review(Kind::VirtualMachine, Operation::Update, &new, Some(&old));
    assert!(text.starts_with(expected), "{text}");
}

#[rstest]
#[case::template_says_false(json!(null), json!("false"), OPTED_OUT)]
#[case::both_say_false(json!("false"), json!("false"), OPTED_OUT)]
#[case::template_overrules_false(json!("false"), json!("true"), VM_EDIT)]
#[case::template_overrules_true(json!("true"), json!("false"), OPTED_OUT)]
#[case::bad_in_template(json!("false"), json!("?"), "denied (422): spec.template.metadata.labels[vmberth.io/inject]: found \"?\"")]
fn label_of_the_template_counts(#[case] own: Value, #[case] inner: Value, #[case] expected: &str) {
    let own = json!({"labels": {"vmberth.io/inject": own}});
    let vm = vm(&own, &json!({"vmberth.io/inject": inner}), &json!(null));
    let text = review(Kind::VirtualMachine, Operation::Create, &vm, None);
    assert!(text.starts_with(expected), "{text}");
}

#[rstest]
#[case::no_metadata(json!(null), "spec.template.metadata=")]
#[case::no_labels(json!({}), "spec.template.metadata.labels=")]
#[case::other_labels(json!({"labels": {"a": "b"}}), "spec.template.metadata.labels[vmberth.io/inject]=")]
fn label_of_a_machine_is_copied_where_pods_inherit_it(#[case] template: Value, #[case] path: &str) {
    let metadata = json!({"labels": {"vmberth.io/inject": "false"}});
    let mut new = vm(&json!({}), &json!({}), &json!(null));
    new["spec"]["template"]["metadata"] = template;
    let old = new.clone();
    new["metadata"] = metadata;
    for (operation, old) in [(Operation::Create, None), (Operation::Update, Some(&old))] {
        let text = review(Kind::VirtualMachine, operation, &new, old);
        assert!(text.starts_with(&format!("edit: {path}")), "{text}");
        assert!(
            text.contains("\nwarning: vmberth.io/inject=false was copied"),
            "{text}"
        );
    }
}

#[test]
fn label_that_an_update_leaves_as_it_was_is_not_copied() {
    let opted_out = json!({"labels": {"vmberth.io/inject": "false"}});
    let mut old = vm(&opted_out, &json!({}), &json!(null));
    old["spec"]["template"]["metadata"] = json!(null);
    let mut new = old.clone();
    new["spec"]["running"] = true.into();
    let text = review(Kind::VirtualMachine, Operation::Update, &new, Some(&old));
    assert!(
        text.starts_with("left alone: label vmberth.io/inject says false"),
        "{text}"
    );
}

#[test]
fn unclear_label_that_an_update_leaves_as_it_was_denies_nothing() {
    let unclear = json!({"labels": {"vmberth.io/inject": "no"}});
    let old = vm(&unclear, &json!({}), &json!(null));
    let new = vm(&unclear, &json!({"a": "b"}), &json!(null));
    let text = review(Kind::VirtualMachine, Operation::Update, &new, Some(&old));
    assert!(
        text.starts_with("left alone: the update does not touch"),
        "{text}"
    );
    let fresh = vm(&json!({}), &json!({}), &json!(null));
    let text = review(Kind::VirtualMachine, Operation::Update, &new, Some(&fresh));
    assert!(text.starts_with("denied (422)"), "{text}");
}

#[rstest]
#[case::pool(json!({"vmberth.io/inject": "false"}), json!({}))]
#[case::its_machines(json!({}), json!({"vmberth.io/inject": "false"}))]
fn label_of_a_pool_is_copied_to_the_innermost_template(#[case] own: Value, #[case] machine: Value) {
    let machine = vm(&json!({"labels": machine}), &json!({}), &json!(null));
    let pool = json!({"metadata": {"labels": own}, "spec": {"virtualMachineTemplate": machine}});
    let text = review(Kind::Pool, Operation::Create, &pool, None);
    let path = "spec.virtualMachineTemplate.spec.template.metadata.labels";
    assert!(text.starts_with(&format!("edit: {path}")), "{text}");
}

#[test]
fn label_of_an_instance_is_inherited_by_its_pods() {
    let labels = json!({"vmberth.io/inject": "false"});
    let instance = json!({"metadata": {"labels": labels}, "spec": {"domain": {}}});
    let text = review(
        Kind::VirtualMachineInstance,
        Operation::Create,
        &instance,
        None,
    );
    assert_eq!(text, OPTED_OUT);
}

#[test]
fn pool_gets_it_in_the_template_of_its_template() {
    let machine = vm(&json!({}), &json!({}), &json!(null));
    let pool = json!({"metadata": {}, "spec": {"virtualMachineTemplate": machine}});
    let text = review(Kind::Pool, Operation::Create, &pool, None);
    let path = "spec.virtualMachineTemplate.spec.template.spec.tolerations";
    assert!(text.starts_with(&format!("edit: {path}+=cmk")), "{text}");
}

#[rstest]
#[case::bare(json!([]), EDIT)]
#[case::of_a_replica_set(json!([{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceReplicaSet", "controller": true}]), EDIT)]
#[case::foreign_owner_of_that_kind(json!([{"apiVersion": "x.io/v1", "kind": "VirtualMachine", "controller": true}]), EDIT)]
#[case::not_the_controller(json!([{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine"}]), EDIT)]
#[case::of_a_machine(json!([{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "controller": true}]), "left alone: the VirtualMachine")]
fn instances_by_owner(#[case] owners: Value, #[case] expected: &str) {
    let instance = json!({"metadata": {"ownerReferences": owners}, "spec": {"domain": {}}});
    let text = review(
        Kind::VirtualMachineInstance,
        Operation::Create,
        &instance,
        None,
    );
    assert!(text.starts_with(expected), "{text}");
}

#[rstest]
#[case::no_spec(json!({"metadata": {}}))]
#[case::no_template(json!({"metadata": {}, "spec": {}}))]
#[case::null_template(json!({"metadata": null, "spec": {"template": null}}))]
#[case::template_without_spec(json!({"spec": {"template": {"metadata": {}}}}))]
fn half_an_object_is_left_to_the_api_server(#[case] object: Value) {
    for kind in [Kind::VirtualMachine, Kind::ReplicaSet, Kind::Pool] {
        let text = review(kind, Operation::Create, &object, None);
        assert_eq!(text, "left alone: not an object of a VM");
    }
}

#[test]
fn exempt_namespace_is_left_alone() {
    let object = pod(&json!({"kubevirt.io": "virt-launcher"})).to_string();
    let review = Review {
        kind: Kind::Pod,
        operation: Operation::Create,
        namespace: "kube-system".into(),
        object: View::read(Kind::Pod, &object).unwrap(),
        old: None,
    };
    let left = mutate(&review, &Policy::default(), &Nothing).unwrap();
    assert_eq!(left, Mutation::left_alone(LeftAlone::ExemptNamespace));
}

#[rstest]
#[case::absent(json!({}), "metadata.annotations")]
#[case::null(json!({"annotations": null}), "metadata.annotations")]
#[case::there(json!({"annotations": {}}), "metadata.annotations[vmberth.io/injected]")]
fn record_goes_where_there_is_room(#[case] metadata: Value, #[case] path: &str) {
    let vm = vm(&metadata, &json!({}), &json!(null));
    let text = review(Kind::VirtualMachine, Operation::Create, &vm, None);
    assert!(
        text.ends_with(&format!("edit: {path}=1 entries (record of the edits)")),
        "{text}"
    );
}

#[test]
fn record_is_kept_and_not_repeated() {
    let entry = "spec.template.spec.tolerations+=cmk (policy tolerations[0])";
    let annotations = json!({"annotations": {"vmberth.io/injected": entry}});
    let vm = vm(&annotations, &json!({}), &json!(null));
    let text = review(Kind::VirtualMachine, Operation::Create, &vm, None);
    assert_eq!(text, format!("edit: {entry}"));
}

#[test]
fn opting_in_again_is_as_good_as_creating() {
    let old = vm(
        &json!({}),
        &json!({"vmberth.io/inject": "false"}),
        &json!(null),
    );
    let new = vm(&json!({}), &json!({}), &json!(null));
    let text = review(Kind::VirtualMachine, Operation::Update, &new, Some(&old));
    assert!(text.starts_with(VM_EDIT), "{text}");
}

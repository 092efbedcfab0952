//! Updates of a VM follow what its user touches.

use rstest::rstest;
use serde_json::{Value, json};

use super::default_pages;
use crate::mutate::testing::{Cluster, admitted, applied, decide, vm};
use crate::pages::PageSize;
use crate::subject::Kind;

#[rstest]
#[case::nothing(json!({}), json!({"memory": {"guest": "3Mi"}}), false)]
#[case::something_else(json!({}), json!({"memory": {"guest": "3Mi"}, "x": 1}), false)]
#[case::same_in_other_words(json!({}), json!({"memory": {"guest": "3072Ki"}}), false)]
// Memory is added to a running VM, and pages would need a restart.
#[case::guest(json!({}), json!({"memory": {"guest": "5Mi"}}), false)]
#[case::request(json!({}), json!({"memory": {"guest": "3Mi"}, "resources": {"requests": {"memory": "3Mi"}}}), false)]
#[case::wish(json!({"vmberth.io/hugepages": "2Mi"}), json!({"memory": {"guest": "3Mi"}}), true)]
#[case::other_wish(json!({"vmberth.io/hugepages": "1Gi"}), json!({"memory": {"guest": "3Gi"}}), true)]
fn updates_follow_the_user(#[case] annotations: Value, #[case] domain: Value, #[case] edits: bool) {
    // The VM is older than the policy.
    let old = vm(&json!({}), &json!({"domain": {"memory": {"guest": "3Mi"}}}));
    let new = vm(&annotations, &json!({ "domain": domain }));
    let policy = default_pages(PageSize::Mi2);
    let decision = decide(
        Kind::VirtualMachine,
        &new,
        Some(&old),
        &policy,
        &Cluster::default(),
    );
    assert_eq!(!decision.unwrap().edits.is_empty(), edits);
}

#[test]
fn manifest_that_is_written_again_gives_the_same_object() {
    let manifest = vm(
        &json!({}),
        &json!({"domain": {"memory": {"guest": "4096M"}}}),
    );
    let policy = default_pages(PageSize::Mi2);
    let (first, _) = admitted(
        Kind::VirtualMachine,
        &manifest,
        &policy,
        &Cluster::default(),
    );
    let mut again = manifest;
    // kubectl replace loses our record; apply and server-side apply keep it, since it is no field of the manifest.
    again["metadata"]["annotations"] = first["metadata"]["annotations"].clone();
    let cluster = Cluster::default();
    let decision = decide(
        Kind::VirtualMachine,
        &again,
        Some(&first),
        &policy,
        &cluster,
    )
    .unwrap();
    assert_eq!(applied(&again, &decision.edits), first);
}

#[test]
fn pages_taken_away_by_hand_come_back_unless_none_are_wanted() {
    let without = json!({"domain": {"memory": {"guest": "4Gi"}}});
    let policy = default_pages(PageSize::Mi2);
    let cluster = Cluster::default();
    let (old, _) = admitted(
        Kind::VirtualMachine,
        &vm(&json!({}), &without),
        &policy,
        &cluster,
    );
    let edits = |annotations: &Value| {
        let new = vm(annotations, &without);
        let decision = decide(Kind::VirtualMachine, &new, Some(&old), &policy, &cluster);
        decision.unwrap().edits.len()
    };
    assert_eq!(edits(&json!({})), 2, "the pages and the record");
    assert_eq!(edits(&json!({"vmberth.io/hugepages": "none"})), 0);
}

#[rstest]
#[case::memory_that_is_there(json!({"memory": {"guest": "4096M"}}), "/memory/guest")]
#[case::memory_that_was_made(json!({"resources": {"requests": {"memory": "4096M"}}}), "/resources/requests/memory")]
fn other_amount_beside_pages_of_ours_is_rounded_too(#[case] domain: Value, #[case] field: &str) {
    let policy = default_pages(PageSize::Mi2);
    let cluster = Cluster::default();
    let manifest = vm(&json!({}), &json!({ "domain": domain }));
    let (old, _) = admitted(Kind::VirtualMachine, &manifest, &policy, &cluster);
    let mut new = old.clone();
    let domain = "/spec/template/spec/domain";
    *new.pointer_mut(&format!("{domain}{field}")).unwrap() = json!("5000M");
    let decision = decide(Kind::VirtualMachine, &new, Some(&old), &policy, &cluster).unwrap();
    let after = applied(&new, &decision.edits);
    assert_eq!(
        after.pointer(&format!("{domain}{field}")),
        Some(&json!("4770Mi"))
    );
    assert_eq!(decision.warnings.len(), 1);
    // Pages of the user's own are the user's and KubeVirt's matter.
    new["metadata"]["annotations"] = json!({});
    let decision = decide(Kind::VirtualMachine, &new, Some(&old), &policy, &cluster).unwrap();
    assert_eq!(decision.edits, Vec::new());
}

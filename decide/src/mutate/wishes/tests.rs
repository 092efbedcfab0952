use rstest::rstest;
use serde_json::{Value, json};

use crate::mutate::testing::{Cluster, admitted, decide, quiet, vm};
use crate::pages::PageSize;
use crate::policy::Policy;
use crate::profile::{Profile, Selector};
use crate::subject::Kind;
use crate::wish::Pages;

fn profile(name: &str, pages: Pages, selects: Option<&str>) -> Profile {
    let selector = |tier: &str| Selector {
        match_labels: [("tier".to_owned(), tier.to_owned())].into(),
        ..Selector::default()
    };
    Profile {
        name: name.to_owned(),
        selector: selects.map(selector),
        hugepages: Some(pages),
        vfs: None,
        ssh_keys: None,
    }
}

fn policy() -> Policy {
    let (small, big) = (Pages::Of(PageSize::Mi2), Pages::Of(PageSize::Gi1));
    Policy {
        profiles: vec![
            profile("small", small, Some("fast")),
            profile("big", big, None),
            profile("also-small", small, Some("fast")),
        ],
        ..quiet()
    }
}

/// Page size that a VM with these annotations and labels of its template gets.
fn page(annotations: &Value, labels: &Value, own: &Value) -> String {
    let memory = json!({"guest": "1Gi", "hugepages": own});
    let mut object = vm(annotations, &json!({"domain": {"memory": memory}}));
    object["spec"]["template"]["metadata"]["labels"] = labels.clone();
    let (after, told) = admitted(
        Kind::VirtualMachine,
        &object,
        &policy(),
        &Cluster::default(),
    );
    let size = &after["spec"]["template"]["spec"]["domain"]["memory"]["hugepages"]["pageSize"];
    size.as_str().map_or(told, str::to_owned)
}

#[rstest]
#[case::nothing(json!({}), json!({}), json!(null), "left alone: everything is there already")]
#[case::selected(json!({}), json!({"tier": "fast"}), json!(null), "2Mi")]
#[case::named(json!({"vmberth.io/profile": "big"}), json!({}), json!(null), "1Gi")]
#[case::annotation_overrules_profiles(
    json!({"vmberth.io/profile": "big", "vmberth.io/hugepages": "2Mi"}), json!({"tier": "fast"}), json!(null), "2Mi")]
#[case::the_vm_overrules_all(
    json!({"vmberth.io/profile": "big"}), json!({"tier": "fast"}), json!({"pageSize": "32Mi"}), "32Mi")]
#[case::none_is_a_wish(json!({"vmberth.io/hugepages": "none"}), json!({"tier": "fast"}), json!(null),
    "left alone: everything is there already")]
#[case::two_that_differ(json!({"vmberth.io/profile": "big"}), json!({"tier": "fast"}), json!(null),
    "denied (422): spec.template.metadata: found profiles \"big\" and \"small\" with different hugepages, \
     expected the same, or the VM's own")]
#[case::unknown(json!({"vmberth.io/profile": "huge"}), json!({}), json!(null),
    "denied (422): spec.template.metadata.annotations[vmberth.io/profile]: found profile \"huge\", \
     expected one of the policy's: small, big, also-small")]
#[case::unreadable(json!({"vmberth.io/hugepages": "4Mi"}), json!({}), json!(null),
    "denied (422): spec.template.metadata.annotations[vmberth.io/hugepages]: found \"4Mi\", expected 2Mi, 1Gi or none")]
fn precedence(
    #[case] annotations: Value,
    #[case] labels: Value,
    #[case] own: Value,
    #[case] expected: &str,
) {
    assert_eq!(page(&annotations, &labels, &own), expected);
}

#[test]
fn annotation_of_the_template_overrules_that_of_the_vm() {
    let mut object = vm(
        &json!({"vmberth.io/hugepages": "2Mi"}),
        &json!({"domain": {"memory": {"guest": "1Gi"}}}),
    );
    object["metadata"]["annotations"] = json!({"vmberth.io/hugepages": "1Gi"});
    let (after, _) = admitted(Kind::VirtualMachine, &object, &quiet(), &Cluster::default());
    let memory = &after["spec"]["template"]["spec"]["domain"]["memory"];
    assert_eq!(memory["hugepages"]["pageSize"], "2Mi");
    object["spec"]["template"]["metadata"]["annotations"] = json!(null);
    let (after, _) = admitted(Kind::VirtualMachine, &object, &quiet(), &Cluster::default());
    let memory = &after["spec"]["template"]["spec"]["domain"]["memory"];
    assert_eq!(memory["hugepages"]["pageSize"], "1Gi");
}

#[test]
fn refusal_that_an_update_does_not_bring_is_none() {
    let old = vm(
        &json!({"vmberth.io/profile": "gone"}),
        &json!({"domain": {}}),
    );
    let mut new = old.clone();
    new["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 0.into();
    let cluster = Cluster::default();
    let decision = decide(Kind::VirtualMachine, &new, Some(&old), &policy(), &cluster).unwrap();
    assert_eq!(decision.edits, []);
    let fresh = vm(&json!({}), &json!({"domain": {}}));
    assert!(
        decide(
            Kind::VirtualMachine,
            &new,
            Some(&fresh),
            &policy(),
            &cluster
        )
        .is_err()
    );
}

#[test]
fn annotation_that_comes_too_late_is_told() {
    let spec = json!({"domain": {"memory": {"guest": "1Gi"}}});
    let old = vm(&json!({"vmberth.io/hugepages": "2Mi"}), &spec);
    let (old, _) = admitted(Kind::VirtualMachine, &old, &quiet(), &Cluster::default());
    let mut new = old.clone();
    new["spec"]["template"]["metadata"]["annotations"]["vmberth.io/hugepages"] = "none".into();
    let decision = decide(
        Kind::VirtualMachine,
        &new,
        Some(&old),
        &quiet(),
        &Cluster::default(),
    );
    let told = crate::explain::explain(&decision);
    let words = "warning: spec.template.spec.domain.memory.hugepages: 2Mi stays, although";
    assert!(told.contains(words), "{told}");
}

#[test]
fn annotation_with_a_typing_error_is_told_once() {
    let spec = json!({"domain": {}});
    let object = vm(
        &json!({"vmberth.io/hugepage": "2Mi", "other.io/x": "y"}),
        &spec,
    );
    let (_, told) = admitted(Kind::VirtualMachine, &object, &quiet(), &Cluster::default());
    let words = "warning: spec.template.metadata.annotations[vmberth.io/hugepage]: no annotation of vmberth";
    assert!(told.contains(words), "{told}");
    let decision = decide(
        Kind::VirtualMachine,
        &object,
        Some(&object),
        &quiet(),
        &Cluster::default(),
    );
    assert_eq!(decision.unwrap().warnings, []);
}

#[test]
fn wish_that_nothing_inherits_is_told_and_does_nothing() {
    let template = json!({"metadata": {}, "spec": {"domain": {"memory": {"guest": "1Gi"}}}});
    let set = json!({
        "metadata": {"annotations": {"vmberth.io/hugepages": "2Mi"}},
        "spec": {"template": template},
    });
    let (after, told) = admitted(Kind::ReplicaSet, &set, &quiet(), &Cluster::default());
    assert_eq!(after, set);
    let words = "warning: metadata.annotations[vmberth.io/hugepages]: nothing inherits this; write it into \
        spec.template.metadata";
    assert!(told.contains(words), "{told}");
    let pool = json!({
        "metadata": {"annotations": {"vmberth.io/vfs": "1"}},
        "spec": {"virtualMachineTemplate": {
            "metadata": {"annotations": {"vmberth.io/hugepages": "2Mi"}},
            "spec": {"template": template},
        }},
    });
    let (after, told) = admitted(Kind::Pool, &pool, &quiet(), &Cluster::default());
    let template = &after["spec"]["virtualMachineTemplate"]["spec"]["template"];
    assert_eq!(
        template["spec"]["domain"]["memory"]["hugepages"]["pageSize"],
        "2Mi"
    );
    assert!(
        told.contains("metadata.annotations[vmberth.io/vfs]: nothing inherits"),
        "{told}"
    );
}

#[test]
fn pasted_key_is_never_repeated() {
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE";
    let object = vm(&json!({"vmberth.io/ssh-keys": key}), &json!({"domain": {}}));
    let (_, told) = admitted(Kind::VirtualMachine, &object, &quiet(), &Cluster::default());
    assert!(
        told.starts_with("denied (422)") && !told.contains("b3Blbn"),
        "{told}"
    );
}

#[test]
fn long_value_is_refused_and_cut() {
    let object = vm(
        &json!({"vmberth.io/vfs": "1,".repeat(1 << 20)}),
        &json!({"domain": {}}),
    );
    let (_, told) = admitted(Kind::VirtualMachine, &object, &quiet(), &Cluster::default());
    assert!(
        told.contains("expected at most 1024 characters") && told.len() < 300,
        "{told}"
    );
}

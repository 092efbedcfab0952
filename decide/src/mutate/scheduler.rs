//! Who places the pods of VMs, and those of CDI that fill managed volumes. A name that the user set stays.

use crate::edit::{Edit, Token, Why};
use crate::names;
use crate::policy::Policy;
use crate::surroundings::ClaimKnown;
use crate::view::{Metadata, Pod};

use super::machines::Change;
use super::{Context, Mutation, Note};

/// On a guest's template, or a bare instance: its pods inherit it (facts: kubevirt-cdi 2). Not beside an instancetype,
/// which may name one itself: KubeVirt refuses two (1.8.4, pkg/instancetype/apply/scheduler.go).
pub(super) fn of_guest(change: Change<'_>, context: Context<'_>, out: &mut Mutation) {
    let name = |asked: &super::machines::Asked<'_>| {
        let name = asked.guest.spec.scheduler_name.as_deref();
        name.unwrap_or_default().to_owned()
    };
    let left_alone = change.now.guest.has_instancetype() || !name(change.now).is_empty();
    if left_alone || !change.touches(name) {
        return;
    }
    let path = change.now.guest.path(&["spec", "schedulerName"]);
    out.edits.extend(edit(path, context.policy));
}

/// On a pod of CDI whose claim is of a managed class. The API server has filled in the cluster's default by now, so
/// that name counts as none.
pub(super) fn of_claim_worker(pod: &Pod<'_>, context: Context<'_>, out: &mut Mutation) {
    let set_by_user = !matches!(name_of(pod), None | Some("" | names::DEFAULT_SCHEDULER));
    if set_by_user || context.policy.scheduler_name.is_none() {
        return;
    }
    match works_on_managed(pod, context) {
        Ok(true) => {
            let path = ["spec", "schedulerName"].map(Token::Borrowed).to_vec();
            out.edits.extend(edit(path, context.policy));
        }
        Ok(false) => {}
        Err(unknown) => out.notes.push(unknown),
    }
}

/// Who places the pod, as it says by now.
pub(super) fn name_of<'p>(pod: &'p Pod<'_>) -> Option<&'p str> {
    let spec = pod.spec.as_ref();
    spec.and_then(|spec| spec.scheduler_name.as_deref())
}

/// Whether the claim that owns the pod is of a managed class, or that nobody knows.
pub(super) fn works_on_managed(pod: &Pod<'_>, context: Context<'_>) -> Result<bool, Note> {
    let owner = pod.metadata.as_ref().and_then(Metadata::controller);
    let claim = owner
        .filter(|owner| {
            owner.kind.as_deref() == Some("PersistentVolumeClaim")
                && owner.api_version.as_deref() == Some("v1")
        })
        .and_then(|owner| owner.name.as_deref());
    let known = claim.map(|claim| {
        context
            .surroundings
            .class_of_claim(context.namespace, claim)
    });
    match known {
        Some(ClaimKnown::Class(class)) => Ok(context.policy.managed(class).is_some()),
        Some(ClaimKnown::Missing | ClaimKnown::Unwatched) | None => {
            let claim = claim.unwrap_or("no claim owns the pod").to_owned();
            Err(Note::ClaimUnknown { claim })
        }
    }
}

fn edit(path: Vec<Token>, policy: &Policy) -> Option<Edit> {
    let name = policy.scheduler_name.as_ref()?;
    Some(Edit {
        path,
        value: name.clone().into(),
        what: name.clone(),
        why: Why::Policy("schedulerName"),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use crate::mutate::testing::{Cluster, admitted, decide, quiet, vm};
    use crate::policy::{BindingMode, ManagedClass, Policy};
    use crate::subject::Kind;

    fn policy() -> Policy {
        let class = ManagedClass {
            name: "local".to_owned(),
            default: false,
            binding_mode: BindingMode::WaitForFirstConsumer,
            overhead_millionths: 60_000,
            fit_overhead: false,
            require_scratch: false,
            scratch_reclaim: crate::policy::ScratchReclaim::Wipe,
        };
        Policy {
            scheduler_name: Some("vmberth".to_owned()),
            storage_classes: vec![class],
            ..quiet()
        }
    }

    fn cluster() -> Cluster {
        Cluster {
            claims: [("edge/disk", "local"), ("edge/other", "ceph")].into(),
            ..Cluster::default()
        }
    }

    fn importer(name: &Value, owners: &Value) -> (Value, String) {
        let labels = json!({"app": "containerized-data-importer", "cdi.kubevirt.io": "importer"});
        let pod = json!({
            "metadata": {"labels": labels, "ownerReferences": owners},
            "spec": {"schedulerName": name, "containers": []},
        });
        let (after, told) = admitted(Kind::Pod, &pod, &policy(), &cluster());
        (after["spec"]["schedulerName"].clone(), told)
    }

    fn owner(kind: &str, name: &str) -> Value {
        json!([{"apiVersion": "v1", "kind": kind, "name": name, "controller": true}])
    }

    #[rstest]
    #[case::absent(json!({"domain": {}}), "vmberth")]
    #[case::empty(json!({"domain": {}, "schedulerName": ""}), "vmberth")]
    #[case::of_the_user(json!({"domain": {}, "schedulerName": "mine"}), "mine")]
    #[case::default_by_name(json!({"domain": {}, "schedulerName": "default-scheduler"}), "default-scheduler")]
    fn machines(#[case] spec: Value, #[case] expected: &str) {
        let object = vm(&json!({}), &spec);
        let (after, _) = admitted(Kind::VirtualMachine, &object, &policy(), &cluster());
        assert_eq!(after["spec"]["template"]["spec"]["schedulerName"], expected);
    }

    #[test]
    fn instancetype_may_name_one_itself() {
        let mut object = vm(&json!({}), &json!({"domain": {}}));
        object["spec"]["instancetype"] = json!({"name": "small"});
        let (after, _) = admitted(Kind::VirtualMachine, &object, &policy(), &cluster());
        assert_eq!(after, object);
    }

    #[test]
    fn stored_machine_without_one_stays_without() {
        let old = vm(&json!({}), &json!({"domain": {}, "nodeSelector": {}}));
        let new = vm(
            &json!({}),
            &json!({"domain": {}, "nodeSelector": {"a": "b"}}),
        );
        let decision = decide(
            Kind::VirtualMachine,
            &new,
            Some(&old),
            &policy(),
            &cluster(),
        );
        assert_eq!(decision.unwrap().edits, []);
    }

    #[rstest]
    #[case::managed(json!("default-scheduler"), owner("PersistentVolumeClaim", "disk"), "vmberth")]
    #[case::not_managed(json!("default-scheduler"), owner("PersistentVolumeClaim", "other"), "default-scheduler")]
    #[case::of_the_user(json!("mine"), owner("PersistentVolumeClaim", "disk"), "mine")]
    fn pods_of_cdi_by_class(#[case] name: Value, #[case] owners: Value, #[case] expected: &str) {
        let (name, told) = importer(&name, &owners);
        assert_eq!(name, expected);
        assert!(!told.contains("note"), "{told}");
    }

    #[rstest]
    #[case::owner_is_gone(owner("PersistentVolumeClaim", "gone"), "gone")]
    #[case::foreign_owner(owner("ReplicaSet", "disk"), "no claim owns the pod")]
    #[case::not_the_controller(json!([{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": "disk"}]), "no claim owns the pod")]
    #[case::other_group(json!([{"apiVersion": "x/v1", "kind": "PersistentVolumeClaim", "name": "disk", "controller": true}]), "no claim owns the pod")]
    #[case::name_of_another_namespace(
        owner("PersistentVolumeClaim", "other-ns/disk"),
        "other-ns/disk"
    )]
    #[case::no_owner(json!(null), "no claim owns the pod")]
    fn broken_owners_are_noted_and_nothing_is_guessed(#[case] owners: Value, #[case] found: &str) {
        let (name, told) = importer(&json!("default-scheduler"), &owners);
        assert_eq!(name, "default-scheduler");
        assert!(
            told.contains(&format!("note: {found}: no such claim is known")),
            "{told}"
        );
    }
}

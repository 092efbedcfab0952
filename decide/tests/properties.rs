//! Laws that hold for every object, however strange.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at the first thing that is not as it should be"
)]

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use vmberth_decide::edit::Edit;
use vmberth_decide::mutate::{Mutation, mutate};
use vmberth_decide::names;
use vmberth_decide::policy::Policy;
use vmberth_decide::subject::{Kind, Operation, Review, View};

const KINDS: [Kind; 6] = [
    Kind::Pod,
    Kind::VirtualMachine,
    Kind::VirtualMachineInstance,
    Kind::ReplicaSet,
    Kind::Pool,
    Kind::Other,
];

fn edits(kind: Kind, operation: Operation, object: &Value, policy: &Policy) -> Option<Vec<Edit>> {
    let text = object.to_string();
    let object = View::read(kind, &text).ok()?;
    let old = (operation == Operation::Update).then_some(View::Other);
    let review = Review {
        kind,
        operation,
        namespace: "edge".into(),
        object,
        old,
    };
    match mutate(&review, policy).ok()? {
        Mutation::Edits(edits) => Some(edits),
        Mutation::LeftAlone(_) => Some(Vec::new()),
    }
}

fn apply(object: &mut Value, edits: &[Edit]) {
    let operation = |edit: &Edit| {
        let path = PointerBuf::from_tokens(edit.path.iter().map(AsRef::<str>::as_ref));
        PatchOperation::Add(AddOperation {
            path,
            value: edit.value.clone(),
        })
    };
    let patch = Patch(edits.iter().map(operation).collect());
    json_patch::patch(object, &patch).expect("the patch fits the object");
}

fn policies() -> impl Strategy<Value = Policy> {
    let toleration = (prop::sample::select(vec!["cmk", "a", "b"]), 0..4_usize).prop_map(|(key, form)| {
        let mut fields = match form {
            0 => json!({"operator": "Exists"}),
            1 => json!({"value": "true"}),
            2 => json!({"operator": "Exists", "effect": "NoSchedule"}),
            _ => json!({"operator": "Equal", "value": "x", "effect": "NoExecute", "tolerationSeconds": 3}),
        };
        fields["key"] = key.into();
        fields
    });
    prop::collection::vec(toleration, 0..4).prop_map(|tolerations| {
        let file = json!({
            "apiVersion": names::POLICY_API_VERSION,
            "kind": names::POLICY_KIND,
            "tolerations": tolerations,
        });
        Policy::from_yaml(&file.to_string()).expect("the policy is valid")
    })
}

/// Any JSON, with the names that we read being likely.
fn junk() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z~/.\"\\\\é]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let name = prop_oneof![
            prop::sample::select(vec![
                "key",
                "spec",
                "template",
                "metadata",
                "tolerations",
                "labels"
            ])
            .prop_map(str::to_owned),
            "[a-z~/.]{1,5}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn tolerations() -> impl Strategy<Value = Value> {
    let one = (
        prop::sample::select(vec!["cmk", "a", ""]),
        prop::sample::select(vec!["Exists", "Equal", ""]),
        junk(),
    )
        .prop_map(
            |(key, operator, future)| json!({"key": key, "operator": operator, "future": future}),
        );
    prop_oneof![
        Just(Value::Null),
        prop::collection::vec(one, 0..4).prop_map(Value::from),
    ]
}

/// A spec that pods are made of, with fields from the future.
fn placement() -> impl Strategy<Value = Value> {
    (tolerations(), junk(), any::<bool>()).prop_map(|(tolerations, future, absent)| {
        let mut spec = json!({"future": future, "domain": {"x": [1, 2]}});
        if !absent {
            spec["tolerations"] = tolerations;
        }
        spec
    })
}

fn metadata() -> impl Strategy<Value = Value> {
    let annotations = prop_oneof![
        Just(json!(null)),
        Just(json!({})),
        Just(json!({"a": "b", "vmberth.io/injected": "what somebody wrote"})),
    ];
    (annotations, junk()).prop_map(|(annotations, future)| {
        json!({
            "annotations": annotations,
            "future": future,
            "labels": {"kubevirt.io": "virt-launcher", "é/~": "x"},
        })
    })
}

/// Metadata of a template, which may lack anything.
fn template_metadata() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        junk().prop_map(|future| json!({ "future": future })),
        Just(json!({"labels": null})),
        Just(json!({"labels": {"a": "b"}})),
    ]
}

fn objects() -> impl Strategy<Value = (Kind, Value)> {
    (
        prop::sample::select(KINDS.to_vec()),
        metadata(),
        placement(),
        template_metadata(),
    )
        .prop_map(|(kind, metadata, placement, of_template)| {
            let template = json!({"metadata": of_template, "spec": placement});
            let spec = match kind {
                Kind::Pod | Kind::VirtualMachineInstance | Kind::Other => placement,
                Kind::VirtualMachine | Kind::ReplicaSet => {
                    json!({"running": true, "template": template})
                }
                Kind::Pool => json!({"virtualMachineTemplate": {"spec": {"template": template}}}),
            };
            (
                kind,
                json!({"metadata": metadata, "spec": spec, "status": {"future": [null]}}),
            )
        })
}

/// Takes away what was added, so that the rest can be compared.
fn undo(object: &mut Value, before: &Value, edits: &[Edit]) {
    for edit in edits.iter().rev() {
        let appended = edit.path.last().is_some_and(|last| last == "-");
        let steps: Vec<_> = edit.path.iter().filter(|step| *step != "-").collect();
        let pointer =
            PointerBuf::from_tokens(steps.into_iter().map(AsRef::<str>::as_ref)).to_string();
        if appended {
            object
                .pointer_mut(&pointer)
                .and_then(Value::as_array_mut)
                .map(Vec::pop);
        } else {
            let (parent, name) = edit.path.split_at(edit.path.len() - 1);
            let parent =
                PointerBuf::from_tokens(parent.iter().map(AsRef::<str>::as_ref)).to_string();
            let fields = object
                .pointer_mut(&parent)
                .and_then(Value::as_object_mut)
                .unwrap();
            match before.pointer(&pointer) {
                Some(old) => fields.insert(name[0].to_string(), old.clone()),
                None => fields.remove(name[0].as_ref()),
            };
        }
    }
}

proptest! {
    #[test]
    fn second_run_makes_no_edit((kind, mut object) in objects(), policy in policies(), update in any::<bool>()) {
        let operation = if update { Operation::Update } else { Operation::Create };
        let first = edits(kind, operation, &object, &policy).unwrap();
        apply(&mut object, &first);
        prop_assert_eq!(edits(kind, operation, &object, &policy), Some(Vec::new()));
    }

    #[test]
    fn nothing_is_lost_and_order_is_kept((kind, before) in objects(), policy in policies()) {
        let edits = edits(kind, Operation::Create, &before, &policy).unwrap();
        let mut after = before.clone();
        apply(&mut after, &edits);
        undo(&mut after, &before, &edits);
        prop_assert_eq!(after.to_string(), before.to_string());
    }

    #[test]
    fn opt_out_reaches_the_pods_and_nothing_else_is_changed((kind, mut object) in objects(), policy in policies(), update in any::<bool>()) {
        object["metadata"]["labels"]["vmberth.io/inject"] = "false".into();
        let operation = if update { Operation::Update } else { Operation::Create };
        let first = edits(kind, operation, &object, &policy).unwrap();
        let before = object.clone();
        apply(&mut object, &first);
        prop_assert_eq!(edits(kind, operation, &object, &policy), Some(Vec::new()));
        let metadata = match kind {
            Kind::Pod | Kind::VirtualMachineInstance | Kind::Other => "/metadata",
            Kind::VirtualMachine | Kind::ReplicaSet => "/spec/template/metadata",
            Kind::Pool => "/spec/virtualMachineTemplate/spec/template/metadata",
        };
        prop_assert_eq!(&object.pointer(metadata).unwrap()["labels"]["vmberth.io/inject"], "false");
        undo(&mut object, &before, &first);
        prop_assert_eq!(object.to_string(), before.to_string());
    }

    #[test]
    fn every_toleration_of_the_policy_is_there_afterwards((kind, mut object) in objects(), policy in policies()) {
        prop_assume!(kind != Kind::Other);
        let edits = edits(kind, Operation::Create, &object, &policy).unwrap();
        apply(&mut object, &edits);
        let path = match kind {
            Kind::Pod | Kind::VirtualMachineInstance | Kind::Other => "/spec/tolerations",
            Kind::VirtualMachine | Kind::ReplicaSet => "/spec/template/spec/tolerations",
            Kind::Pool => "/spec/virtualMachineTemplate/spec/template/spec/tolerations",
        };
        let there = object.pointer(path).cloned().unwrap_or_default().to_string();
        let there: Option<Vec<vmberth_decide::view::Toleration<'_>>> = serde_json::from_str(&there).unwrap();
        for wanted in &policy.tolerations {
            prop_assert!(there.iter().flatten().any(|toleration| wanted.covered_by(toleration)));
        }
    }

    #[test]
    fn no_object_panics_and_every_patch_applies(kind in prop::sample::select(KINDS.to_vec()), mut object in junk(), policy in policies()) {
        if let Some(edits) = edits(kind, Operation::Create, &object, &policy) {
            apply(&mut object, &edits);
        }
    }
}

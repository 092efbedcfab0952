//! Objects of every kind.

use proptest::prelude::*;
use serde_json::{Value, json};
use vmberth_decide::subject::Kind;

use super::guests::{instance_spec, metadata};
use super::json::{Part, junk, object, one_of, only};
use super::{pods, storage};

/// Every kind.
pub const KINDS: [Kind; 9] = [
    Kind::Pod,
    Kind::VirtualMachine,
    Kind::VirtualMachineInstance,
    Kind::ReplicaSet,
    Kind::Pool,
    Kind::DataVolume,
    Kind::Claim,
    Kind::DaemonSet,
    Kind::Other,
];

/// The kinds that describe a guest.
pub const GUESTS: [Kind; 4] = [
    Kind::VirtualMachine,
    Kind::VirtualMachineInstance,
    Kind::ReplicaSet,
    Kind::Pool,
];

/// An object of any kind.
pub fn objects() -> impl Strategy<Value = (Kind, Value)> {
    of_kinds(&KINDS)
}

/// An object that describes a guest.
pub fn guests() -> impl Strategy<Value = (Kind, Value)> {
    of_kinds(&GUESTS)
}

/// An object of one of these kinds.
pub fn of_kinds(kinds: &'static [Kind]) -> impl Strategy<Value = (Kind, Value)> {
    prop::sample::select(kinds).prop_flat_map(|kind| (Just(kind), of(kind)))
}

fn of(kind: Kind) -> Part {
    match kind {
        Kind::Pod => pods::pod(),
        Kind::VirtualMachineInstance => owned(template()),
        Kind::VirtualMachine | Kind::ReplicaSet => machine(),
        Kind::Pool => {
            let spec = object(vec![("virtualMachineTemplate", machine())], vec![]);
            object(
                vec![("spec", spec)],
                vec![("metadata", metadata()), ("status", junk())],
            )
        }
        Kind::DataVolume => storage::data_volume(),
        Kind::Claim => storage::claim(),
        Kind::DaemonSet => pods::daemon_set(),
        Kind::Other => object(vec![("spec", junk())], vec![("metadata", junk())]),
    }
}

/// Where the spec of the guest stands in an object of this kind.
pub fn spec_of(kind: Kind) -> &'static str {
    match kind {
        Kind::VirtualMachine | Kind::ReplicaSet => "/spec/template/spec",
        Kind::Pool => "/spec/virtualMachineTemplate/spec/template/spec",
        _ => "/spec",
    }
}

/// An instance, bare or as a template.
fn template() -> Part {
    object(
        vec![("spec", instance_spec())],
        vec![("metadata", metadata()), ("status", junk())],
    )
}

fn machine() -> Part {
    let spec = object(
        vec![("template", template())],
        vec![
            ("running", any::<bool>().prop_map(Value::from).boxed()),
            ("runStrategy", one_of(&["Always", "Halted"])),
            ("instancetype", only(json!({"name": "u1.large"}))),
            ("dataVolumeTemplates", storage::templates()),
        ],
    );
    object(
        vec![("spec", spec)],
        vec![("metadata", metadata()), ("status", junk())],
    )
}

/// An instance that somebody may own.
fn owned(instance: Part) -> Part {
    let owner = prop::sample::select(vec![
        Value::Null,
        Value::Null,
        json!([{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "name": "vm", "controller": true}]),
        json!([{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceReplicaSet", "controller": true}]),
    ]);
    (instance, owner)
        .prop_map(|(mut instance, owner)| {
            if let Some(metadata) = instance.get_mut("metadata").filter(|own| own.is_object()) {
                metadata["ownerReferences"] = owner;
            }
            instance
        })
        .boxed()
}

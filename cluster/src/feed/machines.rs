//! What is kept of VMs and their instances.

use kube::ResourceExt;
use kube::api::DynamicObject;
use serde::Deserialize;
use vmberth_decide::guest::Guest;
use vmberth_decide::view::Fields;
use vmberth_decide::view::placed::{Instance, Machine};

use super::unreadable;

pub(super) fn machine(object: &DynamicObject) -> Option<Box<Guest>> {
    let machine = Fields::<Machine<'_>>::deserialize(&object.data)
        .inspect_err(|error| unreadable(super::MACHINES, object, error))
        .ok()?;
    let mut guest = Guest::of_machine(&machine.0, &object.namespace().unwrap_or_default());
    guest.wants_to_run &= object.metadata.deletion_timestamp.is_none();
    Some(Box::new(guest))
}

pub(super) fn instance(object: &DynamicObject) -> Option<Box<Guest>> {
    let instance = Fields::<Instance<'_>>::deserialize(&object.data)
        .inspect_err(|error| unreadable(super::INSTANCES, object, error))
        .ok()?;
    let phase = object.data.pointer("/status/phase");
    let phase = phase.and_then(serde_json::Value::as_str);
    let ended = matches!(phase, Some("Succeeded" | "Failed"))
        || object.metadata.deletion_timestamp.is_some();
    let namespace = object.namespace().unwrap_or_default();
    let mut guest = Guest::of_instance(&instance.0, &namespace, ended);
    let frequency = object.data.pointer("/status/topologyHints/tscFrequency");
    if let Some(frequency) = frequency.and_then(serde_json::Value::as_u64) {
        guest.placing.clock(frequency);
    }
    Some(Box::new(guest))
}

//! What each injection promises, for every guest, pod and volume.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod common;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use vmberth_decide::edit::Why;
use vmberth_decide::policy::BindingMode;
use vmberth_decide::quantity::parse_bytes;
use vmberth_decide::subject::Kind;
use vmberth_decide::view;

use common::json::{one_of, only};
use common::objects::{guests, of_kinds, spec_of};
use common::policies::worlds;
use common::{Cluster, applied, pods, storage};

/// A quantity of JSON as text, as we read it.
fn bytes(value: &Value) -> Option<u64> {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    parse_bytes(&text).ok().filter(|bytes| *bytes > 0)
}

const MEMORY: [&str; 4] = [
    "/domain/memory/guest",
    "/domain/memory/maxGuest",
    "/domain/resources/requests/memory",
    "/domain/resources/limits/memory",
];

/// Makes the object an ordinary one of its user: with a name, opted in, owned by nobody.
fn plain_metadata(object: &mut Value, kind: Kind, annotations: &Value) {
    for template in [
        "/spec/template",
        "/spec/virtualMachineTemplate",
        "/spec/virtualMachineTemplate/spec/template",
    ] {
        if let Some(template) = object.pointer_mut(template).and_then(Value::as_object_mut) {
            template.remove("metadata");
        }
    }
    object["metadata"] = json!({"name": "vm"});
    // Of a replica set and a pool only the template's metadata is inherited.
    let inner = match kind {
        Kind::ReplicaSet | Kind::Pool => spec_of(kind).trim_end_matches("/spec"),
        Kind::Pod
        | Kind::VirtualMachine
        | Kind::VirtualMachineInstance
        | Kind::DataVolume
        | Kind::Claim
        | Kind::DaemonSet
        | Kind::Other => "",
    };
    if let Some(inner) = object.pointer_mut(inner) {
        inner["metadata"]["annotations"] = annotations.clone();
    }
}

proptest! {
    #[test]
    fn every_toleration_of_the_policy_is_there_afterwards((kind, mut object) in guests(), world in worlds()) {
        plain_metadata(&mut object, kind, &json!({}));
        if let Some(after) = world.admitted(kind, &object) {
            let there = after.pointer(spec_of(kind)).unwrap()["tolerations"].to_string();
            let there: Option<Vec<view::Toleration<'_>>> = serde_json::from_str(&there).unwrap();
            for wanted in &world.policy.tolerations {
                prop_assert!(there.iter().flatten().any(|toleration| wanted.covered_by(toleration)));
            }
        }
    }

    #[test]
    fn pages_hold_all_memory_and_none_is_lost((kind, mut object) in guests(), page in one_of(&["2Mi", "1Gi"]), world in worlds()) {
        plain_metadata(&mut object, kind, &json!({"vmberth.io/hugepages": page}));
        let before = object.pointer(spec_of(kind)).unwrap().clone();
        let own = before.pointer("/domain/memory/hugepages").is_some_and(|own| !own.is_null());
        let Some(after) = world.admitted(kind, &object) else { return Ok(()) };
        let after = after.pointer(spec_of(kind)).unwrap();
        let size = &after["domain"]["memory"]["hugepages"]["pageSize"];
        if own || *size != page {
            return Ok(());
        }
        let size = bytes(size).unwrap();
        for path in MEMORY {
            let (before, after) = (before.pointer(path).and_then(bytes), after.pointer(path).and_then(bytes));
            prop_assert_eq!(before.is_some(), after.is_some(), "{}", path);
            if let (Some(before), Some(after)) = (before, after) {
                prop_assert!(after >= before && after - before < size && after % size == 0, "{path}: {before} {after}");
            }
        }
    }

    #[test]
    fn functions_are_as_many_as_wanted_and_pairs_are_whole((kind, mut object) in guests(), count in 0..4_u8, world in worlds()) {
        plain_metadata(&mut object, kind, &json!({"vmberth.io/vfs": format!("fast={count}")}));
        let edits = world.edits(kind, &object);
        let after = applied(&object, &edits);
        let spec = after.pointer(spec_of(kind)).unwrap();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let (interfaces, networks) = (list(&spec["domain"]["devices"]["interfaces"]), list(&spec["networks"]));
        let network_of = |interface: &Value| {
            let named: Vec<_> = networks.iter().filter(|network| network["name"] == interface["name"]).collect();
            named.first().and_then(|network| network["multus"]["networkName"].as_str()).unwrap_or_default().to_owned()
        };
        let functions = interfaces.iter().filter(|interface| !interface["sriov"].is_null());
        let of_fast = functions.filter(|interface| matches!(&*network_of(interface), "fast" | "edge/fast")).count();
        if world.decide(kind, &object, None).unwrap().is_ok() && spec["domain"].is_object() {
            prop_assert!(of_fast >= usize::from(count), "{spec}");
        }
        for edit in edits.iter().filter(|edit| matches!(edit.why, Why::Annotation("vmberth.io/vfs"))) {
            // The first of a list makes the list.
            let added = edit.value.get(0).unwrap_or(&edit.value);
            let same = |list: &[Value]| list.iter().filter(|other| other["name"] == added["name"]).count();
            prop_assert_eq!((same(&interfaces), same(&networks)), (1, 1), "{}", added);
        }
    }

    #[test]
    fn addresses_stand_in_the_network_data_with_a_mac((kind, mut object) in of_kinds(&[Kind::VirtualMachine, Kind::VirtualMachineInstance]), world in worlds()) {
        let wish = json!({"vmberth.io/addresses": "vf0=192.168.20.5/24", "vmberth.io/vfs": "fast=1"});
        plain_metadata(&mut object, kind, &wish);
        let Some(after) = world.admitted(kind, &object) else { return Ok(()) };
        let spec = after.pointer(spec_of(kind)).unwrap();
        let data = |volume: &Value| {
            let of = |field: &str| volume[field]["networkData"].as_str().unwrap_or_default().to_owned();
            of("cloudInitNoCloud") + &of("cloudInitConfigDrive")
        };
        let data: String = spec["volumes"].as_array().unwrap().iter().map(data).collect();
        prop_assert!(data.contains("192.168.20.5/24"), "{data}");
        let macs: Vec<_> = data.lines().filter_map(|line| line.trim().strip_prefix("match: {macaddress: ")).collect();
        prop_assert!(!macs.is_empty() && macs.iter().all(|mac| mac.len() == r#""02:00:00:00:00:01"}"#.len()), "{data}");
        let interfaces = spec["domain"]["devices"]["interfaces"].as_array().unwrap();
        prop_assert!(interfaces.iter().any(|one| one["name"] == "vf0" && one["macAddress"].as_str().is_some_and(|mac| !mac.is_empty())));
    }

    #[test]
    fn secret_with_keys_is_named_once((kind, mut object) in guests(), world in worlds()) {
        plain_metadata(&mut object, kind, &json!({"vmberth.io/ssh-keys": "my-keys"}));
        let before = object.pointer(spec_of(kind)).unwrap()["accessCredentials"].to_string();
        let Some(after) = world.admitted(kind, &object) else { return Ok(()) };
        let after = after.pointer(spec_of(kind)).unwrap()["accessCredentials"].to_string();
        let count = |text: &str| text.matches("\"secretName\":\"my-keys\"").count();
        prop_assert_eq!(count(&after), count(&before).max(1), "{}", after);
    }

    /// Whatever KubeVirt or another webhook has put there already, and in whichever container.
    #[test]
    fn launcher_asks_for_as_many_functions_as_it_has_networks(
        mut pod in pods::pod(),
        networks in prop::collection::vec(prop::sample::select(vec!["fast", "default/sriov-openness-vm", "slow", "plain"]), 0..4),
        mut world in worlds(),
    ) {
        world.cluster = Cluster::Watched;
        pod["metadata"] = json!({
            "labels": {"kubevirt.io": "virt-launcher"},
            "annotations": {"k8s.v1.cni.cncf.io/networks": networks.join(",")},
        });
        let after = world.admitted(Kind::Pod, &pod).unwrap();
        let containers = after["spec"]["containers"].as_array().cloned().unwrap_or_default();
        let Some(compute) = containers.iter().find(|container| container["name"] == "compute") else { return Ok(()) };
        let mut wanted: BTreeMap<&str, u64> = BTreeMap::new();
        for network in networks {
            match network {
                "plain" => {}
                "slow" => *wanted.entry("intel.com/slow").or_default() += 1,
                _ => *wanted.entry(common::VFS).or_default() += 1,
            }
        }
        for (resource, wanted) in wanted {
            let amount = |container: &Value, list: &str| {
                let amount = &container["resources"][list][resource];
                let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
                text.parse::<u64>().unwrap_or(0)
            };
            prop_assert_eq!(amount(compute, "requests"), amount(compute, "limits"), "{}", compute);
            let all = |container: &Value| amount(container, "requests").max(amount(container, "limits"));
            let sum: u64 = containers.iter().map(all).sum();
            prop_assert!(sum >= wanted, "{sum} {wanted} {after}");
        }
    }

    #[test]
    fn volume_of_a_managed_class_says_all_that_cdi_would_guess(spec in storage::data_volume_spec(), world in worlds()) {
        let object = json!({"metadata": {"name": "root"}, "spec": spec});
        let after = world.admitted(Kind::DataVolume, &object).unwrap();
        let storage = &after["spec"]["storage"];
        let class = storage["storageClassName"].as_str().and_then(|name| world.policy.managed(name));
        let (Some(class), true) = (class, after["spec"]["pvc"].is_null()) else { return Ok(()) };
        prop_assert!(storage["accessModes"].as_array().is_some_and(|modes| !modes.is_empty()));
        prop_assert!(storage["volumeMode"].as_str().is_some_and(|mode| !mode.is_empty()));
        let size = |object: &Value| object.pointer("/spec/storage/resources/requests/storage").and_then(bytes);
        let (Some(before), Some(after)) = (size(&object), size(&after)) else { return Ok(()) };
        if class.fit_overhead && storage["volumeMode"] == "Filesystem" && before >= 64 << 30 {
            let needed = u128::from(after) * (1_000_000 + u128::from(class.overhead_millionths)) / 1_000_000;
            prop_assert!(needed <= u128::from(before), "{before} {after}");
        } else {
            prop_assert!(after <= before);
        }
    }

    /// `virtctl image-upload` waits for the claim, whose first consumer comes only after it.
    #[test]
    fn claim_that_waits_for_an_upload_is_bound_at_once(spec in storage::claim_spec(), world in worlds()) {
        let target = json!({"cdi.kubevirt.io/storage.upload.target": ""});
        let object = json!({"metadata": {"name": "root", "annotations": target}, "spec": spec});
        let after = world.admitted(Kind::Claim, &object).unwrap();
        let class = spec["storageClassName"].as_str().and_then(|name| world.policy.managed(name));
        let waits = class.is_some_and(|class| class.binding_mode == BindingMode::WaitForFirstConsumer);
        let bound = &after["metadata"]["annotations"]["cdi.kubevirt.io/storage.bind.immediate.requested"];
        prop_assert_eq!(bound == "true", waits);
        prop_assert_eq!(&after["spec"], &spec);
    }

    #[test]
    fn scheduler_of_the_user_stays((kind, mut object) in guests(), name in one_of(&["of-the-user", "default-scheduler"]), world in worlds()) {
        plain_metadata(&mut object, kind, &json!({}));
        object.pointer_mut(spec_of(kind)).unwrap()["schedulerName"] = name.clone();
        if let Some(after) = world.admitted(kind, &object) {
            prop_assert_eq!(&after.pointer(spec_of(kind)).unwrap()["schedulerName"], &name);
        }
    }

    #[test]
    fn daemon_set_that_asked_tolerates_in_its_template(mut set in pods::daemon_set(), label in only(json!("true")), world in worlds()) {
        set["metadata"]["labels"] = json!({"vmberth.io/inject": label});
        let after = world.admitted(Kind::DaemonSet, &set).unwrap();
        let there = after["spec"]["template"]["spec"]["tolerations"].to_string();
        let there: Option<Vec<view::Toleration<'_>>> = serde_json::from_str(&there).unwrap();
        for wanted in &world.policy.tolerations {
            prop_assert!(there.iter().flatten().any(|toleration| wanted.covered_by(toleration)));
        }
    }
}

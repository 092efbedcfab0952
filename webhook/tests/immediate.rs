//! Claims that bind before there is a pod: the node that is chosen when a VM, a DataVolume or a claim is made.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod common;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use prometheus::Registry;
use rstest::rstest;
use serde_json::{Value, json};
use tower::ServiceExt;
use vmberth_cluster::feed::RESOURCES;
use vmberth_decide::event::{Class, Event, Network, Node, Volume};
use vmberth_decide::inventory::{NodeInventoryStatus, VfPool};
use vmberth_decide::names;
use vmberth_decide::policy::Policy;
use vmberth_serve::body::BodyBudget;
use vmberth_webhook::http::app;
use vmberth_webhook::placement::Placement;

const POLICY: &str = "\
apiVersion: vmberth.io/v1alpha1
kind: Policy
infeasible: deny
vfPools: [{resource: intel.com/intel_sriov_vm, network: net}]
storageClasses:
  - {name: at-once, bindingMode: Immediate, default: true, fitOverhead: true}
";

/// `edge-1` has functions, `edge-2` has none; each has two volumes.
fn cluster() -> Arc<Placement> {
    let placement = Placement::default();
    let resource = Some("intel.com/intel_sriov_vm".into());
    let network = ("edge".into(), "net".into());
    placement.tell(Event::Network(network, Some(Network { resource })));
    placement.tell(Event::Class(
        "at-once".into(),
        Some(Class { is_static: true }),
    ));
    placement.tell(Event::Policy(Arc::new(Policy::from_yaml(POLICY).unwrap())));
    for (node, functions) in [("edge-1", 2), ("edge-2", 0)] {
        let labels = [(names::SCHEDULABLE_LABEL.to_owned(), "true".to_owned())];
        let known = Node {
            hostname: node.into(),
            labels: Arc::new(labels.into()),
            ..Node::default()
        };
        let status = NodeInventoryStatus {
            vf_pools: vec![VfPool {
                resource: "intel.com/intel_sriov_vm".to_owned(),
                discovered: functions,
                free: functions,
                ..VfPool::default()
            }],
            ..NodeInventoryStatus::default()
        };
        placement.tell(Event::Node(node.into(), Some(known)));
        placement.tell(Event::Inventory(node.into(), Some(Box::new(status))));
        for number in 0..2 {
            let label = (names::NODE_LABEL.to_owned(), node.to_owned());
            let volume = Volume {
                class: "at-once".into(),
                bytes: 16 << 30,
                access: vmberth_decide::fit::volumes::AccessModes::of(["ReadWriteOnce"]),
                labels: Arc::new([label].into()),
                hostnames: [node.into()].into(),
                is_free: true,
                ..Volume::default()
            };
            let name = format!("{node}-{number}").into();
            placement.tell(Event::Volume(name, Some(volume)));
        }
    }
    for resource in RESOURCES {
        placement.complete(resource);
    }
    Arc::new(placement)
}

/// A VM that asks for a function by annotation and for the class by saying none: both are known only after our own edits.
fn vm(functions: u8) -> Value {
    let spec = json!({"source": {"blank": {}}, "storage": {"resources": {"requests": {"storage": "15Gi"}}}});
    let template = |name: &str| json!({"metadata": {"name": name}, "spec": spec});
    let volume = |name: &str| json!({"name": name, "dataVolume": {"name": name}});
    json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "metadata": {"name": "vm", "namespace": "edge"},
        "spec": {"runStrategy": "Always", "dataVolumeTemplates": [template("a"), template("b")], "template": {
            "metadata": {"annotations": {"vmberth.io/vfs": functions.to_string()}},
            "spec": {"domain": {"devices": {}}, "volumes": [volume("a"), volume("b")]},
        }},
    })
}

fn data_volume() -> Value {
    json!({
        "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume",
        "metadata": {"name": "disk", "namespace": "edge"},
        "spec": {"source": {"blank": {}}, "storage": {"resources": {"requests": {"storage": "16Gi"}}}},
    })
}

fn review(object: &Value) -> Value {
    let (group, version) = object["apiVersion"]
        .as_str()
        .unwrap()
        .split_once('/')
        .unwrap_or(("", "v1"));
    let kind = json!({"group": group, "version": version, "kind": object["kind"]});
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {"uid": "u", "kind": kind, "operation": "CREATE", "namespace": "edge",
            "name": object["metadata"]["name"], "object": object},
    })
}

async fn ask(placement: Option<Arc<Placement>>, review: &Value) -> Value {
    let mut state = common::state(BodyBudget::new(4 << 20, 8 << 20), &Registry::new());
    state.policy = Arc::new(ArcSwap::from_pointee(Policy::from_yaml(POLICY).unwrap()));
    state.placement = placement;
    let request = Request::post("/mutate").header("content-type", "application/json");
    let request = request.body(Body::from(review.to_string())).unwrap();
    let response = app(state).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let answer = serde_json::from_slice(&common::bytes(response).await).unwrap();
    common::readable(answer)
}

/// The object as it is stored, and what was said of classes that bind at once.
fn stored(object: &Value, answer: &Value) -> (Value, String) {
    assert_eq!(answer["allowed"], true, "{answer}");
    let mut object = object.clone();
    if let Some(patch) = answer.get("patch") {
        let patch: json_patch::Patch = serde_json::from_value(patch.clone()).unwrap();
        json_patch::patch(&mut object, &patch).unwrap();
    }
    let warnings = answer["warnings"].as_array().cloned().unwrap_or_default();
    let texts = warnings.iter().map(|it| it.as_str().unwrap().to_owned());
    let said: Vec<String> = texts.filter(|it| it.contains("bind at once")).collect();
    (object, said.join("\n"))
}

fn given(node: &str) -> Value {
    json!({"matchLabels": {"vmberth.io/node": node}})
}

#[tokio::test]
async fn disks_of_a_new_vm() {
    let placement = cluster();
    let answer = ask(Some(Arc::clone(&placement)), &review(&vm(1))).await;
    let (after, said) = stored(&vm(1), &answer);
    for at in 0..2 {
        let spec = &after["spec"]["dataVolumeTemplates"][at]["spec"]["storage"];
        assert_eq!(spec["selector"], given("edge-1"), "{after}");
        assert_eq!(spec["storageClassName"], "at-once");
    }
    assert_eq!(
        said,
        "spec.dataVolumeTemplates: claims of class at-once bind at once: chosen node edge-1, \
         since it is the best of 1 (of 2) that can hold VM vm"
    );
    let record = after["metadata"]["annotations"]["vmberth.io/injected"]
        .as_str()
        .unwrap();
    let entry =
        "spec.dataVolumeTemplates[1].spec.storage.selector=vmberth.io/node=edge-1 (class at-once)";
    assert!(
        record.contains(entry) && record.contains("sriov"),
        "{record}"
    );
    // The API server asks once more.
    let again = ask(Some(placement), &review(&after)).await;
    assert!(again.get("patch").is_none(), "{again}");
    assert_eq!(stored(&after, &again), (after, String::new()));
}

#[tokio::test]
async fn data_volume_of_nobody() {
    let answer = ask(Some(cluster()), &review(&data_volume())).await;
    let (after, said) = stored(&data_volume(), &answer);
    let spec = &after["spec"]["storage"];
    assert!(
        ["edge-1", "edge-2"]
            .iter()
            .any(|node| spec["selector"] == given(node)),
        "{after}"
    );
    // With the size that was made smaller, so that the claim has 16 GiB again.
    assert_eq!(spec["resources"]["requests"]["storage"], "15456Mi");
    assert!(
        said.ends_with("since it is the best of 2 (of 2) that have a volume for it"),
        "{said}"
    );
}

#[rstest]
#[case::selector("selector", json!({"matchLabels": {"disk": "fast"}}))]
#[case::volume("volumeName", json!("edge-2-0"))]
#[tokio::test]
async fn what_a_person_wrote_stays(#[case] field: &str, #[case] value: Value) {
    let mut volume = data_volume();
    volume["spec"]["storage"]["storageClassName"] = "at-once".into();
    volume["spec"]["storage"][field] = value.clone();
    let answer = ask(Some(cluster()), &review(&volume)).await;
    let (after, said) = stored(&volume, &answer);
    assert_eq!(after["spec"]["storage"][field], value);
    assert_eq!(said, "");
}

#[rstest]
#[case::not_watched(None, "")]
#[case::nothing_listed(Some(Arc::default()), "does not know the whole cluster yet")]
#[tokio::test]
async fn who_does_not_know_chooses_nothing(
    #[case] placement: Option<Arc<Placement>>,
    #[case] expected: &str,
) {
    let answer = ask(placement, &review(&data_volume())).await;
    let (after, said) = stored(&data_volume(), &answer);
    assert!(
        after["spec"]["storage"].get("selector").is_none(),
        "{after}"
    );
    assert_eq!(said.is_empty(), expected.is_empty());
    assert!(said.contains(expected), "{said}");
}

#[tokio::test]
async fn vm_that_fits_nowhere_is_refused_as_ever() {
    let answer = ask(Some(cluster()), &review(&vm(3))).await;
    assert_eq!(answer["allowed"], false, "{answer}");
    let message = answer["status"]["message"].as_str().unwrap();
    assert!(
        message.contains("no node could ever hold this VM"),
        "{message}"
    );
}

#[tokio::test]
async fn opted_out() {
    let mut volume = data_volume();
    volume["spec"]["storage"]["storageClassName"] = "at-once".into();
    volume["metadata"]["labels"] = json!({"vmberth.io/inject": "false"});
    let answer = ask(Some(cluster()), &review(&volume)).await;
    assert_eq!(stored(&volume, &answer), (volume, String::new()));
}

/// CDI's scratch space, of a target that was given a node and has no volume yet.
#[tokio::test]
async fn scratch_space() {
    let placement = cluster();
    let label = (names::NODE_LABEL.to_owned(), "edge-2".to_owned());
    let target = vmberth_decide::event::Claim {
        class: "at-once".into(),
        selector: Some(vmberth_decide::profile::Selector {
            match_labels: [label].into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    placement.tell(Event::Claim(("edge".into(), "disk".into()), Some(target)));
    let scratch = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "disk-scratch", "namespace": "edge", "labels": {"app": "containerized-data-importer"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "importer-disk", "uid": "p", "controller": true}]},
        "spec": {"storageClassName": "at-once", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Gi"}}},
    });
    let answer = ask(Some(placement), &review(&scratch)).await;
    let (after, said) = stored(&scratch, &answer);
    assert_eq!(after["spec"]["selector"], given("edge-2"));
    assert_eq!(said, "");
}

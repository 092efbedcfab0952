//! VMs that no node could ever hold: what is said when they come.
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
use vmberth_decide::event::{Claim, Class, Event, Network, Node, Volume};
use vmberth_decide::inventory::{NodeInventoryStatus, VfPool};
use vmberth_decide::names;
use vmberth_decide::policy::{OnInfeasible, Policy, VfPool as Pool};
use vmberth_serve::body::BodyBudget;
use vmberth_webhook::http::app;
use vmberth_webhook::placement::Placement;

const POOL: &str = "intel.com/intel_sriov_vm";

/// `edge-1` has two functions, `edge-2` none; each has a volume, and that of `edge-2` is of claim `root`.
fn cluster() -> Arc<Placement> {
    let placement = Placement::default();
    let resource = Some(POOL.into());
    let network = Event::Network(name("net"), Some(Network { resource }));
    let class = Event::Class("local-vd".into(), Some(Class { is_static: true }));
    for event in [network, class] {
        placement.tell(event);
    }
    for (node, functions) in [("edge-1", 2), ("edge-2", 0)] {
        let labels = [(names::SCHEDULABLE_LABEL.to_owned(), "true".to_owned())];
        let known = Node {
            hostname: node.into(),
            labels: Arc::new(labels.into()),
            ..Node::default()
        };
        let status = NodeInventoryStatus {
            vf_pools: vec![VfPool {
                resource: POOL.to_owned(),
                discovered: functions,
                free: functions,
                ..VfPool::default()
            }],
            ..NodeInventoryStatus::default()
        };
        let volume = Volume {
            class: "local-vd".into(),
            bytes: 16 << 30,
            hostnames: [node.into()].into(),
            is_free: node == "edge-1",
            claim: (node == "edge-2").then(|| name("root")),
            ..Volume::default()
        };
        placement.tell(Event::Node(node.into(), Some(known)));
        placement.tell(Event::Inventory(node.into(), Some(Box::new(status))));
        placement.tell(Event::Volume(format!("{node}-0").into(), Some(volume)));
    }
    let root = Claim {
        class: "local-vd".into(),
        bytes: 15 << 30,
        volume: Some("edge-2-0".into()),
        ..Claim::default()
    };
    placement.tell(Event::Claim(name("root"), Some(root)));
    for resource in RESOURCES {
        placement.complete(resource);
    }
    Arc::new(placement)
}

fn name(name: &str) -> (Arc<str>, Arc<str>) {
    ("edge".into(), name.into())
}

fn policy(infeasible: OnInfeasible) -> Policy {
    Policy {
        infeasible,
        vf_pools: vec![Pool {
            resource: POOL.to_owned(),
            network: "net".to_owned(),
        }],
        ..Policy::default()
    }
}

/// A VM that asks for so many functions by annotation: what it needs is known only after our own edits.
fn vm(functions: u8, claim: Option<&str>) -> Value {
    let volumes: Vec<Value> = claim
        .iter()
        .map(|claim| json!({"name": "disk", "persistentVolumeClaim": {"claimName": claim}}))
        .collect();
    let annotations = json!({"vmberth.io/vfs": functions.to_string()});
    json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "metadata": {"name": "vm", "namespace": "edge"},
        "spec": {"runStrategy": "Always", "template": {
            "metadata": {"annotations": annotations},
            "spec": {"domain": {"devices": {}}, "volumes": volumes},
        }},
    })
}

fn review(kind: &str, object: &Value, old: Option<&Value>) -> String {
    let operation = if old.is_some() { "UPDATE" } else { "CREATE" };
    let kind = json!({"group": "kubevirt.io", "version": "v1", "kind": kind});
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {"uid": "u", "kind": kind, "operation": operation, "namespace": "edge", "name": "vm",
            "object": object, "oldObject": old},
    })
    .to_string()
}

async fn ask(placement: Option<Arc<Placement>>, on: OnInfeasible, review: String) -> Value {
    let mut state = common::state(BodyBudget::new(4 << 20, 8 << 20), &Registry::new());
    state.policy = Arc::new(ArcSwap::from_pointee(policy(on)));
    state.placement = placement;
    let request = Request::post("/mutate").header("content-type", "application/json");
    let request = request.body(Body::from(review)).unwrap();
    let response = app(state).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let answer = serde_json::from_slice(&common::bytes(response).await).unwrap();
    common::readable(answer)
}

/// All warnings that speak of nodes.
fn warned(answer: &Value) -> String {
    let warnings = answer["warnings"].as_array().cloned().unwrap_or_default();
    let texts = warnings.iter().map(|it| it.as_str().unwrap().to_owned());
    texts
        .filter(|text| text.contains("could never run") || text.contains("could ever hold"))
        .collect::<Vec<_>>()
        .join("\n")
}

const NOWHERE: &str = "spec.template.spec: no node could ever hold this VM: will need 3 VFs intel.com/intel_sriov_vm: \
                       2 of 2 can be used (on edge-1, the closest)";

#[rstest]
#[case::warn(OnInfeasible::Warn, 3, NOWHERE)]
#[case::ignore(OnInfeasible::Ignore, 3, "")]
#[case::it_fits(OnInfeasible::Warn, 2, "")]
#[tokio::test]
async fn new_vm(#[case] on: OnInfeasible, #[case] functions: u8, #[case] expected: &str) {
    let review = review("VirtualMachine", &vm(functions, None), None);
    let answer = ask(Some(cluster()), on, review).await;
    assert_eq!(answer["allowed"], true);
    assert_eq!(warned(&answer), expected);
    // What is injected does not depend on it.
    assert!(answer["patch"].to_string().contains("sriov"), "{answer}");
}

#[tokio::test]
async fn new_vm_is_refused_if_the_policy_says_so() {
    let review = review("VirtualMachine", &vm(3, None), None);
    let answer = ask(Some(cluster()), OnInfeasible::Deny, review).await;
    assert_eq!(answer["allowed"], false);
    assert_eq!(answer["status"]["code"], 422);
    let message = answer["status"]["message"].as_str().unwrap();
    assert_eq!(message, format!("{NOWHERE} (policy infeasible: deny)"));
}

/// The seeds' order: the disk came first, and lies on the wrong node.
#[tokio::test]
async fn new_vm_whose_disk_lies_where_it_cannot_run() {
    let review = review("VirtualMachine", &vm(1, Some("root")), None);
    let answer = ask(Some(cluster()), OnInfeasible::Warn, review).await;
    let said = warned(&answer);
    assert!(
        said.contains("the VM's disk root can be used on edge-2 only"),
        "{said}"
    );
    assert!(
        said.contains("delete the claim root") && said.contains("like edge-1"),
        "{said}"
    );
}

#[tokio::test]
async fn instance_of_nobody() {
    let mut instance = vm(3, None)["spec"]["template"].clone();
    instance["metadata"]["name"] = "vm".into();
    let bare = review("VirtualMachineInstance", &instance, None);
    let answer = ask(Some(cluster()), OnInfeasible::Warn, bare).await;
    assert!(
        warned(&answer).starts_with("spec: no node could ever"),
        "{answer}"
    );
    // That of a VM was asked about as the VM.
    instance["metadata"]["ownerReferences"] = json!([{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "name": "vm", "uid": "u", "controller": true}]);
    let owned = review("VirtualMachineInstance", &instance, None);
    let answer = ask(Some(cluster()), OnInfeasible::Deny, owned).await;
    assert_eq!(answer["allowed"], true);
    assert_eq!(warned(&answer), "");
}

/// As stored: with the interfaces that were injected when it was made.
fn stored(functions: usize) -> Value {
    let mut vm = vm(0, None);
    let spec = &mut vm["spec"]["template"]["spec"];
    let of = |at: usize| json!({"name": format!("vf{at}"), "sriov": {}});
    let net = |at: usize| json!({"name": format!("vf{at}"), "multus": {"networkName": "net"}});
    spec["domain"]["devices"]["interfaces"] = (0..functions).map(of).collect();
    spec["networks"] = (0..functions).map(net).collect();
    vm["spec"]["template"]["metadata"] = json!({});
    vm
}

#[rstest]
#[case::more(3, 2, false)]
#[case::the_same(3, 3, true)]
#[case::less(2, 3, true)]
#[tokio::test]
async fn changed_vm(#[case] now: usize, #[case] before: usize, #[case] is_allowed: bool) {
    let (mut now, before) = (stored(now), stored(before));
    now["metadata"]["finalizers"] = json!(["x"]);
    let review = review("VirtualMachine", &now, Some(&before));
    let answer = ask(Some(cluster()), OnInfeasible::Deny, review).await;
    assert_eq!(answer["allowed"], is_allowed, "{answer}");
    assert_eq!(warned(&answer), "");
}

#[rstest]
#[case::not_watched(None)]
#[case::nothing_listed(Some(Arc::default()))]
#[tokio::test]
async fn who_does_not_know_says_nothing(#[case] placement: Option<Arc<Placement>>) {
    let review = review("VirtualMachine", &stored(3), None);
    let answer = ask(placement, OnInfeasible::Deny, review).await;
    assert_eq!(answer["allowed"], true);
    assert_eq!(warned(&answer), "");
}

#[rstest]
#[case::opted_out("labels", json!({"vmberth.io/inject": "false"}))]
#[case::too_large("annotations", json!({"x": "y".repeat(300 << 10)}))]
#[tokio::test]
async fn vm_of_which_nothing_is_said(#[case] field: &str, #[case] value: Value) {
    let mut vm = vm(3, None);
    vm["metadata"][field] = value;
    let review = review("VirtualMachine", &vm, None);
    let answer = ask(Some(cluster()), OnInfeasible::Deny, review).await;
    assert_eq!(answer["allowed"], true, "{answer}");
    assert_eq!(warned(&answer), "");
}

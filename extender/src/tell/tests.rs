use std::sync::{Arc, Mutex};

use axum::http::{Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use vmberth_decide::event::{Event as Told, Node};
use vmberth_decide::guest::Guest;
use vmberth_decide::inventory::{NodeInventoryStatus, VfPool};

use super::*;

const POOL: &str = "intel.com/intel_sriov_vm";

/// A node with so many functions, and VM `greedy` that asks for three.
fn cluster(functions: u32) -> RwLock<Index> {
    let index = RwLock::new(Index::default());
    let node = Node {
        hostname: "edge-1".into(),
        labels: Arc::new([(names::SCHEDULABLE_LABEL.to_owned(), "true".to_owned())].into()),
        ..Node::default()
    };
    tell(&index, Told::Node("edge-1".into(), Some(node)));
    has_functions(&index, functions);
    let requests = json!({"resources": {"requests": {POOL: "3"}}});
    let machine = json!({"spec": {"running": true, "template": {"spec": {"domain": requests}}}});
    let text = machine.to_string();
    let machine = serde_json::from_str(&text).unwrap();
    let guest = Box::new(Guest::of_machine(&machine, "edge"));
    tell(&index, Told::Machine(greedy(), Some(guest)));
    index
}

fn greedy() -> VmName {
    ("edge".into(), "greedy".into())
}

fn tell(index: &RwLock<Index>, event: Told) {
    index.write().unwrap().apply(event);
}

fn has_functions(index: &RwLock<Index>, functions: u32) {
    let status = NodeInventoryStatus {
        vf_pools: vec![VfPool {
            resource: POOL.to_owned(),
            discovered: functions,
            free: functions,
            ..VfPool::default()
        }],
        ..NodeInventoryStatus::default()
    };
    tell(
        index,
        Told::Inventory("edge-1".into(), Some(Box::new(status))),
    );
}

/// Names of those who are told of, and why.
async fn due(known: &mut Known, index: &RwLock<Index>, at: i64) -> Vec<String> {
    let due = known.look(index, Timestamp::from_second(at).unwrap()).await;
    let words = due.into_iter();
    words
        .map(|(vm, seen)| format!("{}: {}", vm.1, seen.why))
        .collect()
}

#[tokio::test]
async fn what_is_so_at_two_looks_is_told_once_an_hour() {
    let index = cluster(2);
    let mut known = Known::default();
    assert!(due(&mut known, &index, 0).await.is_empty());
    let words = due(&mut known, &index, 5).await;
    assert_eq!(
        words,
        [
            "greedy: no node could ever hold this VM: will need 3 VFs intel.com/intel_sriov_vm: 2 of 2 can be used (on edge-1, the closest)"
        ]
    );
    // Until somebody was told, it is tried again.
    assert_eq!(due(&mut known, &index, 10).await, words);
    known.told(&greedy(), Timestamp::from_second(10).unwrap());
    assert!(due(&mut known, &index, 15).await.is_empty());
    assert_eq!(due(&mut known, &index, 10 + 3_600).await, words);
    // Other words are told anew, and settle before that.
    known.told(&greedy(), Timestamp::from_second(3_610).unwrap());
    has_functions(&index, 1);
    assert!(due(&mut known, &index, 3_615).await.is_empty());
    assert!(due(&mut known, &index, 3_620).await[0].contains("1 of 1"));
    has_functions(&index, 3);
    assert!(due(&mut known, &index, 3_625).await.is_empty());
    assert!(known.vms.is_empty());
}

#[tokio::test]
async fn what_was_so_for_a_moment_is_not_told() {
    let index = cluster(3);
    let mut known = Known::default();
    for functions in [2, 3, 2, 3] {
        has_functions(&index, functions);
        assert!(due(&mut known, &index, 5).await.is_empty());
    }
}

#[tokio::test]
async fn storm_is_told_bit_by_bit() {
    let index = cluster(2);
    let machine = json!({"spec": {"running": true, "template": {"spec": {"domain": {
        "resources": {"requests": {POOL: "4"}}}}}}});
    let text = machine.to_string();
    for number in 0..BURST + 5 {
        let machine = serde_json::from_str(&text).unwrap();
        let guest = Box::new(Guest::of_machine(&machine, "edge"));
        let name = ("edge".into(), format!("vm-{number}").into());
        tell(&index, Told::Machine(name, Some(guest)));
    }
    let mut known = Known::default();
    assert!(due(&mut known, &index, 0).await.is_empty());
    let at = Timestamp::from_second(5).unwrap();
    let first = known.look(&index, at).await;
    assert_eq!(first.len(), BURST);
    for (vm, _) in &first {
        known.told(vm, at);
    }
    assert_eq!(due(&mut known, &index, 10).await.len(), 6);
}

type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// Answers a list with one VM, and a new Event with this status.
fn client(asked: &Asked, status: u16) -> Client {
    let asked = Arc::clone(asked);
    let answer = move |request: Request<Body>| {
        let asked = Arc::clone(&asked);
        async move {
            let what = format!("{} {}", request.method(), request.uri());
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            let (status, answer) = if what.starts_with("GET") {
                let vm = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
                    "metadata": {"name": "greedy", "uid": "u-1"}});
                let list = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
                    "metadata": {}, "items": [vm]});
                (200, list)
            } else if status == 201 {
                (201, serde_json::from_str(&body).unwrap())
            } else {
                let reason = if status == 409 {
                    "AlreadyExists"
                } else {
                    "Forbidden"
                };
                let failure = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure",
                    "code": status, "reason": reason, "message": "no", "metadata": {}});
                (status, failure)
            };
            asked.lock().unwrap().push((what, body));
            let response = Response::builder().status(status);
            let body = Body::from(answer.to_string().into_bytes());
            Ok::<_, std::convert::Infallible>(response.body(body).unwrap())
        }
    };
    Client::new(tower::service_fn(answer), "default")
}

#[rstest::rstest]
#[case::written(201, true)]
#[case::another_replica_was_first(409, true)]
#[case::refused(403, false)]
#[tokio::test]
async fn event_is_about_the_vm(#[case] status: u16, #[case] is_told: bool) {
    let asked = Asked::default();
    let mut teller = Teller::new(client(&asked, status));
    let index = cluster(2);
    for second in [0, 5, 10] {
        teller
            .round(&index, Timestamp::from_second(second).unwrap())
            .await;
    }
    let asked = asked.lock().unwrap().clone();
    // Once if it was told, else again.
    assert_eq!(asked.len(), if is_told { 2 } else { 4 }, "{asked:?}");
    assert_eq!(
        asked[0].0,
        "GET /apis/kubevirt.io/v1/namespaces/edge/virtualmachines?&fieldSelector=metadata.name%3Dgreedy"
    );
    assert!(
        asked[1]
            .0
            .starts_with("POST /apis/events.k8s.io/v1/namespaces/edge/events"),
        "{asked:?}"
    );
    let event: Value = serde_json::from_str(&asked[1].1).unwrap();
    assert_eq!(event["reason"], "NoNodeCanHoldVM");
    assert_eq!(event["type"], "Warning");
    assert_eq!(event["reportingController"], "vmberth-extender");
    let regarding = json!({"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "namespace": "edge", "name": "greedy", "uid": "u-1"});
    assert_eq!(event["regarding"], regarding);
    assert!(
        event["note"]
            .as_str()
            .unwrap()
            .contains("2 of 2 can be used")
    );
    assert_eq!(event["eventTime"], "1970-01-01T00:00:05.000000Z");
}

/// Two replicas say the same under the same name, so that the second one is not heard.
#[test]
fn name_depends_on_vm_words_and_hour() {
    let seen = |why: &str| Seen {
        kind: "VirtualMachine",
        why: why.to_owned(),
        is_settled: true,
        told: None,
    };
    let name = |why: &str, uid: &str, second: i64| {
        let at = Timestamp::from_second(second).unwrap();
        event(&greedy(), &seen(why), uid, at)["metadata"]["name"].clone()
    };
    let first = name("why", "u", 0);
    assert_eq!(first, name("why", "u", 3_599));
    for other in [
        name("why", "u", 3_600),
        name("else", "u", 0),
        name("why", "v", 0),
    ] {
        assert_ne!(first, other);
    }
    let long = event(
        &greedy(),
        &seen(&"é".repeat(1_000)),
        "u",
        Timestamp::UNIX_EPOCH,
    );
    let note = long["note"].as_str().unwrap().len();
    assert!((NOTE_BYTES - 8..=NOTE_BYTES).contains(&note), "{note}");
}

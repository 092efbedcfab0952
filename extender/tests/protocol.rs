//! What kube-scheduler is answered, field by field (facts: scheduler-extender 1).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod common;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};
use tower::ServiceExt;
use vmberth_cluster::feed::RESOURCES;
use vmberth_decide::event::Event;

use common::Extender;
use common::fleet::{Has, claim, class, foreign, launcher, node};

/// On `edge-1` the VM fits, on `edge-2` others have the functions, `edge-3` has none, and `edge-4` has no volume.
fn cluster() -> Extender {
    let has = |volumes, functions, allocated| Has {
        volumes,
        functions,
        allocated,
    };
    let nodes = [
        node("edge-1", has(2, 8, 2)),
        node("edge-2", has(2, 8, 7)),
        node("edge-3", has(2, 0, 0)),
        node("edge-4", has(0, 8, 0)),
    ];
    let rest = [class(), claim("vm1", None)];
    common::of(nodes.into_iter().flatten().chain(rest))
}

fn by_name(pod: &Value, names: &[&str]) -> Value {
    json!({"Pod": pod, "Nodes": null, "NodeNames": names})
}

#[tokio::test]
async fn every_node_is_passed_or_refused_with_a_reason() {
    let names = ["edge-1", "edge-2", "edge-3", "edge-4", "ghost"];
    let answer = cluster().filter(&by_name(&launcher("vm1"), &names)).await;
    assert_eq!(answer["NodeNames"], json!(["edge-1"]));
    assert_eq!(answer["Nodes"], Value::Null);
    assert_eq!(answer["Error"], "");
    assert_eq!(answer["FailedNodes"], json!({}));
    let never = answer["FailedAndUnresolvableNodes"].as_object().unwrap();
    assert_eq!(
        never.keys().collect::<Vec<_>>(),
        ["edge-2", "edge-3", "edge-4", "ghost"]
    );
    let why = never["edge-2"].as_str().unwrap();
    assert!(why.contains("1 free of 8, 7 allocated"), "{why}");
    assert_eq!(never["ghost"], "node is not known yet");
    assert!(never.values().all(|why| !why.as_str().unwrap().is_empty()));
}

#[rstest]
#[case::null(Value::Null, json!([]))]
#[case::none(json!([]), json!([]))]
#[case::one(json!(["edge-1"]), json!(["edge-1"]))]
#[case::one_that_does_not_fit(json!(["edge-3"]), json!([]))]
#[tokio::test]
async fn few_nodes(#[case] names: Value, #[case] fit: Value) {
    let question = json!({"Pod": launcher("vm1"), "Nodes": null, "NodeNames": names});
    let extender = cluster();
    assert_eq!(extender.filter(&question).await["NodeNames"], fit);
    // None is better than another.
    assert_eq!(extender.prioritize(&question).await, json!([]));
}

#[tokio::test]
async fn second_call_is_answered_as_the_first() {
    let extender = cluster();
    let question = by_name(&launcher("vm1"), &["edge-1", "edge-2"]);
    let first = extender.filter(&question).await;
    extender.prioritize(&question).await;
    assert_eq!(extender.filter(&question).await, first);
}

/// kube-scheduler asks for the next pod before anybody else sees where the first one is.
#[tokio::test]
async fn what_was_answered_is_promised_until_it_is_seen() {
    let has = |volumes| Has {
        volumes,
        functions: 8,
        allocated: 0,
    };
    let nodes = [node("edge-1", has(1)), node("edge-2", has(1))];
    let claims = [claim("vm1", None), claim("vm2", None), class()];
    let extender = common::of(nodes.into_iter().flatten().chain(claims));
    let filter = async |vm: &str, nodes: &[&str]| {
        let answer = extender.filter(&by_name(&launcher(vm), nodes)).await;
        answer["NodeNames"].clone()
    };
    assert_eq!(filter("vm1", &["edge-1"]).await, json!(["edge-1"]));
    assert_eq!(
        filter("vm2", &["edge-1", "edge-2"]).await,
        json!(["edge-2"])
    );
    // Nobody bound the first one: it may go there still, and where it was answered last.
    assert_eq!(filter("vm1", &["edge-1"]).await, json!(["edge-1"]));
    assert_eq!(
        filter("vm1", &["edge-1", "edge-2"]).await,
        json!(["edge-1"])
    );
    let later = Event::Time(120);
    extender.index.write().unwrap().apply(later);
    assert_eq!(filter("vm2", &["edge-1"]).await, json!(["edge-1"]));
}

/// Two pods of one VM that bind volumes: where the first one goes decides, and as long as nobody knows the second waits.
#[tokio::test]
async fn second_pod_of_a_vm_goes_where_the_first_one_was_sent() {
    let has = Has {
        volumes: 2,
        functions: 8,
        allocated: 0,
    };
    let nodes = [node("edge-1", has), node("edge-2", has)];
    let rest = [claim("vm1", None), class()];
    let extender = common::of(nodes.into_iter().flatten().chain(rest));
    let both = ["edge-1", "edge-2"];
    let first = launcher("vm1");
    let mut second = first.clone();
    second["metadata"]["name"] = json!("virt-launcher-vm1-other");
    extender.filter(&by_name(&first, &both)).await;
    let answer = extender.filter(&by_name(&second, &both)).await;
    assert_eq!(answer["NodeNames"], json!([]));
    let error = answer["Error"].as_str().unwrap();
    assert!(error.contains("where is not known yet"), "{error}");

    // Only one node is left for it.
    extender.filter(&by_name(&first, &["edge-2"])).await;
    let answer = extender.filter(&by_name(&second, &both)).await;
    assert_eq!(answer["NodeNames"], json!(["edge-2"]));
    let why = &answer["FailedAndUnresolvableNodes"]["edge-1"];
    assert_eq!(why, "another disk of the VM was just placed on edge-2");
}

#[tokio::test]
async fn lower_case_is_read_too() {
    let question =
        json!({"pod": launcher("vm1"), "nodes": null, "nodenames": ["edge-1", "edge-3"]});
    let answer = cluster().filter(&question).await;
    assert_eq!(answer["NodeNames"], json!(["edge-1"]));
}

#[tokio::test]
async fn whole_nodes_come_back_beside_their_names() {
    let whole = |name: &str| json!({"metadata": {"name": name, "labels": {"a": "b"}}, "status": {"phase": "x"}});
    let nodes = [whole("edge-3"), whole("edge-1")];
    for (pod, fit) in [
        (launcher("vm1"), vec!["edge-1"]),
        (foreign(), vec!["edge-3", "edge-1"]),
    ] {
        let question =
            json!({"Pod": pod, "Nodes": {"metadata": {}, "items": nodes}, "NodeNames": null});
        let answer = cluster().filter(&question).await;
        let expected: Vec<Value> = fit.iter().map(|name| whole(name)).collect();
        assert_eq!(answer["Nodes"], json!({"items": expected}));
        assert_eq!(answer["NodeNames"], json!(fit));
    }
}

#[tokio::test]
async fn only_the_best_are_named_and_have_points() {
    let has = |functions| Has {
        volumes: 1,
        functions,
        allocated: 0,
    };
    let nodes = [
        node("just-enough", has(2)),
        node("more", has(3)),
        node("most", has(8)),
        node("none", has(0)),
    ];
    let rest = [claim("vm1", None), class()];
    let extender = common::of(nodes.into_iter().flatten().chain(rest));
    let question = by_name(&launcher("vm1"), &["most", "more", "none", "just-enough"]);
    let answer = extender.filter(&question).await;
    assert_eq!(answer["NodeNames"], json!(["just-enough"]));
    let refused = answer["FailedAndUnresolvableNodes"].as_object().unwrap();
    assert_eq!(refused.keys().collect::<Vec<_>>(), ["none"]);
    let scores = extender.prioritize(&question).await;
    let hosts: Vec<&str> = { scores.as_array().unwrap().iter() }
        .map(|it| it["Host"].as_str().unwrap())
        .collect();
    assert_eq!(hosts, ["more", "just-enough"]);
    assert_eq!(scores[1]["Score"], 10);
    assert!(scores[0]["Score"].as_u64().unwrap() < 10, "{scores}");
}

/// kube-scheduler writes the pod first, and asks again about what was named.
#[tokio::test]
async fn none_of_those_named_is_better_than_another() {
    let extender = cluster();
    let asked = |names: &Value| {
        let pod = launcher("vm1");
        format!(r#"{{"Pod":{pod},"Nodes":null,"NodeNames":{names}}}"#)
    };
    let question = asked(&json!(["edge-1", "edge-2"]));
    let (_, answer) = extender.send("/filter", question).await;
    let named = &answer["NodeNames"];
    let scores = extender.send("/prioritize", asked(named)).await;
    assert_eq!(scores, (StatusCode::OK, json!([])));
    let line = "vmberth_extender_calls_total{outcome=\"placed\",verb=\"prioritize\"} 1";
    assert!(extender.counted(line));
}

#[tokio::test]
async fn pod_of_no_vm_may_go_anywhere() {
    let extender = cluster();
    let question = by_name(&foreign(), &["edge-3", "ghost"]);
    let answer = extender.filter(&question).await;
    assert_eq!(answer["NodeNames"], json!(["edge-3", "ghost"]));
    assert_eq!(answer["FailedNodes"], json!({}));
    assert_eq!(answer["FailedAndUnresolvableNodes"], json!({}));
    assert_eq!(extender.prioritize(&question).await, json!([]));
    let line = "vmberth_extender_calls_total{outcome=\"foreign\",verb=\"filter\"} 1";
    assert!(extender.counted(line));
}

#[tokio::test]
async fn what_nobody_can_tell_is_asked_again() {
    let extender = cluster();
    let question = by_name(&launcher("new"), &["edge-1", "edge-2"]);
    let answer = extender.filter(&question).await;
    assert_eq!(answer["NodeNames"], json!([]));
    assert_eq!(answer["FailedAndUnresolvableNodes"], json!({}));
    let why = "vmberth-extender: claim edge/new is not known yet";
    assert_eq!(answer["Error"], why);
    let line = "vmberth_extender_calls_total{outcome=\"unclear\",verb=\"filter\"} 1";
    assert!(extender.counted(line));
}

#[rstest]
#[case::empty(b"".to_vec(), "the body is no JSON")]
#[case::no_json(b"<xml>".to_vec(), "the body is no JSON")]
#[case::no_question(b"[]".to_vec(), "the body is no ExtenderArgs")]
#[case::no_pod(b"{}".to_vec(), "the body is no ExtenderArgs: Pod is missing")]
#[case::too_large(vec![b' '; (1 << 20) + 1], "the body is larger than 1048576 bytes")]
#[tokio::test]
async fn what_is_no_question_is_answered_in_words(#[case] body: Vec<u8>, #[case] words: &str) {
    let extender = cluster();
    let (status, answer) = extender.send("/filter", body.clone()).await;
    assert_eq!(status, StatusCode::OK);
    let error = answer["Error"].as_str().unwrap();
    assert!(
        error.starts_with(&format!("vmberth-extender: {words}")),
        "{error}"
    );
    assert_eq!(answer["NodeNames"], json!([]));
    let answered = extender.send("/prioritize", body).await;
    assert_eq!(answered, (StatusCode::OK, json!([])));
    for verb in ["filter", "prioritize"] {
        let line = format!("vmberth_extender_calls_total{{outcome=\"error\",verb=\"{verb}\"}} 1");
        assert!(extender.counted(&line), "{line}");
    }
}

#[tokio::test]
async fn nothing_is_placed_before_all_is_known() {
    let extender = common::new();
    let question = by_name(&foreign(), &["edge-1"]);
    for resource in RESOURCES {
        let answer = extender.filter(&question).await;
        let error = answer["Error"].as_str().unwrap();
        assert!(
            error.starts_with("vmberth-extender: not ready: first list of "),
            "{error}"
        );
        assert!(error.ends_with(" is not complete"), "{error}");
        assert_eq!(answer["NodeNames"], json!([]));
        assert_eq!(extender.prioritize(&question).await, json!([]));
        extender.lists.complete(resource);
    }
    assert_eq!(
        extender.filter(&question).await["NodeNames"],
        json!(["edge-1"])
    );
}

#[tokio::test]
async fn too_many_bytes_at_once_are_an_error_in_words() {
    let extender = cluster();
    let _under_way = extender
        .bodies
        .read(Body::from(vec![b' '; 1 << 20]))
        .await
        .unwrap();
    let answer = extender.filter(&by_name(&foreign(), &["edge-1"])).await;
    assert!(
        answer["Error"].as_str().unwrap().ends_with("try again"),
        "{answer}"
    );
}

#[tokio::test]
async fn what_happens_next_is_seen_by_the_next_call() {
    let extender = cluster();
    let question = by_name(&launcher("vm1"), &["edge-1"]);
    assert_eq!(
        extender.filter(&question).await["NodeNames"],
        json!(["edge-1"])
    );
    let gone = Event::Node("edge-1".into(), None);
    extender.index.write().unwrap().apply(gone);
    assert_eq!(extender.filter(&question).await["NodeNames"], json!([]));
}

#[tokio::test]
async fn panic_of_the_writer_does_not_end_the_answers() {
    let extender = cluster();
    let index = std::sync::Arc::clone(&extender.index);
    let writer = std::thread::spawn(move || {
        let _held = index.write().unwrap();
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    assert!(writer.join().is_err());
    let answer = extender
        .filter(&by_name(&launcher("vm1"), &["edge-1"]))
        .await;
    assert_eq!(answer["NodeNames"], json!(["edge-1"]));
}

#[rstest]
#[case::get("GET", "/filter", 405)]
#[case::bind("POST", "/bind", 404)]
#[case::elsewhere("POST", "/", 404)]
#[tokio::test]
async fn other_routes_are_refused(#[case] method: &str, #[case] path: &str, #[case] code: u16) {
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Body::empty()).unwrap();
    let response = cluster().app.oneshot(request).await.unwrap();
    assert_eq!(response.status().as_u16(), code);
}

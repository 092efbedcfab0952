//! What is answered to bodies that are no review, and what is counted.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod common;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};
use tower::ServiceExt;
use vmberth_serve::body::BodyBudget;

const JSON: &str = "application/json";

fn review(request: &Value) -> Vec<u8> {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
        .to_string()
        .into_bytes()
}

fn question(change: &Value) -> Vec<u8> {
    let mut request = json!({
        "uid": "u", "operation": "CREATE", "namespace": "x",
        "kind": {"group": "kubevirt.io", "version": "v1", "kind": "VirtualMachine"},
        "object": {"metadata": {"name": "a"}, "spec": {"template": {"spec": {}}}},
    });
    json_patch::merge(&mut request, change);
    review(&request)
}

fn nested(depth: usize) -> Vec<u8> {
    [vec![b'['; depth], vec![b']'; depth]].concat()
}

fn nested_tolerations() -> Vec<u8> {
    let text = String::from_utf8(question(
        &json!({"object": {"spec": {"template": {"spec": {"tolerations": "here"}}}}}),
    ))
    .unwrap();
    text.replace("\"here\"", &String::from_utf8(nested(100_000)).unwrap())
        .into_bytes()
}

/// As many as fit into a body.
fn many_volumes() -> Vec<u8> {
    let object = json!({"spec": {"template": {"spec": {"volumes": "here"}}}});
    let text = String::from_utf8(question(&json!({ "object": object }))).unwrap();
    text.replace("\"here\"", &format!("[{}{{}}]", "{},".repeat(300_000)))
        .into_bytes()
}

#[rstest]
#[case::no_content_type("", question(&json!({})), 415, "content_type", "expected application/json")]
#[case::yaml("application/yaml", question(&json!({})), 415, "content_type", "expected application/json")]
#[case::empty(JSON, vec![], 400, "empty", "the body is empty")]
#[case::too_large(JSON, vec![b' '; (1 << 20) + 1], 413, "too_large", "larger than 1048576 bytes")]
#[case::truncated(JSON, question(&json!({}))[..150].to_vec(), 400, "malformed", "EOF while parsing")]
#[case::two_documents(JSON, [question(&json!({})), question(&json!({}))].concat(), 400, "malformed", "trailing characters")]
#[case::no_utf8(JSON, vec![b'"', 0xff, b'"'], 400, "malformed", "no AdmissionReview")]
#[case::deep(JSON, nested(100_000), 400, "malformed", "no AdmissionReview")]
#[case::deep_in_a_field_that_is_read(
    JSON,
    nested_tolerations(),
    400,
    "object",
    "request.object.spec.template.spec.tolerations"
)]
#[case::another_kind(JSON, br#"{"apiVersion": "v1", "kind": "Pod"}"#.to_vec(), 400, "version", "found apiVersion \"v1\" and kind \"Pod\"")]
#[case::v1beta1(JSON, br#"{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": {"uid": "u"}}"#.to_vec(), 400, "version", "expected \"admission.k8s.io/v1\"")]
#[case::empty_object(JSON, b"{}".to_vec(), 400, "version", "found apiVersion \"\"")]
#[case::no_request(JSON, review(&json!(null)), 400, "incomplete", "request: missing")]
#[case::no_uid(JSON, question(&json!({"uid": null})), 400, "incomplete", "request.uid: missing")]
#[case::empty_uid(JSON, question(&json!({"uid": ""})), 400, "incomplete", "request.uid: missing")]
#[case::no_kind(JSON, question(&json!({"kind": null})), 400, "incomplete", "request.kind: missing")]
#[case::no_object(JSON, question(&json!({"object": null})), 400, "incomplete", "request.object: missing")]
#[case::unknown_operation(JSON, question(&json!({"operation": "PATCH"})), 400, "incomplete", "request.operation: found \"PATCH\"")]
#[case::object_of_another_shape(JSON, question(&json!({"object": {"spec": {"template": {"spec": {"tolerations": "all"}}}}})), 400, "object", "request.object.spec.template.spec.tolerations: found a string, expected a list")]
#[case::list_for_an_envelope(JSON, br#"["admission.k8s.io/v1", "AdmissionReview"]"#.to_vec(), 400, "malformed", "found a list, expected an object")]
#[case::list_for_an_object(JSON, question(&json!({"object": {"spec": {"template": [null, [null]]}}})), 400, "object", "request.object.spec.template: found a list, expected an object")]
#[case::object_is_a_number(JSON, question(&json!({"object": 1})), 400, "object", "request.object: found a number, expected an object")]
#[case::more_elements_than_any_object_has(
    JSON,
    many_volumes(),
    400,
    "object",
    "request.object.spec.template.spec.volumes: found more than 256 entries, expected at most 256"
)]
#[tokio::test]
async fn body_that_is_no_review_is_answered_and_counted(
    #[case] content_type: &str,
    #[case] body: Vec<u8>,
    #[case] code: u16,
    #[case] reason: &str,
    #[case] message: &str,
) {
    let (app, registry) = common::webhook();
    let request = Request::post("/mutate").header("content-type", content_type);
    let response = app
        .oneshot(request.body(Body::from(body)).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), code);
    let status: Value = serde_json::from_slice(&common::bytes(response).await).unwrap();
    assert_eq!(
        (&status["kind"], &status["code"]),
        (&json!("Status"), &json!(code))
    );
    assert!(
        status["message"].as_str().unwrap().contains(message),
        "{status}"
    );
    let line = format!("vmberth_webhook_rejected_bodies_total{{reason=\"{reason}\"}} 1");
    assert!(
        common::metrics(&registry).contains(&line),
        "{}",
        common::metrics(&registry)
    );
}

#[rstest]
#[case::with_charset("application/json; charset=utf-8")]
#[case::in_capitals("Application/JSON")]
#[tokio::test]
async fn json_is_known_by_its_media_type(#[case] content_type: &str) {
    let (app, _) = common::webhook();
    let request = Request::post("/mutate").header("content-type", content_type);
    let request = request.body(Body::from(question(&json!({})))).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn depth_in_a_field_that_is_not_read_is_left_to_the_api_server() {
    let text =
        String::from_utf8(question(&json!({"object": {"spec": {"future": "here"}}}))).unwrap();
    let deep = String::from_utf8(nested(100_000)).unwrap();
    let (code, answer) = common::ask(&text.replace("\"here\"", &deep)).await;
    assert_eq!(
        (code, &answer["response"]["allowed"]),
        (StatusCode::OK, &json!(true))
    );
}

#[tokio::test]
async fn reviews_are_counted_by_kind_operation_and_verdict() {
    let (app, registry) = common::webhook();
    let labels = json!({"vmberth.io/inject": "false"});
    let opted_out = json!({"object": {"spec": {"template": {"metadata": {"labels": labels}}}}});
    let unclear = json!({"object": {"metadata": {"labels": {"vmberth.io/inject": "?"}}}});
    for change in [&json!({}), &opted_out, &unclear, &unclear] {
        let request = Request::post("/mutate").header("content-type", JSON);
        let request = request.body(Body::from(question(change))).unwrap();
        assert_eq!(
            app.clone().oneshot(request).await.unwrap().status(),
            StatusCode::OK
        );
    }
    let metrics = common::metrics(&registry);
    for (verdict, times) in [("patched", 1), ("allowed", 1), ("denied", 2)] {
        let labels = format!("kind=\"VirtualMachine\",operation=\"CREATE\",verdict=\"{verdict}\"");
        let line = format!("vmberth_webhook_admissions_total{{{labels}}} {times}");
        assert!(metrics.contains(&line), "{metrics}");
    }
    assert!(
        metrics.contains("vmberth_webhook_admission_duration_seconds_count 4"),
        "{metrics}"
    );
}

#[rstest]
#[case::get("GET", "/mutate", 405)]
#[case::elsewhere("POST", "/", 404)]
#[tokio::test]
async fn other_routes_are_refused(#[case] method: &str, #[case] path: &str, #[case] code: u16) {
    let (app, _) = common::webhook();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty())
        .unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status().as_u16(), code);
}

#[tokio::test]
async fn too_many_bytes_at_once_asks_to_come_again() {
    let bodies = BodyBudget::new(1 << 10, 1 << 10);
    let _under_review = bodies.read(Body::from(vec![b' '; 1 << 10])).await.unwrap();
    let state = common::state(bodies, &prometheus::Registry::new());
    let request = Request::post("/mutate").header("content-type", JSON);
    let request = request.body(Body::from(question(&json!({})))).unwrap();
    let response = vmberth_webhook::http::app(state)
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["retry-after"], "1");
}

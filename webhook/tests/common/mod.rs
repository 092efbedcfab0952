//! A few words that the tests share.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test uses its part, and may stop at the first thing that is not as it should be"
)]

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use base64::Engine;
use http_body_util::BodyExt;
use prometheus::{Registry, TextEncoder};
use serde_json::Value;
use tower::ServiceExt;
use vmberth_decide::policy::Policy;
use vmberth_serve::body::BodyBudget;
use vmberth_webhook::http::{AppState, app};
use vmberth_webhook::metrics::Metrics;

/// The app with its registry; bodies of at most a MiB, two at a time.
pub fn webhook() -> (Router, Registry) {
    let registry = Registry::new();
    let bodies = BodyBudget::new(1 << 20, 2 << 20);
    (app(state(bodies, &registry)), registry)
}

/// The default policy, and these limits.
pub fn state(bodies: BodyBudget, registry: &Registry) -> AppState {
    state_under(Policy::default(), bodies, registry)
}

fn state_under(policy: Policy, bodies: BodyBudget, registry: &Registry) -> AppState {
    AppState {
        policy: Arc::new(ArcSwap::from_pointee(policy)),
        known: Arc::default(),
        placement: None,
        bodies,
        metrics: Metrics::register(registry).unwrap(),
    }
}

/// Sends one review to a new app.
pub async fn ask(review: &str) -> (StatusCode, Value) {
    ask_under(Policy::default(), review).await
}

/// Sends one review to a new app with this policy.
pub async fn ask_under(policy: Policy, review: &str) -> (StatusCode, Value) {
    let bodies = BodyBudget::new(1 << 20, 2 << 20);
    let app = app(state_under(policy, bodies, &Registry::new()));
    let request = Request::post("/mutate").header("content-type", "application/json");
    let response = app
        .oneshot(request.body(Body::from(review.to_owned())).unwrap())
        .await
        .unwrap();
    let code = response.status();
    (
        code,
        serde_json::from_slice(&bytes(response).await).unwrap(),
    )
}

/// The body of an answer.
pub async fn bytes(response: Response) -> Vec<u8> {
    response
        .into_body()
        .collect()
        .await
        .unwrap()
        .to_bytes()
        .to_vec()
}

/// The answer without what is the same in all, its patch decoded.
pub fn readable(mut answer: Value) -> Value {
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(answer["kind"], "AdmissionReview");
    let mut response = answer["response"].take();
    let fields = response.as_object_mut().unwrap();
    fields.remove("uid");
    if let Some(Value::String(patch)) = fields.get("patch") {
        let patch = base64::engine::general_purpose::STANDARD
            .decode(patch)
            .unwrap();
        fields.insert("patch".to_owned(), serde_json::from_slice(&patch).unwrap());
        assert_eq!(fields["patchType"], "JSONPatch");
    }
    response
}

/// All metrics as Prometheus sees them.
pub fn metrics(registry: &Registry) -> String {
    TextEncoder::new()
        .encode_to_string(&registry.gather())
        .unwrap()
}

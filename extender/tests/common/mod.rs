//! A few words that the tests share.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses its part, and may stop at the first thing that is not as it should be"
)]

pub mod fleet;

use std::sync::{Arc, RwLock};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use prometheus::{Registry, TextEncoder};
use serde_json::Value;
use tower::ServiceExt;
use vmberth_cluster::feed::RESOURCES;
use vmberth_decide::event::Event;
use vmberth_decide::index::Index;
use vmberth_extender::http::{AppState, app};
use vmberth_extender::lists::Lists;
use vmberth_extender::metrics::Metrics;
use vmberth_extender::wake::Refusals;
use vmberth_serve::body::BodyBudget;
use vmberth_serve::ready::Ready;

/// An extender without ports.
pub struct Extender {
    pub app: Router,
    pub index: Arc<RwLock<Index>>,
    pub lists: Lists,
    pub bodies: BodyBudget,
    pub registry: Registry,
}

/// Knows nothing yet, and takes bodies of at most a MiB.
pub fn new() -> Extender {
    let registry = Registry::new();
    let state = AppState {
        refusals: Refusals::default(),
        verdicts: Arc::default(),
        last: Arc::default(),
        log: Arc::default(),
        index: Arc::default(),
        lists: Lists::awaited(&Ready::default()),
        bodies: BodyBudget::new(1 << 20, 1 << 20),
        metrics: Metrics::register(&registry).unwrap(),
    };
    Extender {
        app: app(state.clone()),
        index: state.index,
        lists: state.lists,
        bodies: state.bodies,
        registry,
    }
}

/// Knows all of a cluster in which this happened.
pub fn of(events: impl IntoIterator<Item = Event>) -> Extender {
    let extender = new();
    let mut index = extender.index.write().unwrap();
    for event in events {
        index.apply(event);
    }
    drop(index);
    for resource in RESOURCES {
        extender.lists.complete(resource);
    }
    extender
}

impl Extender {
    /// Status and answer.
    pub async fn send(&self, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let request = Request::post(path).header("content-type", "application/json");
        let request = request.body(body.into()).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    /// The answer to a filter call, which is always a 200 and has all fields.
    pub async fn filter(&self, question: &Value) -> Value {
        let (status, answer) = self.send("/filter", question.to_string()).await;
        assert_eq!(status, StatusCode::OK);
        for field in [
            "Nodes",
            "NodeNames",
            "FailedNodes",
            "FailedAndUnresolvableNodes",
            "Error",
        ] {
            assert!(answer.get(field).is_some(), "{answer}");
        }
        assert!(answer.get("NodeNames").unwrap().is_array(), "{answer}");
        answer
    }

    /// The answer to a prioritize call, which is always a 200 and a list.
    pub async fn prioritize(&self, question: &Value) -> Value {
        let (status, answer) = self.send("/prioritize", question.to_string()).await;
        assert_eq!(status, StatusCode::OK);
        assert!(answer.is_array(), "{answer}");
        answer
    }

    /// Whether the metrics have this line.
    pub fn counted(&self, line: &str) -> bool {
        let encoder = TextEncoder::new();
        let page = encoder.encode_to_string(&self.registry.gather()).unwrap();
        page.lines().any(|found| found == line)
    }
}

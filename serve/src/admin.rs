//! The plain port: health and metrics, for kubelet and Prometheus.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Encoder, Registry, TextEncoder};

use crate::metrics::ProcessMetrics;
use crate::ready::Ready;

/// What the plain port shows.
#[derive(Debug, Clone)]
pub struct Admin {
    /// All metrics of the process.
    pub registry: Registry,
    /// Whether requests may be sent.
    pub ready: Ready,
    /// What is measured at each scrape.
    pub process: ProcessMetrics,
}

/// Routes of the plain port.
pub fn app(admin: Admin) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/livez", get(alive))
        .route("/readyz", get(readiness))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

async fn alive() -> &'static str {
    "ok\n"
}

async fn readiness(State(admin): State<Admin>) -> Response {
    let missing = admin.ready.missing();
    if missing.is_empty() {
        return "ok\n".into_response();
    }
    let text = format!("not ready: {}\n", missing.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    admin.process.measure();
    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    match encoder.encode(&admin.registry.gather(), &mut text) {
        Ok(()) => (
            [(header::CONTENT_TYPE, encoder.format_type().to_owned())],
            text,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics could not be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

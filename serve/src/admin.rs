//! The plain port: health and metrics, for kubelet and Prometheus.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Encoder, Registry, TextEncoder};

use crate::metrics::ServeMetrics;
use crate::ready::Ready;

/// What the plain port shows.
#[derive(Debug, Clone)]
pub struct Admin {
    /// All metrics of the process.
    pub registry: Registry,
    /// Whether requests may be sent.
    pub ready: Ready,
    /// The shell's own handles.
    pub metrics: ServeMetrics,
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
    if let Some(bytes) = resident_memory() {
        admin.metrics.resident_memory.set(bytes);
    }
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

fn resident_memory() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read() {
        assert!(resident_memory().is_some_and(|bytes| bytes > 100_000));
    }
}

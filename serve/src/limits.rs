//! Limits around every request: concurrency, time, panics; and the counter of answers.

use std::time::Duration;

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::{BoxError, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::metrics::ServeMetrics;

/// How much at once, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests at the same time; the next one is answered 429 at once, and the API server tries again a second later.
    pub concurrency: usize,
    /// Time of one request with its body; 408 after that.
    pub time: Duration,
}

/// Puts the limits around a router. Every answer is counted, those of the limits too.
pub fn guard(app: Router, limits: Limits, metrics: ServeMetrics) -> Router {
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(metrics, count))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(HandleErrorLayer::new(shed))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(limits.concurrency))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            limits.time,
        ));
    app.layer(layers)
}

async fn count(State(metrics): State<ServeMetrics>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    metrics.answered(response.status());
    response
}

async fn shed(_: BoxError) -> Response {
    let text = "too many requests at the same time, try again\n";
    (
        StatusCode::TOO_MANY_REQUESTS,
        [(header::RETRY_AFTER, "1")],
        text,
    )
        .into_response()
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the signature is CatchPanicLayer's"
)]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown");
    tracing::error!(panic = text, "handler panicked");
    (StatusCode::INTERNAL_SERVER_ERROR, "internal error\n").into_response()
}

//! The route, and the steps of a review in one place.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use vmberth_decide::denial::Denial;
use vmberth_decide::mutate::{Mutation, mutate};
use vmberth_decide::policy::Policy;
use vmberth_serve::body::{BodyBudget, BodyError};

use crate::decode::{self, Request};
use crate::feasible;
use crate::immediate;
use crate::metrics::{Metrics, Rejection, Verdict};
use crate::placement::Placement;
use crate::respond;
use crate::watch::Known;

/// What every review needs.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The policy in force; replaced as a whole.
    pub policy: Arc<ArcSwap<Policy>>,
    /// What is known of other objects; replaced as a whole.
    pub known: Arc<ArcSwap<Known>>,
    /// What is known of the whole cluster, in place of that; `None` if that is not watched.
    pub placement: Option<Arc<Placement>>,
    /// How many bytes may be in memory.
    pub bodies: BodyBudget,
    /// What is counted.
    pub metrics: Metrics,
}

/// Routes of the TLS port.
pub fn app(state: AppState) -> Router {
    Router::new()
        .route("/mutate", post(review))
        // Shared, since every request takes it: a copy would count up and down all its parts.
        .with_state(Arc::new(state))
}

async fn review(State(state): State<Arc<AppState>>, headers: HeaderMap, body: Body) -> Response {
    let started = Instant::now();
    if !says_json(&headers) {
        let message = "content-type: expected application/json";
        return reject(&state, Rejection::ContentType, message);
    }
    let body = match state.bodies.read(body).await {
        Ok(body) => body,
        Err(error) => return reject(&state, rejection_of(&error), &error.to_string()),
    };
    let request = match decode::decode(&body) {
        Ok(request) => request,
        Err(error) => return reject(&state, error.rejection(), &error.to_string()),
    };
    let decision = state.decide(&request, &body);
    let (verdict, response) = match respond::review(&request.uid, &decision) {
        Ok(answer) => (verdict_of(&decision), respond::json(StatusCode::OK, answer)),
        Err(error) => {
            tracing::error!(%error, uid = &*request.uid, "answer could not be written");
            let code = StatusCode::INTERNAL_SERVER_ERROR;
            (
                Verdict::Error,
                respond::failure(code, "vmberth: internal error"),
            )
        }
    };
    let took = started.elapsed();
    state
        .metrics
        .decided(request.review.kind, request.review.operation, verdict, took);
    log(&request, verdict, &decision, took);
    response
}

impl AppState {
    /// Everything that is decided about one review.
    fn decide(&self, request: &Request<'_>, body: &[u8]) -> Result<Mutation, Denial> {
        let policy = self.policy.load();
        let Some(placement) = &self.placement else {
            return mutate(&request.review, &policy, &**self.known.load());
        };
        let seen = placement.seen();
        let mutation = mutate(&request.review, &policy, &seen)?;
        let mutation = immediate::choose(&seen, &policy, (request, body), mutation);
        feasible::check(&seen, &policy, (request, body), mutation)
    }
}

fn says_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = value
        .and_then(|value| value.split(';').next())
        .unwrap_or("");
    media_type.trim().eq_ignore_ascii_case("application/json")
}

fn reject(state: &AppState, reason: Rejection, message: &str) -> Response {
    state.metrics.rejected(reason);
    // Not a field called message: that is the name of the line's own text.
    tracing::warn!(reason = reason.as_str(), error = message, "no review");
    let code = match reason {
        Rejection::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Rejection::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Rejection::Busy => StatusCode::TOO_MANY_REQUESTS,
        Rejection::Broken
        | Rejection::Empty
        | Rejection::Malformed
        | Rejection::Version
        | Rejection::Incomplete
        | Rejection::Object => StatusCode::BAD_REQUEST,
    };
    respond::failure(code, message)
}

fn rejection_of(error: &BodyError) -> Rejection {
    match error {
        BodyError::TooLarge { .. } => Rejection::TooLarge,
        BodyError::Busy => Rejection::Busy,
        BodyError::Broken(_) => Rejection::Broken,
    }
}

fn verdict_of(decision: &Result<Mutation, Denial>) -> Verdict {
    match decision {
        Ok(mutation) if mutation.edits.is_empty() => Verdict::Allowed,
        Ok(_) => Verdict::Patched,
        Err(_) => Verdict::Denied,
    }
}

/// One line for each decision: enough to find it again, never the object itself.
fn log(
    request: &Request<'_>,
    verdict: Verdict,
    decision: &Result<Mutation, Denial>,
    took: Duration,
) {
    let why = match decision {
        Ok(Mutation {
            left_alone: Some(why),
            ..
        }) => why.to_string(),
        Ok(mutation) => format!("{} edits", mutation.edits.len()),
        Err(denial) => denial.to_string(),
    };
    for note in decision.iter().flat_map(|mutation| &mutation.notes) {
        tracing::info!(
            uid = &*request.uid,
            namespace = &*request.review.namespace,
            name = request.name,
            note = note.to_string(),
            "left out"
        );
    }
    tracing::info!(
        uid = &*request.uid,
        kind = request.review.kind.as_str(),
        namespace = &*request.review.namespace,
        name = request.name,
        operation = request.review.operation.as_str(),
        dry_run = request.dry_run,
        verdict = verdict.as_str(),
        why,
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "review"
    );
}

//! The routes, and the steps of a call in one place.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Serialize;
use vmberth_decide::index::Index;
use vmberth_decide::placement::Verdicts;
use vmberth_serve::body::{BodyBudget, BodyError};

use crate::calls;
use crate::decision::{Decision, decide};
use crate::last::Last;
use crate::lists::Lists;
use crate::log::{Found, Log};
use crate::metrics::{Metrics, Outcome, Verb};
use crate::promised;
use crate::respond::{self, Placed};
use crate::wake::Refusals;
use crate::wire::{self, Asker, FilterResult, HostPriority, Misread};

/// What every call needs.
#[derive(Debug, Clone)]
pub struct AppState {
    /// What is known of the cluster.
    pub index: Arc<RwLock<Index>>,
    /// Whether that is all of it.
    pub lists: Lists,
    /// How many bytes may be in memory.
    pub bodies: BodyBudget,
    /// What is counted.
    pub metrics: Metrics,
    /// When a pod was refused last.
    pub refusals: Refusals,
    /// What was found of nodes that have not changed since.
    pub verdicts: Arc<Mutex<Verdicts>>,
    /// What the last filter found.
    pub last: Arc<Last>,
    /// What was logged.
    pub log: Arc<Log>,
}

/// Why a call is not answered. kube-scheduler shows the text in an event of the pod, and asks again later.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Misread(#[from] Misread),
    #[error("not ready: first list of {0} is not complete")]
    NotReady(&'static str),
    #[error("internal error: the answer could not be written")]
    Unwritten(#[from] serde_json::Error),
}

/// A call that has begun.
#[derive(Debug, Clone, Copy)]
struct Call {
    verb: Verb,
    began: Instant,
}

/// Routes of the port of requests.
pub fn app(state: AppState) -> Router {
    Router::new()
        .route("/filter", post(filter))
        .route("/prioritize", post(prioritize))
        // Shared, since every request takes it: a copy would count up and down all its parts.
        .with_state(Arc::new(state))
}

async fn filter(State(state): State<Arc<AppState>>, body: Body) -> Response {
    let call = Call::begins(Verb::Filter);
    let body = state.bodies.read(body).await.map_err(Failure::from);
    let answer = body.and_then(|body| state.filter(call, &body));
    answer.unwrap_or_else(|failure| {
        let error = state.failed(call, &failure);
        in_words(&FilterResult {
            error,
            ..FilterResult::default()
        })
    })
}

async fn prioritize(State(state): State<Arc<AppState>>, body: Body) -> Response {
    let call = Call::begins(Verb::Prioritize);
    let body = state.bodies.read(body).await.map_err(Failure::from);
    let answer = body.and_then(|body| state.prioritize(call, &body));
    answer.unwrap_or_else(|failure| {
        state.failed(call, &failure);
        // There is no field for an error, and kube-scheduler would only leave our scores out.
        in_words(&Vec::<HostPriority<'_>>::new())
    })
}

impl AppState {
    fn filter(&self, call: Call, body: &[u8]) -> Result<Response, Failure> {
        let question = wire::read(body)?;
        self.know_all()?;
        let (asker, revision) = (Arc::new(question.asker()), self.revision());
        let mut promise = None;
        let decision = decide(&self.index, &question.pod, |index, demand| {
            let ranked = promised::rank(&self.verdicts, index, demand, question.names());
            let best = ranked.best();
            promise = index.promise_of(demand, &best);
            Placed { ranked, best }
        });
        if let Decision::Ours(_) = decision {
            promised::keep(&self.index, &asker, promise);
        }
        self.last
            .keep((&question, &asker), body, revision, &decision);
        let result = respond::filter(&question, &decision);
        let answer = respond::json(&result)?;
        calls::trace(call.verb, body, &result);
        let nodes = question.names().len();
        let found = Found::of(nodes, &decision, |placed| placed.ranked.fits.len())
            .refused_for(&result.failed_and_unresolvable_nodes);
        self.answered(call, &asker, &found);
        Ok(answer)
    }

    fn prioritize(&self, call: Call, body: &[u8]) -> Result<Response, Failure> {
        self.know_all()?;
        if let Some((asker, found)) = self.last.known(body, self.revision()) {
            return self.prioritized(call, body, (&asker, &found), &[]);
        }
        let question = wire::read(body)?;
        let decision = decide(&self.index, &question.pod, |index, demand| {
            promised::rank(&self.verdicts, index, demand, question.names()).fits
        });
        let found = Found::of(question.names().len(), &decision, Vec::len);
        let priorities = respond::prioritize(&decision);
        self.prioritized(call, body, (&question.asker(), &found), &priorities)
    }

    fn prioritized(
        &self,
        call: Call,
        body: &[u8],
        (asker, found): (&Asker, &Found),
        priorities: &[HostPriority<'_>],
    ) -> Result<Response, Failure> {
        let answer = respond::json(&priorities)?;
        calls::trace(call.verb, body, &priorities);
        self.answered(call, asker, found);
        Ok(answer)
    }

    fn revision(&self) -> u64 {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.revision()
    }

    /// Who knows only a part of the cluster would place blindly.
    fn know_all(&self) -> Result<(), Failure> {
        let missing = self.lists.missing();
        missing.map_or(Ok(()), |list| Err(Failure::NotReady(list)))
    }

    /// Counts it, and logs it.
    fn answered(&self, call: Call, asker: &Asker, found: &Found) {
        if found.outcome == Outcome::Refused {
            self.refusals.happened();
        }
        let took = call.began.elapsed();
        self.metrics.called(call.verb, found.outcome, took);
        self.log.decided(call.verb, asker, found, took);
    }

    /// Counts it, and says it in words.
    fn failed(&self, call: Call, failure: &Failure) -> String {
        let error = format!("vmberth-extender: {failure}");
        self.metrics
            .called(call.verb, Outcome::Error, call.began.elapsed());
        tracing::warn!(verb = call.verb.as_str(), error, "no answer");
        error
    }
}

impl Call {
    fn begins(verb: Verb) -> Self {
        let began = Instant::now();
        Self { verb, began }
    }
}

fn in_words(answer: &impl Serialize) -> Response {
    respond::json(answer).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

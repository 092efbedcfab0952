//! A decision into what kube-scheduler reads.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use vmberth_decide::placement::{Ranked, words};

use crate::decision::Decision;
use crate::wire::{FilterResult, HostPriority, Question};

/// Nodes for a pod of a VM.
#[derive(Debug, PartialEq)]
pub struct Placed<'q> {
    /// All that fit, and why others don't.
    pub ranked: Ranked<'q>,
    /// The best of those that fit.
    pub best: Vec<(&'q str, u64)>,
}

/// What becomes of each node. Of those that fit, only the best are named: kube-scheduler should take no other, and each name
/// that it reads costs it more time than us.
#[must_use]
pub fn filter<'q>(
    question: &'q Question<'_>,
    decision: &'q Decision<Placed<'q>>,
) -> FilterResult<'q> {
    match decision {
        Decision::Foreign => FilterResult {
            nodes: question.nodes_of(|_| true),
            node_names: question.names().collect(),
            ..FilterResult::default()
        },
        // No refusal: that would be final until something in the cluster changes, and it may have changed already.
        Decision::Unclear(why) => FilterResult {
            nodes: question.nodes_of(|_| false),
            error: format!("vmberth-extender: {why}"),
            ..FilterResult::default()
        },
        Decision::Ours(placed) => {
            let is_best = |node: &str| placed.best.iter().any(|(name, _)| *name == node);
            FilterResult {
                nodes: question.nodes_of(is_best),
                node_names: placed.best.iter().map(|(node, _)| *node).collect(),
                // All of them: kube-scheduler asks only about nodes that would do for itself, so whom it tries to evict it spares
                // again, and then says that it failed (facts: scheduler-extender 1.5).
                failed_and_unresolvable_nodes: words(&placed.ranked.refused).into_iter().collect(),
                ..FilterResult::default()
            }
        }
    }
}

/// How good nodes are, where one is better than another. To kube-scheduler a node that is not in the answer has no points
/// (Kubernetes 1.35, `prioritizeNodes` in pkg/scheduler/schedule_one.go).
#[must_use]
pub fn prioritize<'q>(decision: &Decision<Vec<(&'q str, u64)>>) -> Vec<HostPriority<'q>> {
    let Decision::Ours(scores) = decision else {
        return Vec::new();
    };
    let worst = scores.iter().map(|(_, score)| *score).min().unwrap_or(0);
    let points = |&(host, score): &(&'q str, u64)| HostPriority {
        host,
        score: if score > worst { score } else { 0 },
    };
    let named = scores.iter().map(points).filter(|it| it.score > 0);
    named.collect()
}

/// An answer with a body of JSON. kube-scheduler reads no other status than 200.
///
/// # Errors
/// Never by what was asked: an answer that is no JSON is our own bug.
pub fn json(answer: &impl Serialize) -> Result<Response, serde_json::Error> {
    let body = serde_json::to_vec(answer)?;
    let head = [(header::CONTENT_TYPE, "application/json")];
    Ok((StatusCode::OK, head, body).into_response())
}

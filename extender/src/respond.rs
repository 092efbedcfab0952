//! A decision into what kube-scheduler reads.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use vmberth_decide::placement::{Ranked, words};

use crate::decision::Decision;
use crate::wire::{FilterResult, HostPriority, Question};

/// What becomes of each node.
#[must_use]
pub fn filter<'q>(
    question: &'q Question<'_>,
    decision: &'q Decision<Ranked<'q>>,
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
        Decision::Ours(ranked) => placed(question, ranked),
    }
}

fn placed<'q>(question: &'q Question<'_>, ranked: &'q Ranked<'q>) -> FilterResult<'q> {
    let mut result = FilterResult {
        nodes: question.nodes_of(|node| !ranked.refused.contains_key(node)),
        node_names: ranked.fits.iter().map(|(node, _)| *node).collect(),
        ..FilterResult::default()
    };
    // All of them: kube-scheduler asks only about nodes that would do for itself, so whom it tries to evict it spares again, and
    // then says that it failed (facts: scheduler-extender 1.5).
    let refused = words(&ranked.refused).into_iter();
    result.failed_and_unresolvable_nodes.extend(refused);
    result
}

/// How good each node is; none is better than another if nobody knows what the pod needs.
#[must_use]
pub fn prioritize<'q>(
    names: impl Iterator<Item = &'q str>,
    decision: &Decision<Vec<(&'q str, u64)>>,
) -> Vec<HostPriority<'q>> {
    match decision {
        Decision::Foreign | Decision::Unclear(_) => {
            names.map(|host| HostPriority { host, score: 0 }).collect()
        }
        Decision::Ours(scores) => scores
            .iter()
            .map(|&(host, score)| HostPriority { host, score })
            .collect(),
    }
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

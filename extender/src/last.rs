//! What the last filter found. kube-scheduler asks for scores right after it, with the same pod and the nodes that passed, and
//! waits for the answer: as long as nothing has changed, they are known, and the pod need not be read again.

use std::sync::{Arc, Mutex, PoisonError};

use crate::decision::Decision;
use crate::wire::{self, Asker, Question};

/// What the last filter found; one pod is placed after the other.
#[derive(Debug, Default)]
pub struct Last(Mutex<Option<Found>>);

/// Scores of the nodes that passed for one pod.
#[derive(Debug)]
struct Found {
    /// The question up to its names, with the pod in it.
    pod: Vec<u8>,
    revision: u64,
    asker: Arc<Asker>,
    /// Of a pod of a VM.
    scores: Option<Scores>,
}

#[derive(Debug, Default)]
struct Scores {
    /// Names of the nodes, one behind the other: a text for each of thousands would cost more than to ask again.
    names: String,
    /// Where each name ends, and the score.
    nodes: Vec<(usize, u64)>,
}

/// What is known of a question.
#[derive(Debug)]
pub struct Known<'b> {
    /// Whose it is.
    pub asker: Arc<Asker>,
    /// How many nodes it is about.
    pub nodes: usize,
    /// Scores for these nodes, in their order.
    pub decision: Decision<Vec<(&'b str, u64)>>,
}

impl Last {
    /// Keeps what was found for this question in an index of this revision: scores, or that the pod is foreign.
    pub fn keep(
        &self,
        question: &Question<'_>,
        body: &[u8],
        revision: u64,
        scores: Option<&[(&str, u64)]>,
    ) {
        let pod = wire::before_names(body, question);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = pod.map(|pod| {
            let mut kept = last.take().map(|it| it.pod).unwrap_or_default();
            kept.clear();
            kept.extend_from_slice(pod);
            Found {
                pod: kept,
                revision,
                asker: Arc::new(question.asker()),
                scores: scores.map(Scores::of),
            }
        });
    }

    /// What is known of this question, if it is about the same pod and about just the nodes that passed for it, and nothing has
    /// changed since.
    pub fn known<'b>(&self, body: &'b [u8], revision: u64) -> Option<Known<'b>> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = last.as_ref().filter(|it| it.revision == revision)?;
        let names = wire::names_behind(body, &found.pod)?;
        let decision = match &found.scores {
            None => Decision::Foreign,
            Some(scores) => Decision::Ours(scores.for_names(&names)?),
        };
        Some(Known {
            asker: Arc::clone(&found.asker),
            nodes: names.len(),
            decision,
        })
    }
}

impl Scores {
    fn of(nodes: &[(&str, u64)]) -> Self {
        let mut scores = Self::default();
        for (name, score) in nodes {
            scores.names.push_str(name);
            scores.nodes.push((scores.names.len(), *score));
        }
        scores
    }

    fn for_names<'b>(&self, names: &[&'b str]) -> Option<Vec<(&'b str, u64)>> {
        if names.len() != self.nodes.len() {
            return None;
        }
        let mut from = 0;
        let mut scores = Vec::with_capacity(names.len());
        for (name, (end, score)) in names.iter().zip(&self.nodes) {
            if self.names.get(from..*end) != Some(*name) {
                return None;
            }
            from = *end;
            scores.push((*name, *score));
        }
        Some(scores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(uid: &str, names: &str) -> String {
        let metadata = format!(r#"{{"name":"p","namespace":"edge","uid":"{uid}"}}"#);
        format!(r#"{{"Pod":{{"metadata":{metadata}}},"Nodes":null,"NodeNames":{names}}}"#)
    }

    fn keep(last: &Last, uid: &str, scores: Option<&[(&str, u64)]>) {
        let body = body(uid, r#"["edge-0","edge-1","edge-10"]"#);
        let question = wire::read(body.as_bytes()).unwrap();
        last.keep(&question, body.as_bytes(), 7, scores);
    }

    fn scores(last: &Last, body: &str, revision: u64) -> Option<Vec<u64>> {
        let known = last.known(body.as_bytes(), revision)?;
        match known.decision {
            Decision::Ours(scores) => Some(scores.into_iter().map(|(_, score)| score).collect()),
            Decision::Foreign | Decision::Unclear(_) => None,
        }
    }

    #[test]
    fn only_the_same_question_has_the_same_answer() {
        let last = Last::default();
        let same = body("u", r#"["edge-1","edge-10"]"#);
        assert_eq!(scores(&last, &same, 7), None);
        keep(&last, "u", Some(&[("edge-1", 3), ("edge-10", 9)]));
        assert_eq!(scores(&last, &same, 7), Some(vec![3, 9]));
        assert_eq!(scores(&last, &same, 8), None);
        for other in [
            body("v", r#"["edge-1","edge-10"]"#),
            body("u", r#"["edge-1"]"#),
            body("u", r#"["edge-10","edge-1"]"#),
            body("u", r#"["edge-1edge-1","0"]"#),
            body("u", r#"["edge-1","edge-10"],"Pod":{}"#),
            body("u", r#"["edge-1","edge-10""#),
            body("u", "null"),
            String::new(),
        ] {
            assert_eq!(scores(&last, &other, 7), None, "{other}");
        }
        keep(&last, "v", Some(&[]));
        assert_eq!(scores(&last, &same, 7), None);
        assert_eq!(scores(&last, &body("v", "[]"), 7), Some(vec![]));
    }

    #[test]
    fn foreign_pod_is_known_again_with_any_nodes() {
        let last = Last::default();
        keep(&last, "u", None);
        let again = body("u", r#"["edge-1"]"#);
        let known = last.known(again.as_bytes(), 7).unwrap();
        assert_eq!(known.decision, Decision::Foreign);
        assert_eq!(known.nodes, 1);
        assert_eq!((&*known.asker.uid, &*known.asker.name), ("u", "p"));
    }

    #[test]
    fn question_without_names_is_not_kept() {
        let last = Last::default();
        let body = body("u", "[]");
        let question = wire::read(body.as_bytes()).unwrap();
        last.keep(&question, body.as_bytes(), 7, None);
        assert!(last.known(body.as_bytes(), 7).is_none());
    }
}

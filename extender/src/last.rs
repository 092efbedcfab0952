//! What the last filter found. kube-scheduler asks for scores right after it, with the same pod and the nodes that passed, and
//! waits for the answer: as long as nothing has changed, they are known.

use std::sync::{Mutex, PoisonError};

/// What the last filter found; one pod is placed after the other.
#[derive(Debug, Default)]
pub struct Last(Mutex<Found>);

/// Scores of the nodes that passed for one pod.
#[derive(Debug, Default)]
struct Found {
    uid: String,
    revision: u64,
    /// Names of the nodes, one behind the other: a text for each of thousands would cost more than to ask again.
    names: String,
    /// Where each name ends, and the score.
    nodes: Vec<(usize, u64)>,
}

impl Last {
    /// Keeps what was found for the pod of this UID, in an index of this revision.
    pub fn keep(&self, uid: &str, revision: u64, scores: &[(&str, u64)]) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.uid.clear();
        found.uid.push_str(uid);
        found.revision = revision;
        found.names.clear();
        found.nodes.clear();
        for (name, score) in scores {
            found.names.push_str(name);
            let end = found.names.len();
            found.nodes.push((end, *score));
        }
    }

    /// Scores for these nodes in their order, if they are just those that passed for this pod and nothing has changed since.
    pub fn scores<'n>(
        &self,
        uid: &str,
        revision: u64,
        names: impl ExactSizeIterator<Item = &'n str>,
    ) -> Option<Vec<(&'n str, u64)>> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_this = !uid.is_empty() && found.uid == uid && found.revision == revision;
        if !is_this || found.nodes.len() != names.len() {
            return None;
        }
        let mut from = 0;
        let mut scores = Vec::with_capacity(names.len());
        for (name, (end, score)) in names.zip(&found.nodes) {
            if found.names.get(from..*end) != Some(name) {
                return None;
            }
            from = *end;
            scores.push((name, *score));
        }
        Some(scores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(last: &Last, uid: &str, revision: u64, names: &[&'static str]) -> Option<Vec<u64>> {
        let scores = last.scores(uid, revision, names.iter().copied())?;
        Some(scores.into_iter().map(|(_, score)| score).collect())
    }

    #[test]
    fn only_the_same_question_has_the_same_answer() {
        let last = Last::default();
        last.keep("u", 7, &[("edge-1", 3), ("edge-10", 9)]);
        assert_eq!(
            scores(&last, "u", 7, &["edge-1", "edge-10"]),
            Some(vec![3, 9])
        );
        assert_eq!(scores(&last, "v", 7, &["edge-1", "edge-10"]), None);
        assert_eq!(scores(&last, "u", 8, &["edge-1", "edge-10"]), None);
        assert_eq!(scores(&last, "u", 7, &["edge-1"]), None);
        assert_eq!(scores(&last, "u", 7, &["edge-10", "edge-1"]), None);
        assert_eq!(scores(&last, "u", 7, &["edge-1edge-1", "0"]), None);
        last.keep("v", 8, &[]);
        assert_eq!(scores(&last, "v", 8, &[]), Some(vec![]));
        assert_eq!(scores(&Last::default(), "", 0, &[]), None);
    }
}

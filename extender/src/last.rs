//! Whose question the last filter answered. kube-scheduler that asks for scores does it right after, for the same pod and of the
//! nodes that were named: none of them is better than another, so as long as nothing has changed the pod need not be read again.

use std::sync::{Arc, Mutex, PoisonError};

use crate::decision::Decision;
use crate::log::Found;
use crate::respond::Placed;
use crate::wire::{self, Asker, Question};

/// What the last filter answered; one pod is placed after the other.
#[derive(Debug, Default)]
pub struct Last(Mutex<Option<Answered>>);

#[derive(Debug)]
struct Answered {
    /// The question up to its names, with the pod in it.
    pod: Vec<u8>,
    revision: u64,
    asker: Arc<Asker>,
    found: Arc<Found>,
}

impl Last {
    /// Keeps whose question this was, and what was decided in an index of this revision.
    pub fn keep(
        &self,
        (question, asker): (&Question<'_>, &Arc<Asker>),
        body: &[u8],
        revision: u64,
        decision: &Decision<Placed<'_>>,
    ) {
        let nodes = match decision {
            Decision::Foreign => Some(question.names().len()),
            Decision::Ours(placed) => Some(placed.best.len()),
            Decision::Unclear(_) => None,
        };
        let pod = wire::before_names(body, question);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = nodes.zip(pod).map(|(nodes, pod)| Answered {
            pod: pod.to_vec(),
            revision,
            asker: Arc::clone(asker),
            found: Arc::new(Found::of(nodes, decision, |_| nodes)),
        });
    }

    /// Whose question for scores this is and what there is to be said of it, if it is about the same pod and nothing has changed since:
    /// none of the nodes is better than another.
    pub fn known(&self, body: &[u8], revision: u64) -> Option<(Arc<Asker>, Arc<Found>)> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = last.as_ref().filter(|it| it.revision == revision)?;
        body.strip_prefix(last.pod.as_slice())?;
        Some((Arc::clone(&last.asker), Arc::clone(&last.found)))
    }
}

#[cfg(test)]
mod tests {
    use vmberth_decide::placement::Ranked;

    use super::*;
    use crate::metrics::Outcome;

    fn body(uid: &str, names: &str) -> String {
        let metadata = format!(r#"{{"name":"p","namespace":"edge","uid":"{uid}"}}"#);
        format!(r#"{{"Pod":{{"metadata":{metadata}}},"Nodes":null,"NodeNames":{names}}}"#)
    }

    fn keep(last: &Last, body: &str, decision: &Decision<Placed<'_>>) {
        let question = wire::read(body.as_bytes()).unwrap();
        let asker = Arc::new(question.asker());
        last.keep((&question, &asker), body.as_bytes(), 7, decision);
    }

    fn is_known(last: &Last, body: &str, revision: u64) -> bool {
        last.known(body.as_bytes(), revision).is_some()
    }

    fn placed() -> Decision<Placed<'static>> {
        Decision::Ours(Placed {
            ranked: Ranked::default(),
            best: vec![("edge-1", 10), ("edge-10", 10)],
        })
    }

    #[test]
    fn only_the_same_pod_is_known_and_as_long_as_nothing_changes() {
        let last = Last::default();
        let same = body("u", r#"["edge-1","edge-10"]"#);
        assert!(!is_known(&last, &same, 7));
        keep(
            &last,
            &body("u", r#"["edge-0","edge-1","edge-10"]"#),
            &placed(),
        );
        let (asker, found) = last.known(same.as_bytes(), 7).unwrap();
        assert_eq!(
            (found.outcome, found.nodes, found.fits),
            (Outcome::Placed, 2, 2)
        );
        assert_eq!((&*asker.uid, &*asker.name), ("u", "p"));
        assert!(!is_known(&last, &same, 8));
        for other in [body("v", r#"["edge-1"]"#), body("u", "null"), String::new()] {
            assert!(!is_known(&last, &other, 7), "{other}");
        }
        keep(&last, &body("v", r#"["edge-1"]"#), &placed());
        assert!(!is_known(&last, &same, 7));
    }

    #[test]
    fn foreign_pod_is_known_again() {
        let last = Last::default();
        keep(&last, &body("u", r#"["edge-1"]"#), &Decision::Foreign);
        let known = last.known(body("u", r#"["edge-2"]"#).as_bytes(), 7);
        assert_eq!(known.unwrap().1.outcome, Outcome::Foreign);
    }

    #[test]
    fn what_nobody_can_say_or_tell_apart_is_not_kept() {
        let last = Last::default();
        let unclear = Decision::Unclear("claim".to_owned());
        let one = body("u", r#"["edge-1"]"#);
        keep(&last, &one, &unclear);
        assert!(!is_known(&last, &one, 7));
        let none = body("u", "[]");
        keep(&last, &none, &Decision::Foreign);
        assert!(!is_known(&last, &none, 7));
        // The pod stands behind the names.
        let turned = r#"{"NodeNames":["edge-1"],"Pod":{"metadata":{"uid":"u"}}}"#;
        keep(&last, turned, &Decision::Foreign);
        assert!(!is_known(&last, turned, 7));
    }
}

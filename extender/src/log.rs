//! One line for each decision: enough to find it again, never the pod itself. Of a pod that waits only what is new.

mod repeats;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use vmberth_decide::words::cut;

use crate::decision::Decision;
use crate::metrics::{Outcome, Verb};
use crate::wire::Asker;

use repeats::Repeats;

/// Bytes of the words of a refusal.
const WORDS: usize = 512;

/// The log of decisions.
#[derive(Debug, Default)]
pub struct Log(Mutex<Repeats>);

/// What came out of a call.
#[derive(Debug)]
pub struct Found {
    /// How it ended.
    pub outcome: Outcome,
    /// How many nodes were asked about.
    pub nodes: usize,
    /// How many of them fit.
    pub fits: usize,
    /// Why none does, or why nothing can be said.
    pub why: Option<String>,
}

impl Found {
    /// What is to be said of a decision about so many `nodes`; `fits` counts the nodes that fit.
    pub fn of<T>(nodes: usize, decision: &Decision<T>, fits: impl Fn(&T) -> usize) -> Self {
        let (outcome, fits, why) = match decision {
            Decision::Foreign => (Outcome::Foreign, nodes, None),
            Decision::Unclear(why) => (Outcome::Unclear, 0, Some(why.clone())),
            Decision::Ours(placed) => match fits(placed) {
                0 => (Outcome::Refused, 0, None),
                fits => (Outcome::Placed, fits, None),
            },
        };
        Self {
            outcome,
            nodes,
            fits,
            why,
        }
    }

    /// With the words of each node, if none fits.
    #[must_use]
    pub fn refused_for(mut self, words: &[(&str, Arc<str>)]) -> Self {
        if self.outcome == Outcome::Refused && !words.is_empty() {
            self.why = Some(cut(&grouped(words), WORDS));
        }
        self
    }
}

impl Log {
    /// A decision was made.
    pub fn decided(&self, verb: Verb, asker: &Asker, found: &Found, took: Duration) {
        let &Found {
            outcome,
            nodes,
            fits,
            ..
        } = found;
        let Asker {
            uid,
            namespace,
            name,
        } = asker;
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let verb = verb.as_str();
        if outcome == Outcome::Foreign {
            tracing::debug!(uid, namespace, name, verb, nodes, micros, "pod of no VM");
            return;
        }
        let why = found.why.as_deref();
        let Some(repeated) = self.is_news(verb, uid, (outcome.as_str(), why.map(without_numbers)))
        else {
            return;
        };
        tracing::info!(
            uid,
            namespace,
            name,
            verb,
            outcome = outcome.as_str(),
            why,
            nodes,
            fits,
            refused = nodes.saturating_sub(fits),
            repeated = (repeated > 0).then_some(repeated),
            micros,
            "decision"
        );
    }

    fn is_news(&self, verb: &'static str, uid: &str, what: (&str, Option<String>)) -> Option<u64> {
        let mut repeats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        repeats.next(verb, uid, what, Instant::now())
    }
}

/// As kube-scheduler counts them in the pod's event, those of most nodes first.
fn grouped(words: &[(&str, Arc<str>)]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, words) in words {
        let count = counts.entry(words).or_default();
        *count = count.saturating_add(1);
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let told = counts
        .iter()
        .map(|(words, count)| format!("{count} {words}"));
    told.collect::<Vec<_>>().join("; ")
}

/// In a busy cluster numbers change with every pod; that is no other reason.
fn without_numbers(words: &str) -> String {
    words.chars().filter(|it| !it.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_with_the_same_words_are_counted() {
        let words = ["node is not known yet", "needs 1 VF", "needs 1 VF"];
        let words: Vec<(&str, Arc<str>)> = words.map(|words| ("n", words.into())).into();
        assert_eq!(grouped(&words), "2 needs 1 VF; 1 node is not known yet");
        assert_eq!(grouped(&[]), "");
    }

    #[test]
    fn long_words_are_cut() {
        let words: Vec<(&str, Arc<str>)> = (0..100)
            .map(|at| ("n", format!("needs {at} VFs").into()))
            .collect();
        let found = Found {
            outcome: Outcome::Refused,
            nodes: 100,
            fits: 0,
            why: None,
        };
        let why = found.refused_for(&words).why.unwrap();
        assert!(why.len() <= WORDS && why.ends_with('…'), "{why}");
    }

    #[test]
    fn another_number_is_no_news() {
        let log = Log::default();
        let said = |why: &str| log.is_news("filter", "u", ("refused", Some(without_numbers(why))));
        assert_eq!(said("1 needs 2 VFs: 0 free of 8"), Some(0));
        assert_eq!(said("1 needs 2 VFs: 1 free of 8"), None);
        assert_eq!(said("2 will need 2 VFs: 1 free of 8"), Some(1));
    }
}

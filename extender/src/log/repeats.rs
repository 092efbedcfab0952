//! Which decisions were logged already: a pod that waits is decided about again and again, mostly in the same way.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// So long the same decision about a pod is not logged again.
pub(super) const AGAIN: Duration = Duration::from_secs(60);
/// So many pods are remembered.
const MOST: usize = 1_000;

/// The last line about each pod, by what was asked and its UID.
#[derive(Debug, Default)]
pub(super) struct Repeats(HashMap<(&'static str, String), Line>);

/// A line that was logged.
#[derive(Debug)]
struct Line {
    /// Hash of what it said.
    said: u64,
    at: Instant,
    /// How often the same was decided since.
    since: u64,
}

impl Repeats {
    /// Whether this is to be logged now; if so, how often it or what was logged before it was decided without a line.
    pub(super) fn next(
        &mut self,
        verb: &'static str,
        uid: &str,
        what: impl Hash,
        now: Instant,
    ) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        let said = hasher.finish();
        let key = (verb, uid.to_owned());
        let mut repeated = 0;
        if let Some(line) = self.0.get_mut(&key) {
            if line.said == said && is_recent(line.at, now) {
                line.since = line.since.saturating_add(1);
                return None;
            }
            repeated = line.since;
        } else {
            self.make_room(now);
        }
        let line = Line {
            said,
            at: now,
            since: 0,
        };
        self.0.insert(key, line);
        Some(repeated)
    }

    /// Of pods that are long gone nothing is kept; of more than can be remembered nobody is.
    fn make_room(&mut self, now: Instant) {
        if self.0.len() >= MOST {
            self.0.retain(|_, line| is_recent(line.at, now));
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
    }
}

fn is_recent(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < AGAIN
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_same_is_told_once_a_minute_and_counted() {
        let mut repeats = Repeats::default();
        let began = Instant::now();
        let mut said = |what, after: u32| repeats.next("filter", "u", what, began + SECOND * after);
        assert_eq!(said("a", 0), Some(0));
        assert_eq!(said("a", 1), None);
        assert_eq!(said("a", 59), None);
        assert_eq!(said("a", 60), Some(2));
        assert_eq!(said("a", 61), None);
        assert_eq!(said("b", 62), Some(1), "another decision is told at once");
        assert_eq!(said("a", 63), Some(0));
        assert_eq!(said("a", 200), Some(0));
    }

    #[test]
    fn each_pod_and_each_verb_has_its_own_line() {
        let mut repeats = Repeats::default();
        let now = Instant::now();
        for (verb, uid) in [("filter", "u"), ("filter", "v"), ("prioritize", "u")] {
            assert_eq!(repeats.next(verb, uid, "a", now), Some(0));
            assert_eq!(repeats.next(verb, uid, "a", now), None);
        }
    }

    #[test]
    fn memory_is_bounded_and_old_pods_go_first() {
        let mut repeats = Repeats::default();
        let began = Instant::now();
        for pod in 0..MOST / 2 {
            repeats.next("filter", &format!("old-{pod}"), 0, began);
        }
        let later = began + AGAIN;
        for pod in 0..MOST - 1 {
            repeats.next("filter", &format!("new-{pod}"), 0, later);
        }
        assert!(repeats.0.len() <= MOST);
        assert_eq!(repeats.next("filter", "new-0", 0, later), None);
        for pod in 0..10 * MOST {
            repeats.next("filter", &format!("many-{pod}"), 0, later);
        }
        assert!(repeats.0.len() <= MOST);
    }
}

//! Readiness: a list of named conditions that must all hold.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Reader's side: whether the server may be sent requests.
#[derive(Debug, Clone, Default)]
pub struct Ready {
    conditions: Arc<Mutex<BTreeMap<&'static str, bool>>>,
}

/// Writer's side of one condition.
#[derive(Debug, Clone)]
pub struct Condition {
    ready: Ready,
    name: &'static str,
}

impl Ready {
    /// Adds a condition that does not hold yet.
    #[must_use]
    pub fn condition(&self, name: &'static str) -> Condition {
        self.lock().insert(name, false);
        Condition {
            ready: self.clone(),
            name,
        }
    }

    /// The conditions that do not hold, sorted; empty means ready.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.lock()
            .iter()
            .filter(|(_, holds)| !**holds)
            .map(|(name, _)| *name)
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, bool>> {
        self.conditions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Condition {
    /// Says whether the condition holds from now on.
    pub fn set(&self, holds: bool) {
        self.ready.lock().insert(self.name, holds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_condition_holds() {
        let ready = Ready::default();
        assert!(ready.missing().is_empty());
        let (policy, certificate) = (ready.condition("policy"), ready.condition("certificate"));
        assert_eq!(ready.missing(), ["certificate", "policy"]);
        policy.set(true);
        certificate.set(true);
        assert!(ready.missing().is_empty());
        certificate.set(false);
        assert_eq!(ready.missing(), ["certificate"]);
    }
}

//! Which first lists are complete: who is asked before all of them are could only guess.

use std::sync::Arc;

use vmberth_cluster::feed::RESOURCES;
use vmberth_serve::ready::{Condition, Ready};

/// The first lists of all that is watched; each is a condition of readiness, too.
#[derive(Debug, Clone)]
pub struct Lists {
    ready: Ready,
    conditions: Arc<[(&'static str, Condition)]>,
}

impl Lists {
    /// None of them is complete yet.
    #[must_use]
    pub fn awaited(ready: &Ready) -> Self {
        let condition = |resource| (resource, ready.condition(resource));
        Self {
            ready: ready.clone(),
            conditions: RESOURCES.into_iter().map(condition).collect(),
        }
    }

    /// The list of this resource is complete; again is the same as once.
    pub fn complete(&self, resource: &str) {
        let mut conditions = self.conditions.iter();
        let Some((name, condition)) = conditions.find(|(name, _)| *name == resource) else {
            return;
        };
        if self.ready.missing().contains(name) {
            condition.set(true);
            tracing::info!(resource, "first list is complete");
        }
    }

    /// One that is not complete, if there is one.
    #[must_use]
    pub fn missing(&self) -> Option<&'static str> {
        let is_list = |name: &&str| RESOURCES.contains(name);
        self.ready.missing().into_iter().find(is_list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_waited_for_and_nothing_else() {
        let ready = Ready::default();
        let _running = ready.condition("running");
        let lists = Lists::awaited(&ready);
        for resource in RESOURCES {
            assert!(lists.missing().is_some());
            lists.complete(resource);
            lists.complete(resource);
        }
        lists.complete("secrets");
        assert_eq!(lists.missing(), None);
        assert_eq!(ready.missing(), ["running"]);
    }
}

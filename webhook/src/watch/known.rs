//! What is known of other objects, by namespace and name.

use std::collections::BTreeMap;
use std::sync::Arc;

use vmberth_cluster::Key;
use vmberth_decide::surroundings::{ClaimKnown, NetworkKnown, Surroundings};

/// Everything that is watched, as of now. A copy shares its tables, and a changed table all namespaces but one.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub(super) networks: Slot<Option<String>>,
    pub(super) claims: Slot<String>,
}

/// A table; `None` if its objects are not watched, or not yet.
pub(super) type Slot<V> = Option<Arc<Table<V>>>;

/// Objects of one kind, and what is kept of each.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table<V>(BTreeMap<String, Arc<BTreeMap<String, V>>>);

impl Surroundings for Known {
    fn network(&self, namespace: &str, name: &str) -> NetworkKnown<'_> {
        let Some(networks) = &self.networks else {
            return NetworkKnown::Unwatched;
        };
        match networks.get(namespace, name) {
            None => NetworkKnown::Missing,
            Some(None) => NetworkKnown::WithoutResource,
            Some(Some(resource)) => NetworkKnown::Resource(resource),
        }
    }

    fn class_of_claim(&self, namespace: &str, name: &str) -> ClaimKnown<'_> {
        let Some(claims) = &self.claims else {
            return ClaimKnown::Unwatched;
        };
        match claims.get(namespace, name) {
            None => ClaimKnown::Missing,
            Some(class) => ClaimKnown::Class(class),
        }
    }
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<V: Clone> FromIterator<(Key, V)> for Table<V> {
    fn from_iter<I: IntoIterator<Item = (Key, V)>>(all: I) -> Self {
        let mut table = Self::default();
        for ((namespace, name), value) in all {
            table.insert(namespace, name, value);
        }
        table
    }
}

impl<V: Clone> Table<V> {
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&V> {
        self.0.get(namespace)?.get(name)
    }

    pub(super) fn insert(&mut self, namespace: String, name: String, value: V) {
        let space = self.0.entry(namespace).or_default();
        Arc::make_mut(space).insert(name, value);
    }

    pub(super) fn remove(&mut self, namespace: &str, name: &str) {
        let Some(space) = self.0.get_mut(namespace) else {
            return;
        };
        Arc::make_mut(space).remove(name);
        if space.is_empty() {
            self.0.remove(namespace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<String> {
        let mut table = Table::default();
        for (namespace, name) in [("edge", "a"), ("edge", "b"), ("site", "a")] {
            table.insert(namespace.to_owned(), name.to_owned(), "local".to_owned());
        }
        table
    }

    #[test]
    fn change_copies_its_namespace_only() {
        let before = table();
        let mut after = before.clone();
        after.insert("edge".to_owned(), "b".to_owned(), "other".to_owned());
        assert_eq!(before.get("edge", "b").map(String::as_str), Some("local"));
        assert_eq!(after.get("edge", "b").map(String::as_str), Some("other"));
        assert!(Arc::ptr_eq(&before.0["site"], &after.0["site"]));
        assert!(!Arc::ptr_eq(&before.0["edge"], &after.0["edge"]));
    }

    #[test]
    fn namespace_goes_with_its_last_object() {
        let mut table = table();
        table.remove("site", "a");
        table.remove("nowhere", "a");
        assert_eq!(table.0.keys().collect::<Vec<_>>(), ["edge"]);
        table.remove("edge", "a");
        table.remove("edge", "b");
        assert_eq!(table, Table::default());
    }
}

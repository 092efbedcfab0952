//! The nodes that are known, each at a place of its own: a number, so that what is said of thousands of them stays small.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::nodes::Known;

/// Where a node is in the table; another one may get the place of a node that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// What is known of each node.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    entries: HashMap<Arc<str>, Entry, RandomState>,
    /// When each place was changed last; apart, since it is what most questions look at.
    stamps: Vec<u64>,
    last_stamp: u64,
    free: Vec<Place>,
}

/// Small, since thousands of names are looked up for one pod.
#[derive(Debug, Clone)]
struct Entry {
    place: Place,
    known: Box<Known>,
}

/// Some of the nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NodeSet(Vec<u64>);

impl Table {
    pub(super) fn get(&self, name: &str) -> Option<&Known> {
        Some(&self.entries.get(name)?.known)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Known> {
        Some(&mut self.entries.get_mut(name)?.known)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Known)> {
        self.entries.iter().map(|(name, it)| (name, &*it.known))
    }

    /// What is known of this node, nothing yet of a new one.
    pub(super) fn or_new(&mut self, name: &Arc<str>) -> &mut Known {
        let (stamps, free) = (&mut self.stamps, &mut self.free);
        let last_stamp = &mut self.last_stamp;
        let entry = self.entries.entry(Arc::clone(name)).or_insert_with(|| {
            let place = free.pop().unwrap_or_else(|| {
                // 0 is no stamp.
                *last_stamp = last_stamp.wrapping_add(1);
                stamps.push(*last_stamp);
                Place(stamps.len().saturating_sub(1))
            });
            let known = Box::default();
            Entry { place, known }
        });
        &mut entry.known
    }

    /// Forgets a node, and tells where it was.
    pub(super) fn remove(&mut self, name: &str) -> Option<Place> {
        self.changed(name);
        let entry = self.entries.remove(name)?;
        self.free.push(entry.place);
        Some(entry.place)
    }

    pub(super) fn place(&self, name: &str) -> Option<Place> {
        Some(self.entries.get(name)?.place)
    }

    /// Names of these nodes.
    pub(super) fn names_in(&self, nodes: &NodeSet) -> Vec<&str> {
        let entries = self.entries.iter();
        let named = entries.filter(|(_, it)| nodes.contains(it.place));
        named.map(|(name, _)| &**name).collect()
    }

    /// A number that is another one when something of the node there, or which node it is, has changed; never 0.
    pub(super) fn stamp(&self, place: Place) -> u64 {
        self.stamps.get(place.0).copied().unwrap_or(0)
    }

    /// What is known of the node is another thing now.
    pub(super) fn changed(&mut self, name: &str) {
        self.last_stamp = self.last_stamp.wrapping_add(1);
        let place = self.place(name);
        if let Some(stamp) = place.and_then(|place| self.stamps.get_mut(place.0)) {
            *stamp = self.last_stamp;
        }
    }
}

/// As far as decisions can tell: whoever has heard of nodes in another order has them at other places.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        let same = |(name, known): (&Arc<str>, &Known)| other.get(name) == Some(known);
        self.entries.len() == other.entries.len() && self.iter().all(same)
    }
}

impl Place {
    /// From 0 to how many nodes there were at most.
    pub(crate) fn number(self) -> usize {
        self.0
    }

    fn word_and_bit(self) -> (usize, u64) {
        (self.0 / 64, 1 << (self.0 % 64))
    }
}

impl NodeSet {
    /// Adds this one.
    pub(crate) fn insert(&mut self, place: Place) {
        let (at, bit) = place.word_and_bit();
        if self.0.len() <= at {
            self.0.resize(at.saturating_add(1), 0);
        }
        if let Some(word) = self.0.get_mut(at) {
            *word |= bit;
        }
    }

    /// Takes this one out.
    pub(crate) fn remove(&mut self, place: Place) {
        let (at, bit) = place.word_and_bit();
        if let Some(word) = self.0.get_mut(at) {
            *word &= !bit;
        }
    }

    /// Adds all of these.
    pub(crate) fn add(&mut self, others: &Self) {
        if self.0.len() < others.0.len() {
            self.0.resize(others.0.len(), 0);
        }
        for (word, other) in self.0.iter_mut().zip(&others.0) {
            *word |= other;
        }
    }

    /// Whether it is one of them.
    pub(crate) fn contains(&self, place: Place) -> bool {
        let (at, bit) = place.word_and_bit();
        self.0.get(at).is_some_and(|word| word & bit != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(table: &mut Table, name: &str) -> Place {
        table.or_new(&name.into());
        table.place(name).unwrap()
    }

    #[test]
    fn stamp_tells_every_change_also_of_which_node_it_is() {
        let mut table = Table::default();
        let (a, b) = (place(&mut table, "a"), place(&mut table, "b"));
        assert_ne!(a, b);
        assert!(table.stamp(a) != 0 && table.stamp(b) != 0);
        table.changed("a");
        table.changed("b");
        let before = [table.stamp(a), table.stamp(b)];
        table.changed("a");
        assert!(table.stamp(a) > before[0] && table.stamp(b) == before[1]);
        let before = table.stamp(a);
        assert_eq!(table.remove("a"), Some(a));
        assert_eq!((table.place("a"), table.remove("a")), (None, None));
        assert_eq!(place(&mut table, "c"), a, "its place is another's");
        assert!(table.stamp(a) > before);
        assert_eq!(place(&mut table, "d").number(), 2);
    }

    #[test]
    fn tables_are_equal_in_whatever_order_they_were_filled() {
        let (mut one, mut other) = (Table::default(), Table::default());
        for name in ["a", "b"] {
            place(&mut one, name);
        }
        for name in ["b", "x", "a"] {
            place(&mut other, name);
        }
        assert_ne!(one, other);
        other.remove("x");
        assert_eq!(one, other);
    }

    #[test]
    fn sets_of_nodes() {
        let mut set = NodeSet::default();
        set.insert(Place(70));
        let mut more = NodeSet::default();
        more.insert(Place(3));
        more.add(&set);
        assert!(more.contains(Place(3)) && more.contains(Place(70)) && !more.contains(Place(71)));
        more.remove(Place(70));
        more.remove(Place(700));
        assert!(!more.contains(Place(70)) && !more.contains(Place(6)));
        set.add(&more);
        assert!(set.contains(Place(3)) && set.contains(Place(70)));
    }
}

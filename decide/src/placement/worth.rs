//! What is said of nodes before they are compared.

use super::room::HasAndLoses;

/// What is said of nodes, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Worth {
    /// Points for all but room.
    pub(super) points: Vec<u64>,
    /// For each node as many as there are kinds of VMs.
    pub(super) rooms: Vec<HasAndLoses>,
    kinds: usize,
}

impl Worth {
    /// Room for what is said of so many nodes.
    pub(super) fn for_nodes(nodes: usize, kinds: usize) -> Self {
        Self {
            points: Vec::with_capacity(nodes),
            rooms: Vec::with_capacity(nodes.saturating_mul(kinds)),
            kinds,
        }
    }

    /// Adds what is said of the node at this place behind what others say; `false` if nothing is.
    pub(super) fn copy(&self, at: usize, others: &mut Self) -> bool {
        let from = at.saturating_mul(self.kinds);
        let rooms = self.rooms.get(from..from.saturating_add(self.kinds));
        let Some((points, rooms)) = self.points.get(at).zip(rooms) else {
            return false;
        };
        others.points.push(*points);
        others.rooms.extend_from_slice(rooms);
        true
    }

    /// Puts at this place what was said last.
    pub(super) fn put_last_of(&mut self, others: &Self, at: usize) {
        self.kinds = others.kinds;
        let nodes = at.saturating_add(1).max(self.points.len());
        self.points.resize(nodes, 0);
        self.rooms.resize(nodes.saturating_mul(self.kinds), [0, 0]);
        let from = at.saturating_mul(self.kinds);
        let rooms = self.rooms.get_mut(from..from.saturating_add(self.kinds));
        let last = others.rooms.len().saturating_sub(self.kinds);
        for (room, last) in rooms
            .into_iter()
            .flatten()
            .zip(others.rooms.iter().skip(last))
        {
            *room = *last;
        }
        if let Some((points, last)) = self.points.get_mut(at).zip(others.points.last()) {
            *points = *last;
        }
    }
}

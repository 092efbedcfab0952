//! Why nodes were refused, in words that stay readable with a thousand nodes.
//!
//! kube-scheduler counts equal words: "0/3 nodes are available: 2 ..., 1 ...". So all nodes that lack the same thing get the
//! words of the one that is closest to having it, by name and with its numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Misfit, Unknown};
use crate::fit::Lack;

/// Why a node was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Too little is known of it.
    Unknown(Unknown),
    /// It can't hold the VM; never empty.
    Misfits(Vec<Misfit>),
}

/// What nodes have in common that get the same words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Unknown(Unknown),
    Lack(Lack),
}

impl Refusal {
    /// Of several misfits, the one that is hardest to cure is told.
    fn hardest(&self) -> Option<&Misfit> {
        match self {
            Self::Unknown(_) => None,
            Self::Misfits(misfits) => misfits.iter().min_by_key(|it| !it.is_for_good()),
        }
    }

    /// What it has in common with others; `None` if there is nothing to tell.
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Unknown(unknown) => Some(Kind::Unknown(*unknown)),
            Self::Misfits(_) => Some(Kind::Lack(self.hardest()?.lack())),
        }
    }

    fn text(&self, node: &str) -> String {
        match self {
            Self::Unknown(unknown) => unknown.to_string(),
            Self::Misfits(_) => match self.hardest() {
                None => String::new(),
                // Nodes with this in common differ in nothing.
                Some(Misfit::Tied(tie)) if tie.shortfall().is_none() => tie.to_string(),
                Some(misfit) => format!("{misfit} (on {node}, the closest)"),
            },
        }
    }
}

/// Words for each node.
#[must_use]
pub fn words<'n>(refused: &BTreeMap<&'n str, Refusal>) -> BTreeMap<&'n str, Arc<str>> {
    let mut closest: BTreeMap<Option<Kind>, (u64, &'n str, &Refusal)> = BTreeMap::new();
    for (&node, refusal) in refused {
        let shortfall = refusal.hardest().map_or(0, Misfit::shortfall);
        let best = closest
            .entry(refusal.kind())
            .or_insert((shortfall, node, refusal));
        // Of equals, the first by name.
        if shortfall < best.0 {
            *best = (shortfall, node, refusal);
        }
    }
    let texts: BTreeMap<Option<Kind>, Arc<str>> = closest
        .into_iter()
        .map(|(kind, (_, node, refusal))| (kind, refusal.text(node).into()))
        .collect();
    let nothing: Arc<str> = Arc::default();
    let text = |refusal: &Refusal| {
        let text = texts.get(&refusal.kind()).unwrap_or(&nothing);
        Arc::clone(text)
    };
    refused
        .iter()
        .map(|(&node, refusal)| (node, text(refusal)))
        .collect()
}

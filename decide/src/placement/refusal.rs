//! Why nodes were refused, in words that stay readable with a thousand nodes.
//!
//! kube-scheduler counts equal words: "0/3 nodes are available: 2 ..., 1 ...". So all nodes that lack the same thing get the
//! words of the one that is closest to having it, by name and with its numbers.

use std::collections::BTreeMap;

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
    /// Whether the node could hold the VM if other pods were evicted. No eviction makes a volume, and who is evicted for
    /// nothing is evicted in vain (facts: scheduler-extender 1.5).
    #[must_use]
    pub fn eviction_helps(&self) -> bool {
        match self {
            Self::Unknown(_) => false,
            Self::Misfits(misfits) => misfits.iter().all(Misfit::eviction_helps),
        }
    }

    /// The kind and how far it is from fitting: of several misfits, the one that is hardest to cure is told.
    fn kind(&self) -> (Kind, u64) {
        match self {
            Self::Unknown(unknown) => (Kind::Unknown(*unknown), 0),
            Self::Misfits(misfits) => {
                let worst = misfits.iter().min_by_key(|misfit| misfit.eviction_helps());
                worst.map_or((Kind::Unknown(Unknown::Node), 0), |misfit| {
                    (Kind::Lack(misfit.lack()), misfit.shortfall())
                })
            }
        }
    }

    fn text(&self, node: &str) -> String {
        match self {
            Self::Unknown(unknown) => unknown.to_string(),
            Self::Misfits(misfits) => {
                let worst = misfits.iter().min_by_key(|misfit| misfit.eviction_helps());
                worst.map_or_else(String::new, |misfit| {
                    format!("{misfit} (on {node}, the closest)")
                })
            }
        }
    }
}

/// Words for each node.
#[must_use]
pub fn words<'n>(refused: &BTreeMap<&'n str, Refusal>) -> BTreeMap<&'n str, String> {
    let mut closest: BTreeMap<Kind, (u64, &'n str, &Refusal)> = BTreeMap::new();
    for (&node, refusal) in refused {
        let (kind, shortfall) = refusal.kind();
        let best = closest.entry(kind).or_insert((shortfall, node, refusal));
        // Of equals, the first by name.
        if shortfall < best.0 {
            *best = (shortfall, node, refusal);
        }
    }
    let texts: BTreeMap<Kind, String> = closest
        .into_iter()
        .map(|(kind, (_, node, refusal))| (kind, refusal.text(node)))
        .collect();
    let text = |refusal: &Refusal| texts.get(&refusal.kind().0).cloned().unwrap_or_default();
    refused
        .iter()
        .map(|(&node, refusal)| (node, text(refusal)))
        .collect()
}

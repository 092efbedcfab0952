//! What is kept for whom, as a person asks who reads `held for demo/vm1` in a refusal.

use std::collections::BTreeMap;
use std::fmt;

use super::Index;
use crate::fit::counted::{Counted, VmName, clock};
use crate::fit::volumes::ClaimDemand;
use crate::quantity::format_bytes;

/// What is kept for one VM.
#[derive(Debug, Clone, PartialEq)]
pub struct Told<'i> {
    /// Whose; of a disk whose VM does not exist yet, the pod that fills it.
    pub vm: &'i VmName,
    /// One of these nodes: one, unless it was only answered.
    pub nodes: Vec<&'i str>,
    /// It follows from the objects: a disk lies there, or a pod is just being placed there. Else it was answered, and this replica alone
    /// remembers it.
    pub is_hold: bool,
    counted: &'i BTreeMap<Counted, u64>,
    claims: &'i [ClaimDemand],
    /// When it ends, in seconds since 1970.
    pub until: u64,
}

impl Index {
    /// All that is kept for VMs whose pods are still to come: holds, then promises.
    #[must_use]
    pub fn kept(&self) -> Vec<Told<'_>> {
        let holds = self.holds.iter().map(|(vm, hold)| Told {
            vm,
            nodes: vec![&*hold.node],
            is_hold: true,
            counted: &hold.counted,
            claims: &hold.claims,
            until: hold.until,
        });
        let promises = self.history.promises.values().map(|promise| {
            let mut nodes = self.nodes.names_in(&promise.nodes);
            nodes.sort_unstable();
            Told {
                vm: &promise.vm,
                nodes,
                is_hold: false,
                counted: &promise.counted,
                claims: &promise.claims,
                until: promise.until,
            }
        });
        holds.chain(promises).collect()
    }
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_hold { "held" } else { "promised" };
        let (namespace, name) = self.vm;
        match self.nodes.as_slice() {
            [node] => write!(f, "{what} on {node}")?,
            nodes => write!(f, "{what} on one of {} nodes", nodes.len())?,
        }
        write!(f, " for {namespace}/{name} until ")?;
        clock(f, self.until)?;
        let mut parts: Vec<String> = self.counted.iter().map(|(of, it)| of.times(*it)).collect();
        let claim = |claim: &ClaimDemand| format!("{} ({})", claim.name, format_bytes(claim.bytes));
        let claims: Vec<String> = self.claims.iter().map(claim).collect();
        if !claims.is_empty() {
            parts.push(format!("volumes for {}", claims.join(", ")));
        }
        write!(f, ": {}", parts.join(", "))
    }
}

//! Whether a volume may be emptied and offered again (facts: domain 5, safe reclaim).
//!
//! Who empties it checks all of this again, with the API server and the directory at hand; and alone checks that the claim
//! is gone, that no pod uses it, and that no process holds the disk: a pod names its claim without the UID, so that only
//! who asks for the claim can tell an old one from one that was made anew under its name.

pub mod scratch;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use super::cluster::{Cluster, Node, PersistentVolume, Phase, Pod};
use super::config::{Offer, Reclaim};
use super::facts::DirectoryFacts;
use super::local_volumes::{DirectoryId, ReclaimOrder};
use super::volumes::owners::{Estrangement, is_ours, sharers};
use super::volumes::paths::normal;
use crate::names::KEEP_ANNOTATION;
pub use scratch::is_scratch;

/// A volume whose claim is gone.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// Its PersistentVolume.
    pub volume: &'a PersistentVolume,
    /// What the config says of its directory.
    pub offer: Option<&'a Offer>,
    /// The directory, if it can be used.
    pub directory: Option<&'a DirectoryFacts>,
    /// The node.
    pub node: &'a Node,
    /// All that is known of the cluster.
    pub cluster: &'a Cluster,
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// The data stays until somebody does something about it.
    Kept(Keeping),
    /// The data goes as soon as all of this is over.
    Waits(Vec<Wait>),
    /// The data goes now.
    Goes(ReclaimOrder),
}

/// Why data is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keeping {
    /// The volume is not ours.
    Others,
    /// It is ours, but not quite.
    Estranged(Estrangement),
    /// People said so, on the PersistentVolume.
    Marked,
    /// The config says so.
    Policy,
}

/// What reclaim waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// The phase is not Released.
    NotReleased(Phase),
    /// The PersistentVolume does not say which claim it was.
    UnknownClaim,
    /// The PersistentVolume is being deleted.
    Deleting,
    /// This PersistentVolume names the directory too, or one in it.
    Shared(String),
    /// The directory can't be used.
    Directory,
    /// The kubelet has it mounted for this pod: its name, or its UID if it is unknown.
    Mounted(String),
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReleased(phase) => write!(f, "it is {}, not Released", phase.as_str()),
            Self::UnknownClaim => f.write_str("it does not say the uid of the claim it was of"),
            Self::Deleting => f.write_str("its PersistentVolume is being deleted"),
            Self::Shared(other) => write!(
                f,
                "PersistentVolume {other} names its directory too, or one in it: delete one of the two"
            ),
            Self::Directory => f.write_str("its directory can't be used"),
            Self::Mounted(pod) => write!(f, "pod {pod} still has it mounted"),
        }
    }
}

/// What becomes of the data.
#[must_use]
pub fn judge(case: &Case<'_>) -> Fate {
    if let Some(keeping) = keeping(case) {
        return Fate::Kept(keeping);
    }
    match order(case) {
        Ok(order) => Fate::Goes(order),
        Err(waits) => Fate::Waits(waits),
    }
}

/// Why the data stays, in words, and how to give it back by hand.
#[must_use]
pub fn reason_of(keeping: &Keeping, volume: &PersistentVolume) -> String {
    let (name, path) = (&volume.name, &volume.path);
    match keeping {
        Keeping::Others => format!(
            "its claim is gone; PersistentVolume {name} is not ours, so it is left to whoever made it"
        ),
        Keeping::Estranged(estrangement) => format!("its claim is gone; kept: {estrangement}"),
        Keeping::Marked => {
            let marked = |marks: &BTreeMap<String, String>| {
                marks.get(KEEP_ANNOTATION).is_some_and(|value| keeps(value))
            };
            let verb = if marked(&volume.annotations) {
                "annotate"
            } else {
                "label"
            };
            format!(
                "kept, since {KEEP_ANNOTATION} says so: kubectl {verb} pv {name} {KEEP_ANNOTATION}-"
            )
        }
        // Shorter than what an inventory holds of a reason, so that the command is whole.
        Keeping::Policy => format!(
            "kept by policy: empty {path}, then kubectl patch pv {name} --type=json \
             -p '[{{\"op\":\"remove\",\"path\":\"/spec/claimRef\"}}]'"
        ),
    }
}

/// Somebody wants the data, whatever the policy says.
#[must_use]
pub fn is_marked(volume: &PersistentVolume) -> bool {
    let marks = [&volume.annotations, &volume.labels];
    let mut values = marks.iter().filter_map(|marks| marks.get(KEEP_ANNOTATION));
    values.any(|value| keeps(value))
}

/// Whether this value of [`KEEP_ANNOTATION`] keeps the data: who writes `True`, `yes` or `1` wants it kept.
#[must_use]
pub fn keeps(value: &str) -> bool {
    !matches!(value, "" | "false")
}

fn keeping(case: &Case<'_>) -> Option<Keeping> {
    if !is_ours(case.volume, case.node) {
        return Some(Keeping::Others);
    }
    if let Some(estrangement) = Estrangement::of(case.volume, case.node, case.offer) {
        return Some(Keeping::Estranged(estrangement));
    }
    if is_marked(case.volume) {
        return Some(Keeping::Marked);
    }
    match case.offer.map(|offer| policy(case.volume, offer)) {
        Some(Reclaim::Wipe) => None,
        Some(Reclaim::Retain) | None => Some(Keeping::Policy),
    }
}

fn policy(volume: &PersistentVolume, offer: &Offer) -> Reclaim {
    if is_scratch(volume) {
        offer.scratch_reclaim
    } else {
        offer.reclaim
    }
}

fn order(case: &Case<'_>) -> Result<ReclaimOrder, Vec<Wait>> {
    let volume = case.volume;
    let mut waits = Vec::new();
    if volume.phase != Phase::Released {
        waits.push(Wait::NotReleased(volume.phase));
    }
    if volume.deleting {
        waits.push(Wait::Deleting);
    }
    let claim = volume.claim.as_ref().filter(|claim| !claim.uid.is_empty());
    if claim.is_none() {
        waits.push(Wait::UnknownClaim);
    }
    let sharers = sharers(volume, case.directory, case.cluster).into_iter();
    waits.extend(sharers.map(|name| Wait::Shared(name.to_owned())));
    match case.directory {
        None => waits.push(Wait::Directory),
        Some(directory) => waits.extend(mounters(directory, case.cluster).map(Wait::Mounted)),
    }
    match (claim, case.directory) {
        (Some(claim), Some(directory)) if waits.is_empty() => Ok(ReclaimOrder {
            name: volume.name.clone(),
            uid: volume.uid.clone(),
            claim: claim.clone(),
            // A slash at its end would make the kernel follow a link there.
            path: normal(&volume.path),
            directory: DirectoryId::of(directory),
        }),
        _ => Err(waits),
    }
}

/// Pods that the kubelet has the directory mounted for; a pod that ended may be among them until the kubelet is done.
pub(super) fn mounters<'a>(
    directory: &'a DirectoryFacts,
    cluster: &'a Cluster,
) -> impl Iterator<Item = String> + 'a {
    directory.mounted_by.iter().map(|uid| {
        let pod = cluster.pods.iter().find(|pod| pod.uid == *uid);
        pod.map_or_else(|| format!("with uid {uid}"), full_name)
    })
}

fn full_name(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

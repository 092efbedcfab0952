//! Whether a volume may be emptied and offered again (facts: domain 5, safe reclaim).
//!
//! Who empties it checks all of this again, with the API server and the directory at hand; and that no process holds the
//! disk.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use super::cluster::{ClaimRef, Cluster, Node, PersistentVolume, Phase, Pod};
use super::config::{Offer, Reclaim};
use super::facts::DirectoryFacts;
use super::local_volumes::{DirectoryId, ReclaimOrder};
use super::volumes::owners::{Estrangement, is_ours, sharers};
use super::volumes::paths::normal;
use crate::names::{CLAIM_KIND_ANNOTATION, KEEP_ANNOTATION};

/// Value of [`CLAIM_KIND_ANNOTATION`] of CDI's scratch space. With the UID, since a later claim of any name may bind the
/// same volume before the mark is taken away.
#[must_use]
pub fn scratch_mark(claim: &ClaimRef) -> String {
    format!("scratch/{}", claim.uid)
}

/// Its claim is, or was, CDI's scratch space: marked so while CDI used that very claim.
#[must_use]
pub fn is_scratch(volume: &PersistentVolume) -> bool {
    let kind = volume.annotations.get(CLAIM_KIND_ANNOTATION);
    let claim = volume.claim.as_ref().filter(|claim| !claim.uid.is_empty());
    claim.is_some_and(|claim| kind == Some(&scratch_mark(claim)))
}

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
    /// This pod has a claim of that name.
    Claimed(String),
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
            Self::Claimed(pod) => write!(f, "pod {pod} still uses its claim"),
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
    let by_hand = format!(
        "to give it back: remove the files in {path}, then kubectl patch pv {name} --type=json \
         -p '[{{\"op\":\"remove\",\"path\":\"/spec/claimRef\"}}]'"
    );
    match keeping {
        Keeping::Others => format!(
            "its claim is gone; PersistentVolume {name} is not ours, so it is left to whoever made it"
        ),
        Keeping::Estranged(estrangement) => format!("its claim is gone; kept: {estrangement}"),
        Keeping::Marked => format!(
            "its claim is gone; kept, since {KEEP_ANNOTATION} is true: kubectl annotate pv {name} {KEEP_ANNOTATION}- \
             and kubectl label pv {name} {KEEP_ANNOTATION}- leave it to the policy"
        ),
        Keeping::Policy => format!("its claim is gone; kept by policy; {by_hand}"),
    }
}

/// Somebody wants the data, whatever the policy says.
#[must_use]
pub fn is_marked(volume: &PersistentVolume) -> bool {
    let marks = [&volume.annotations, &volume.labels];
    let says_true = |value: &String| value == "true";
    marks
        .iter()
        .any(|marks| marks.get(KEEP_ANNOTATION).is_some_and(says_true))
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
    match claim {
        None => waits.push(Wait::UnknownClaim),
        Some(claim) => waits.extend(users(claim, case)),
    }
    let sharers = sharers(volume, case.cluster).into_iter();
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
            directory: DirectoryId {
                device: directory.device,
                inode: directory.inode,
            },
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

/// Pods that have a claim of that name. A later claim of the same name may be bound to another volume: its pods don't
/// count.
fn users(claim: &ClaimRef, case: &Case<'_>) -> Vec<Wait> {
    let another = case.cluster.volumes.iter().any(|other| {
        let heir = |theirs: &ClaimRef| {
            theirs.namespace == claim.namespace
                && theirs.name == claim.name
                && !theirs.uid.is_empty()
                && theirs.uid != claim.uid
        };
        other.phase == Phase::Bound && other.claim.as_ref().is_some_and(heir)
    });
    if another {
        return Vec::new();
    }
    let has_it = |pod: &&Pod| {
        !pod.ended && pod.namespace == claim.namespace && pod.claims.contains(&claim.name)
    };
    let pods: BTreeSet<String> = (case.cluster.pods.iter())
        .filter(has_it)
        .map(full_name)
        .collect();
    pods.into_iter().map(Wait::Claimed).collect()
}

fn full_name(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

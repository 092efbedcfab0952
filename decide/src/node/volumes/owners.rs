//! Whose the PersistentVolumes of a node are.

use std::collections::BTreeMap;
use std::fmt;

use super::paths::normal;
use crate::names::{
    DIRECTORY_ANNOTATION, MOUNT_POINT_ANNOTATION, NODE_LABEL, NODE_UID_ANNOTATION,
    PROVISIONED_BY_ANNOTATION, PROVISIONER,
};
use crate::node::cluster::{Cluster, Node, PersistentVolume, Phase};
use crate::node::config::Offer;
use crate::node::facts::{Content, DirectoryFacts, Facts};

/// Made by this node's agent, and marked so; all others are only counted.
#[must_use]
pub fn is_ours(pv: &PersistentVolume, node: &Node) -> bool {
    let says = |map: &BTreeMap<String, String>, key: &str, value: &str| {
        map.get(key).is_some_and(|found| found == value)
    };
    says(&pv.labels, NODE_LABEL, &node.name)
        && says(&pv.annotations, PROVISIONED_BY_ANNOTATION, PROVISIONER)
}

/// Made for this very node, and not for an earlier one of its name.
#[must_use]
pub fn is_of(pv: &PersistentVolume, node: &Node) -> bool {
    pv.annotations.get(NODE_UID_ANNOTATION) == Some(&node.uid)
}

/// It asks for no hostname, so that it may mean a directory of any node.
#[must_use]
pub fn is_of_any_node(pv: &PersistentVolume) -> bool {
    pv.hostnames.is_empty()
}

/// Where the file system of one of ours was mounted when it was made, if its directory is on another mount point now:
/// the file system is not mounted, and what is seen is the directory below it.
pub(in crate::node) fn moved_from<'a>(
    pv: &'a PersistentVolume,
    now: Option<&str>,
) -> Option<&'a str> {
    let made_on = pv.annotations.get(MOUNT_POINT_ANNOTATION)?;
    (now != Some(made_on)).then_some(made_on)
}

/// The directory that one of ours was made of, if another one is at its path now: disks may have been swapped. An empty one
/// that nobody has yet is as good as the first: whoever made it anew took no data away.
pub(in crate::node) fn was_another<'a>(
    pv: &'a PersistentVolume,
    now: &DirectoryFacts,
) -> Option<&'a str> {
    marked_other(pv, now).filter(|_| !is_idle(pv, now))
}

/// What one of ours should say of its directory, if it says something else and nothing is lost by it.
pub(in crate::node) fn mark_due(pv: &PersistentVolume, now: &DirectoryFacts) -> Option<String> {
    marked_other(pv, now)
        .filter(|_| is_idle(pv, now))
        .map(|_| now.mark())
}

fn is_idle(pv: &PersistentVolume, now: &DirectoryFacts) -> bool {
    Occupancy::of(pv) == Occupancy::Free && now.is_empty()
}

/// Without the time, the number decides. One that says nothing was made by a release that did not know.
fn marked_other<'a>(pv: &'a PersistentVolume, now: &DirectoryFacts) -> Option<&'a str> {
    let made_of = pv.annotations.get(DIRECTORY_ANNOTATION)?;
    let fits = *made_of == now.mark() || *made_of == now.inode.to_string();
    (!fits).then_some(made_of)
}

/// PersistentVolumes other than this one that may mean its directory, or one in it, by whatever path; by name.
pub(in crate::node) fn sharers<'a>(
    pv: &PersistentVolume,
    directory: Option<&DirectoryFacts>,
    cluster: &'a Cluster,
) -> Vec<&'a str> {
    let others = directory
        .into_iter()
        .flat_map(|directory| &directory.also_at);
    let paths: Vec<String> = others.chain([&pv.path]).map(|path| normal(path)).collect();
    let shares = |other: &&PersistentVolume| {
        let other_path = normal(&other.path);
        let mut below = paths
            .iter()
            .filter_map(|path| other_path.strip_prefix(path));
        other.name != pv.name && below.any(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let node = cluster.node.as_ref();
    let here = |pv: &&PersistentVolume| node.is_some_and(|node| concerns(pv, node));
    let others = cluster.volumes.iter().filter(here).filter(shares);
    let mut names: Vec<&str> = others.map(|other| other.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// PersistentVolumes of this node by their path, or by that of the scanned directory that it leads to; of one path the one
/// that is in use first, then ours, then by name.
pub(in crate::node) fn by_path<'a>(
    cluster: &'a Cluster,
    facts: &Facts,
) -> BTreeMap<String, Vec<&'a PersistentVolume>> {
    let other_paths = other_paths(facts);
    let mut found: BTreeMap<String, Vec<&PersistentVolume>> = BTreeMap::new();
    let Some(node) = &cluster.node else {
        return found;
    };
    for pv in cluster.volumes.iter().filter(|pv| concerns(pv, node)) {
        let path = normal(&pv.path);
        let path = other_paths.get(&path).cloned().unwrap_or(path);
        found.entry(path).or_default().push(pv);
    }
    for holders in found.values_mut() {
        holders.sort_by_key(|pv| {
            let idle = Occupancy::of(pv) != Occupancy::Taken;
            (idle, !is_ours(pv, node), &pv.name)
        });
    }
    found
}

/// Paths that are not scanned, but lead to a directory that is; with the path of that.
fn other_paths(facts: &Facts) -> BTreeMap<String, String> {
    let scanned: BTreeMap<String, &Content> = (facts.volumes.iter())
        .map(|volume| (normal(&volume.path), &volume.content))
        .collect();
    let mut found = BTreeMap::new();
    for (path, content) in &scanned {
        let Content::Directory(directory) = content else {
            continue;
        };
        for other in directory.also_at.iter().map(|other| normal(other)) {
            if !scanned.contains_key(&other) {
                found.entry(other).or_insert_with(|| path.clone());
            }
        }
    }
    found
}

/// Another node's directory of the same path is none of our business; one without a hostname may be anybody's.
fn concerns(pv: &PersistentVolume, node: &Node) -> bool {
    let here = |hostname: &String| pv.hostnames.contains(hostname);
    is_ours(pv, node) || is_of_any_node(pv) || node.hostname.as_ref().is_some_and(here)
}

/// What a PersistentVolume is used for; the phase alone lags behind and does not tell a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum Occupancy {
    /// Not looked at by the PV controller yet.
    Pending,
    /// For the taking.
    Free,
    /// For a claim that is yet to come: the reference has no UID.
    Reserved,
    /// A claim has it.
    Taken,
    /// Its claim is gone.
    Released,
    /// Reclaim by somebody else failed.
    Failed,
}

impl Occupancy {
    /// Reads phase and claim.
    pub(in crate::node) fn of(pv: &PersistentVolume) -> Self {
        let known = pv.claim.as_ref().map(|claim| !claim.uid.is_empty());
        match (pv.phase, known) {
            (Phase::Released, _) => Self::Released,
            (Phase::Failed, _) => Self::Failed,
            (Phase::Bound, _) | (Phase::Pending | Phase::Available, Some(true)) => Self::Taken,
            (Phase::Pending | Phase::Available, Some(false)) => Self::Reserved,
            (Phase::Available, None) => Self::Free,
            (Phase::Pending, None) => Self::Pending,
        }
    }
}

/// Why nothing is done with a PersistentVolume of ours, though it is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Estrangement {
    /// It was made on another machine or an earlier installation of the same name.
    NodeReplaced {
        /// The PersistentVolume.
        name: String,
        /// UID that it was made for; empty if it says none.
        made_for: String,
        /// UID of the node.
        now: String,
    },
    /// Its node affinity asks for another hostname, so that no pod of this node gets it.
    HostnameChanged {
        /// What it asks for.
        asks: String,
        /// The node's label; empty without one.
        now: String,
    },
    /// It is of another class than the config says; a class can't be changed.
    ClassChanged {
        /// Its class.
        class: String,
        /// The config's.
        wanted: String,
    },
    /// The config names no class for its directory, or does not name the directory.
    NotWanted,
}

impl Estrangement {
    /// Of one of ours; the first that holds.
    #[must_use]
    pub fn of(pv: &PersistentVolume, node: &Node, offer: Option<&Offer>) -> Option<Self> {
        if !is_of(pv, node) {
            let made_for = pv.annotations.get(NODE_UID_ANNOTATION);
            return Some(Self::NodeReplaced {
                name: pv.name.clone(),
                made_for: made_for.cloned().unwrap_or_default(),
                now: node.uid.clone(),
            });
        }
        let hostname = node.hostname.as_ref();
        if hostname.is_none_or(|hostname| !pv.hostnames.contains(hostname)) {
            let asks: Vec<&str> = pv.hostnames.iter().map(String::as_str).collect();
            return Some(Self::HostnameChanged {
                asks: asks.join(", "),
                now: hostname.cloned().unwrap_or_default(),
            });
        }
        match offer {
            None => Some(Self::NotWanted),
            Some(offer) if offer.class != pv.class => Some(Self::ClassChanged {
                class: pv.class.clone(),
                wanted: offer.class.clone(),
            }),
            Some(_) => None,
        }
    }
}

impl fmt::Display for Estrangement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NodeReplaced {
                name,
                made_for,
                now,
            } => write!(
                f,
                "its PersistentVolume was made for node uid \"{made_for}\", the node has {now}: to adopt it: kubectl \
                 annotate pv {name} {NODE_UID_ANNOTATION}={now} --overwrite; or delete it"
            ),
            Self::HostnameChanged { asks, now } => write!(
                f,
                "its PersistentVolume asks for hostname \"{asks}\", the node's label says \"{now}\": label the node as \
                 before, or delete the PersistentVolume"
            ),
            Self::ClassChanged { class, wanted } => write!(
                f,
                "its PersistentVolume is of class {class}, the config says {wanted}: a class can't be changed; delete \
                 the PersistentVolume when nobody needs its data"
            ),
            Self::NotWanted => {
                f.write_str("the config offers no volume there: its PersistentVolume is left alone")
            }
        }
    }
}

//! What to do about the PersistentVolumes of a node.
//!
//! Each action is safe to repeat and safe to lose: after a crash at any point the next plan goes on from what is there.

mod mend;
mod name;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use super::assess::{Assessment, VolumeVerdict};
use super::cluster::{ClaimRef, Cluster, Node, PersistentVolume};
use super::config::{Capacity, Config};
use super::facts::{Device, DirectoryFacts};
use super::reclaim::{self, Fate};
use super::volumes::owners::{Estrangement, moved_from, was_another};
use super::volumes::paths::{normal, pattern_of};
use super::{file_systems, sizes};
use crate::inventory::VolumeState;
use crate::names::{
    DIRECTORY_ANNOTATION, FILE_SYSTEM_LABEL, MOUNT_POINT_ANNOTATION, NODE_LABEL,
    NODE_UID_ANNOTATION, PROVISIONED_BY_ANNOTATION, PROVISIONER, VOLUME_LABEL, is_label_value,
};
use mend::mend;

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make this one.
    Create(NewVolume),
    /// Set these labels and annotations (`None` takes one away) of one of ours; nothing else is ever changed.
    Mend(Mend),
    /// Its claim is gone and the policy says that the data goes too: check again, empty the directory, offer it again.
    Reclaim(ReclaimOrder),
}

/// A PersistentVolume to make.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVolume {
    /// Its name: of node and path, so that nobody makes a second one of the same directory.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its class.
    pub class: String,
    /// Its capacity in bytes.
    pub capacity: u64,
    /// Its path on the node.
    pub path: String,
    /// The directory as it was seen empty; it must still be this one.
    pub directory: DirectoryId,
    /// The node's label `kubernetes.io/hostname`.
    pub hostname: String,
}

/// A change of labels and annotations.
#[derive(Debug, Clone, PartialEq)]
pub struct Mend {
    /// The PersistentVolume.
    pub name: String,
    /// It must still be this one.
    pub uid: String,
    /// Labels to set or take away.
    pub labels: BTreeMap<String, Option<String>>,
    /// Annotations to set or take away.
    pub annotations: BTreeMap<String, Option<String>>,
}

/// A volume to give back.
#[derive(Debug, Clone, PartialEq)]
pub struct ReclaimOrder {
    /// The PersistentVolume.
    pub name: String,
    /// It must still be this one.
    pub uid: String,
    /// Released by this claim, which must be gone.
    pub claim: ClaimRef,
    /// The directory.
    pub path: String,
    /// It must still be on this file system and have this number.
    pub directory: DirectoryId,
}

/// Identity of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirectoryId {
    /// Device as stat has it.
    pub device: Device,
    /// Number of the file.
    pub inode: u64,
}

impl DirectoryId {
    /// Of a directory as it was seen.
    #[must_use]
    pub fn of(directory: &DirectoryFacts) -> Self {
        Self {
            device: directory.stat_device,
            inode: directory.inode,
        }
    }
}

/// Why no PersistentVolume can be made on a node, whatever its directories are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The API server has not told of the node yet.
    NodeUnknown,
    /// It has no label that a local volume could be tied to.
    NoHostname,
    /// The node's name does not fit into a label, by which we know our own.
    NameTooLong,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NodeUnknown => "the node is not known yet",
            Self::NoHostname => {
                "the node has no label kubernetes.io/hostname, which local volumes are tied to: kubectl label node"
            }
            Self::NameTooLong => {
                "the node's name is longer than the 63 characters of a label, so no volume could be marked as its own"
            }
        })
    }
}

/// The first one that there is.
#[must_use]
pub fn obstacle(cluster: &Cluster) -> Option<Obstacle> {
    let node = match &cluster.node {
        Some(node) if !node.uid.is_empty() => node,
        Some(_) | None => return Some(Obstacle::NodeUnknown),
    };
    if node.hostname.as_ref().is_none_or(String::is_empty) {
        return Some(Obstacle::NoHostname);
    }
    (!is_label_value(&node.name)).then_some(Obstacle::NameTooLong)
}

/// What is to be done now: first new ones, then labels, then what is given back.
#[must_use]
pub fn plan(assessment: &Assessment, cluster: &Cluster, config: &Config) -> Vec<Action> {
    let Some(node) = &cluster.node else {
        return Vec::new();
    };
    let mut actions = Vec::new();
    if obstacle(cluster).is_none() {
        let created = creations(assessment, node, config);
        actions.extend(created.into_iter().map(Action::Create));
    }
    let ours = || assessment.volumes.iter().filter(|verdict| verdict.ours);
    let in_place = |verdict: &&VolumeVerdict| !has_moved(verdict, assessment, cluster);
    let mends = ours()
        .filter(in_place)
        .filter_map(|verdict| mend(verdict, cluster, node, config));
    actions.extend(mends.map(Action::Mend));
    let orders = ours().filter_map(|verdict| order(verdict, cluster, node, config));
    actions.extend(orders.map(Action::Reclaim));
    actions
}

fn creations(assessment: &Assessment, node: &Node, config: &Config) -> Vec<NewVolume> {
    let volumes = &assessment.volumes;
    let rooms = assessment.file_systems.iter().map(|file_system| {
        let facts = &file_system.facts;
        let room = file_systems::room(facts, file_system.promised, volumes);
        (facts.device, room)
    });
    let capacities = sizes::capacities(volumes, rooms.collect(), config);
    // As their sizes were decided: after a crash in between, the others get what they would have got.
    let (fixed, fair): (Vec<_>, Vec<_>) = volumes.iter().partition(|verdict| {
        let offer = pattern_of(config, &verdict.path).and_then(|pattern| pattern.offer.as_ref());
        offer.is_some_and(|offer| matches!(offer.capacity, Capacity::Fixed(_)))
    });
    let decided = fixed.into_iter().chain(fair);
    decided
        .filter_map(|verdict| {
            let capacity = capacities.get(&verdict.path)?.as_ref().ok()?;
            let mut new = new_volume(verdict, *capacity, node, config)?;
            let made_on = mount_point_of(verdict, assessment)?.to_owned();
            new.annotations
                .insert(MOUNT_POINT_ANNOTATION.to_owned(), made_on);
            Some(new)
        })
        .collect()
}

/// Where the file system of a directory is mounted, if that can be read.
fn mount_point_of<'a>(verdict: &VolumeVerdict, assessment: &'a Assessment) -> Option<&'a str> {
    let device = verdict.directory.as_ref()?.device;
    let mut file_systems = assessment.file_systems.iter();
    let file_system = file_systems.find(|file_system| file_system.facts.device == device)?;
    Some(&file_system.facts.mount_point)
}

fn new_volume(
    verdict: &VolumeVerdict,
    capacity: u64,
    node: &Node,
    config: &Config,
) -> Option<NewVolume> {
    let offer = pattern_of(config, &verdict.path)?.offer.as_ref()?;
    let directory = verdict.directory.as_ref()?;
    let annotations = [
        (PROVISIONED_BY_ANNOTATION, PROVISIONER),
        (NODE_UID_ANNOTATION, &node.uid),
        (DIRECTORY_ANNOTATION, &directory.mark()),
    ];
    let mut labels = BTreeMap::from([(NODE_LABEL.to_owned(), node.name.clone())]);
    labels.extend(labels_of(verdict));
    Some(NewVolume {
        name: name::of(&node.name, &verdict.path),
        labels,
        annotations: annotations
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        class: offer.class.clone(),
        capacity,
        path: verdict.path.clone(),
        directory: DirectoryId::of(directory),
        hostname: node.hostname.clone()?,
    })
}

/// Labels that say what the directory is like.
fn labels_of(verdict: &VolumeVerdict) -> BTreeMap<String, String> {
    let volume = (VOLUME_LABEL.to_owned(), name::label_value(&verdict.name));
    let file_system = verdict.directory.as_ref().map(|directory| {
        let label = file_systems::label_of(directory.device);
        (FILE_SYSTEM_LABEL.to_owned(), label)
    });
    [volume].into_iter().chain(file_system).collect()
}

/// What is seen at its path is not what its PersistentVolume was made of, so that its labels say nothing of it.
fn has_moved(verdict: &VolumeVerdict, assessment: &Assessment, cluster: &Cluster) -> bool {
    let name = verdict.persistent_volume.as_ref();
    let mut volumes = cluster.volumes.iter();
    let pv = volumes.find(|pv| Some(&pv.name) == name);
    let now = mount_point_of(verdict, assessment);
    let directory = verdict.directory.as_ref();
    pv.zip(directory).is_some_and(|(pv, directory)| {
        normal(&pv.path) != verdict.path
            || moved_from(pv, now).is_some()
            || was_another(pv, directory).is_some()
    })
}

/// The PersistentVolume of a verdict, if we may touch it.
fn untroubled<'a>(
    verdict: &VolumeVerdict,
    cluster: &'a Cluster,
    node: &Node,
    config: &Config,
) -> Option<&'a PersistentVolume> {
    let name = verdict.persistent_volume.as_ref()?;
    let pv = cluster.volumes.iter().find(|pv| pv.name == *name)?;
    let offer = pattern_of(config, &verdict.path).and_then(|pattern| pattern.offer.as_ref());
    let estranged = Estrangement::of(pv, node, offer).is_some();
    (!estranged && !pv.deleting).then_some(pv)
}

fn order(
    verdict: &VolumeVerdict,
    cluster: &Cluster,
    node: &Node,
    config: &Config,
) -> Option<ReclaimOrder> {
    if verdict.state != VolumeState::Released {
        return None;
    }
    let fate = reclaim::judge(&reclaim::Case {
        volume: untroubled(verdict, cluster, node, config)?,
        offer: pattern_of(config, &verdict.path)?.offer.as_ref(),
        directory: verdict.directory.as_ref(),
        node,
        cluster,
    });
    match fate {
        Fate::Goes(order) => Some(order),
        Fate::Kept(_) | Fate::Waits(_) => None,
    }
}

//! What one volume is worth, with every reason.

use super::health::{Fault, contents, oddities};
use super::owners::{Estrangement, Occupancy, is_of_any_node, is_ours};
use crate::inventory::VolumeState;
use crate::node::cluster::{Cluster, Node, PersistentVolume};
use crate::node::config::Offer;
use crate::node::facts::DirectoryFacts;
use crate::node::reclaim::{self, Fate, Wait};
use crate::node::{local_volumes, sizes};
use crate::quantity::format_bytes;

/// Everything that is known of one path.
pub(super) struct Subject<'a> {
    /// The path, as [`normal`](super::paths::normal) writes it.
    pub(super) path: String,
    /// The config names the path.
    pub(super) named: bool,
    pub(super) offer: Option<&'a Offer>,
    pub(super) directory: Option<&'a DirectoryFacts>,
    pub(super) fault: Option<Fault>,
    /// PersistentVolumes of the path; the first is shown.
    pub(super) holders: &'a [&'a PersistentVolume],
    pub(super) cluster: &'a Cluster,
}

/// What a volume is worth, and everything that is to be said of it.
pub(super) struct Worth {
    pub(super) state: VolumeState,
    pub(super) reasons: Vec<String>,
}

impl Worth {
    /// The first PersistentVolume decides; a fault of the directory comes before anything.
    pub(super) fn of(subject: &Subject<'_>) -> Self {
        let pv = subject.holders.first().copied();
        let worth = match pv.zip(subject.cluster.node.as_ref()) {
            Some((pv, node)) => held(pv, node, subject),
            None => free(subject),
        };
        with_faults(worth, subject)
    }
}

/// A fault makes every volume unhealthy, and comes first among the reasons.
fn with_faults(worth: Worth, subject: &Subject<'_>) -> Worth {
    let mut faults: Vec<String> = subject.fault.iter().map(ToString::to_string).collect();
    if subject.holders.len() > 1 {
        let names: Vec<&str> = subject.holders.iter().map(|pv| pv.name.as_str()).collect();
        faults.push(format!(
            "PersistentVolumes {} name the same directory, so two VMs would share a disk: delete all but one",
            names.join(", ")
        ));
    }
    if faults.is_empty() {
        return worth;
    }
    faults.extend(worth.reasons);
    Worth {
        state: VolumeState::Unhealthy,
        reasons: faults,
    }
}

/// A directory without a PersistentVolume.
fn free(subject: &Subject<'_>) -> Worth {
    let unoffered = |reason: String| Worth {
        state: VolumeState::Unoffered,
        reasons: vec![reason],
    };
    let Some(directory) = subject.directory else {
        return Worth {
            state: VolumeState::Unhealthy,
            reasons: Vec::new(),
        };
    };
    if subject.offer.is_none() {
        return unoffered("the config names no class for it".to_owned());
    }
    if let Some(obstacle) = local_volumes::obstacle(subject.cluster) {
        return unoffered(obstacle.to_string());
    }
    if !directory.is_empty() {
        return unoffered(format!(
            "not empty: {}; a new VM would take what is there as its own: remove it, and the volume is offered",
            contents(directory)
        ));
    }
    let mounters: Vec<String> = reclaim::mounters(directory, subject.cluster).collect();
    if !mounters.is_empty() {
        return unoffered(format!(
            "empty, but pod {} still has it mounted",
            mounters.join(", ")
        ));
    }
    Worth {
        state: VolumeState::Unoffered,
        reasons: Vec::new(),
    }
}

/// A directory with a PersistentVolume, or a PersistentVolume without a directory.
fn held(pv: &PersistentVolume, node: &Node, subject: &Subject<'_>) -> Worth {
    let (state, mut reasons) = match Occupancy::of(pv) {
        Occupancy::Pending => {
            let waits = "its PersistentVolume is Pending: the PV controller has not seen it yet";
            (VolumeState::Unoffered, vec![waits.to_owned()])
        }
        Occupancy::Free => available(subject),
        Occupancy::Reserved => (VolumeState::Retained, reserved(pv)),
        Occupancy::Taken => (VolumeState::Bound, Vec::new()),
        Occupancy::Released => return released(pv, node, subject),
        Occupancy::Failed => {
            let failed = format!(
                "PersistentVolume {0} is Failed, so somebody else tried to reclaim it: see kubectl describe pv {0}",
                pv.name
            );
            (VolumeState::Unhealthy, vec![failed])
        }
    };
    if pv.deleting {
        reasons.push("its PersistentVolume is being deleted".to_owned());
    }
    if is_ours(pv, node) {
        reasons.extend(differences(pv, node, subject));
    }
    let odd = subject.directory.map(|directory| oddities(directory, pv));
    reasons.extend(odd.unwrap_or_default());
    if !is_ours(pv, node) && is_of_any_node(pv) {
        reasons.push(format!(
            "PersistentVolume {} names this path and asks for no node, so it may mean this directory, which gets no other: \
             make it anew with node affinity, or delete it",
            pv.name
        ));
    }
    // A claim on any node may get it, or one on a node of the hostname that it asks for: nothing that this node has to
    // offer.
    let hostname = node.hostname.as_ref();
    let is_for_pods_here = hostname.is_some_and(|hostname| pv.hostnames.contains(hostname));
    let state = if state == VolumeState::Available && !is_for_pods_here {
        VolumeState::Unoffered
    } else {
        state
    };
    Worth { state, reasons }
}

fn reserved(pv: &PersistentVolume) -> Vec<String> {
    let claim = pv.claim.as_ref().map(ToString::to_string);
    let told = |claim| format!("kept for claim {claim}, which is not there yet");
    claim.map(told).into_iter().collect()
}

/// KubeVirt takes a disk that is there as it is (facts: domain 5).
fn available(subject: &Subject<'_>) -> (VolumeState, Vec<String>) {
    let left = subject
        .directory
        .filter(|directory| directory.disk.is_some());
    match left {
        None => (VolumeState::Available, Vec::new()),
        Some(directory) => {
            let reason = format!(
                "its PersistentVolume is Available, but {} is in it, which the next VM would boot: remove it, or \
                 delete the PersistentVolume to keep it",
                contents(directory)
            );
            (VolumeState::Unhealthy, vec![reason])
        }
    }
}

fn released(pv: &PersistentVolume, node: &Node, subject: &Subject<'_>) -> Worth {
    let fate = reclaim::judge(&reclaim::Case {
        volume: pv,
        offer: subject.offer,
        directory: subject.directory,
        node,
        cluster: subject.cluster,
    });
    let (state, reason) = match fate {
        Fate::Kept(keeping) => (VolumeState::Retained, reclaim::reason_of(&keeping, pv)),
        Fate::Waits(waits) => {
            let waits: Vec<String> = waits.iter().map(Wait::to_string).collect();
            let reason = format!("released; waits: {}", waits.join(", "));
            (VolumeState::Released, reason)
        }
        Fate::Goes(_) => {
            let reason = "released; its data is removed, then it is offered again";
            (VolumeState::Released, reason.to_owned())
        }
    };
    Worth {
        state,
        reasons: vec![reason],
    }
}

/// Where one of ours is not what the config says; nothing is done about it.
fn differences(pv: &PersistentVolume, node: &Node, subject: &Subject<'_>) -> Vec<String> {
    if !subject.named {
        return vec![
            "no pattern of the config names it: its PersistentVolume is left alone".to_owned(),
        ];
    }
    if let Some(estrangement) = Estrangement::of(pv, node, subject.offer) {
        return vec![estrangement.to_string()];
    }
    let differs = subject
        .offer
        .and_then(|offer| sizes::differs(pv.capacity, offer));
    let told = |wanted| {
        format!(
            "its PersistentVolume has {}, the config makes it {}: delete it while it is Available to have it made anew",
            format_bytes(pv.capacity),
            format_bytes(wanted)
        )
    };
    differs.map(told).into_iter().collect()
}

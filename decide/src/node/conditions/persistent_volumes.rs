//! Whether each volume has its PersistentVolume, and whether that says what the config says.

use std::collections::BTreeSet;

use super::volumes::told;
use super::words::listed;
use super::{Seen, Verdict};
use crate::inventory::VolumeState;
use crate::names;
use crate::node::assess::VolumeVerdict;
use crate::node::cluster::{Node, PersistentVolume};
use crate::node::config::Offer;
use crate::node::facts::Area;
use crate::node::sizes;
use crate::node::volumes::owners::{is_of, is_of_any_node, is_ours};
use crate::node::volumes::paths::pattern_of;

/// Every healthy volume has its PersistentVolume, and each says what the config says.
pub(super) fn in_sync(seen: &Seen<'_>) -> Verdict {
    let offers = seen
        .config
        .volumes
        .iter()
        .any(|pattern| pattern.offer.is_some());
    let Some(node) = &seen.cluster.node else {
        return Verdict::unknown(
            "NodeUnknown",
            "the API server has not told of this node yet",
        );
    };
    let ours: Vec<&PersistentVolume> = seen
        .cluster
        .volumes
        .iter()
        .filter(|volume| is_ours(volume, node))
        .collect();
    if !offers && ours.is_empty() {
        return Verdict::good("NotOffered", "the config asks for no PersistentVolumes");
    }
    let causes = [
        ("NodeReplaced", replaced(node, &ours)),
        ("NoHostname", no_hostname(node, &ours)),
        ("HostnameChanged", hostname_changed(node, &ours)),
        ("ClassChanged", class_changed(seen, node, &ours)),
        ("CapacityChanged", capacity_changed(seen, node, &ours)),
        ("Unoffered", unoffered(seen, node)),
    ];
    let causes: Vec<(&'static str, String)> = causes
        .into_iter()
        .filter_map(|(reason, told)| Some((reason, told?)))
        .collect();
    if let Some(&(reason, _)) = causes.first() {
        let told: Vec<String> = causes.into_iter().map(|(_, told)| told).collect();
        return Verdict::bad(reason, told.join("; "));
    }
    // Those of any node are mostly another's; which of them concern a directory stands at the volume.
    let foreign = seen.cluster.volumes.iter();
    let foreign = foreign
        .filter(|volume| !is_ours(volume, node) && !is_of_any_node(volume))
        .count();
    let others = (foreign > 0).then(|| format!("{foreign} of others are only counted"));
    let message = format!("{} PersistentVolumes are as the config says", ours.len());
    seen.good_if_readable(Area::Volumes, "InSync", message)
        .and(others)
}

fn replaced(node: &Node, ours: &[&PersistentVolume]) -> Option<String> {
    let names = names_of(ours.iter().filter(|volume| !is_of(volume, node)));
    (!names.is_empty()).then(|| {
        format!(
            "{} PersistentVolumes are of an earlier node of this name and are left alone: {}: delete them, or, if it is the same disk, kubectl annotate pv NAME --overwrite {}={}",
            names.len(),
            listed(&names),
            names::NODE_UID_ANNOTATION,
            node.uid
        )
    })
}

fn no_hostname(node: &Node, ours: &[&PersistentVolume]) -> Option<String> {
    node.hostname.is_none().then(|| {
        let label = names::HOSTNAME_LABEL;
        let name = &node.name;
        // What volumes ask for is what the label was.
        let value = asked_for(ours.iter()).next().unwrap_or(name);
        format!("the node has no label {label}, which local volumes are tied to: kubectl label node {name} {label}={value}")
    })
}

/// The affinity of a PersistentVolume can't be changed, so that the scheduler gives it to no pod of the node.
fn hostname_changed(node: &Node, ours: &[&PersistentVolume]) -> Option<String> {
    let now = node.hostname.as_ref()?;
    let elsewhere = |volume: &&&PersistentVolume| is_of(volume, node) && !asks_for(volume, now);
    let names = names_of(ours.iter().filter(elsewhere));
    let mut asked = asked_for(ours.iter().filter(elsewhere));
    (!names.is_empty()).then(|| {
        let label = names::HOSTNAME_LABEL;
        let asked = asked.next().map_or("", String::as_str);
        format!(
            "{} PersistentVolumes ask for {label}={asked}, the node's label says \"{now}\", so that no pod of this node gets them: {}: \
             kubectl label node {} --overwrite {label}={asked}, or delete those that no claim has",
            names.len(),
            listed(&names),
            node.name
        )
    })
}

fn asks_for(volume: &PersistentVolume, hostname: &String) -> bool {
    volume.hostnames.contains(hostname)
}

/// Hostnames that these ask for, as a set.
fn asked_for<'v>(
    volumes: impl Iterator<Item = &'v &'v PersistentVolume>,
) -> impl Iterator<Item = &'v String> {
    let asked: BTreeSet<&String> = volumes.flat_map(|volume| &volume.hostnames).collect();
    asked.into_iter()
}

fn class_changed(seen: &Seen<'_>, node: &Node, ours: &[&PersistentVolume]) -> Option<String> {
    let names = names_of(ours.iter().filter(|volume| {
        let offer = offer_of(seen, &volume.path);
        is_of(volume, node) && offer.is_some_and(|offer| offer.class != volume.class)
    }));
    (!names.is_empty()).then(|| {
        format!(
            "{} PersistentVolumes have another class than the config says, and a class can't be changed: {}: delete them once their claims are gone",
            names.len(),
            listed(&names)
        )
    })
}

fn capacity_changed(seen: &Seen<'_>, node: &Node, ours: &[&PersistentVolume]) -> Option<String> {
    let names = names_of(ours.iter().filter(|volume| {
        let offer = offer_of(seen, &volume.path);
        let wanted = offer.and_then(|offer| sizes::differs(volume.capacity, offer));
        is_of(volume, node) && wanted.is_some()
    }));
    (!names.is_empty()).then(|| {
        format!(
            "{} PersistentVolumes have another capacity than the config makes them: {}: delete them once their claims are gone",
            names.len(),
            listed(&names)
        )
    })
}

fn unoffered(seen: &Seen<'_>, node: &Node) -> Option<String> {
    let volumes = &seen.assessment.volumes;
    let waiting = told(volumes, |volume| {
        volume.state == VolumeState::Unoffered
            && offer_of(seen, &volume.path).is_some()
            && !is_of_another_hostname(seen, node, volume)
    });
    let (count, all) = (waiting.len(), volumes.len());
    (count > 0).then(|| {
        format!(
            "{count} of {all} volumes {} no PersistentVolume: {}",
            if count == 1 { "has" } else { "have" },
            listed(&waiting)
        )
    })
}

/// It has one, which is told already.
fn is_of_another_hostname(seen: &Seen<'_>, node: &Node, volume: &VolumeVerdict) -> bool {
    let mut all = seen.cluster.volumes.iter();
    let named = all.find(|pv| Some(&pv.name) == volume.persistent_volume.as_ref());
    let hostname = node.hostname.as_ref();
    volume.ours && named.is_some_and(|pv| !hostname.is_some_and(|now| asks_for(pv, now)))
}

fn names_of<'v>(volumes: impl Iterator<Item = &'v &'v PersistentVolume>) -> Vec<&'v str> {
    let mut names: Vec<&str> = volumes.map(|volume| volume.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// How the pattern that names this path is offered.
fn offer_of<'s>(seen: &'s Seen<'_>, path: &str) -> Option<&'s Offer> {
    pattern_of(seen.config, path)?.offer.as_ref()
}

//! Whether each volume has its PersistentVolume, and whether that says what the config says.

use super::volumes::told;
use super::words::listed;
use super::{Seen, Verdict};
use crate::inventory::VolumeState;
use crate::names;
use crate::node::cluster::{Node, PersistentVolume};
use crate::node::config::{Capacity, Offer, VolumePattern};
use crate::node::facts::Area;

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
        ("NoHostname", no_hostname(seen, node)),
        ("ClassChanged", class_changed(seen, node, &ours)),
        ("CapacityChanged", too_small(seen, node, &ours)),
        ("Unoffered", unoffered(seen)),
    ];
    let causes: Vec<(&'static str, String)> = causes
        .into_iter()
        .filter_map(|(reason, told)| Some((reason, told?)))
        .collect();
    if let Some(&(reason, _)) = causes.first() {
        let told: Vec<String> = causes.into_iter().map(|(_, told)| told).collect();
        return Verdict::bad(reason, told.join("; "));
    }
    let foreign = seen.cluster.volumes.len().saturating_sub(ours.len());
    let others = (foreign > 0).then(|| format!("{foreign} of others are only counted"));
    let message = format!("{} PersistentVolumes are as the config says", ours.len());
    seen.good_if_readable(Area::Volumes, "InSync", message)
        .and(others)
}

/// Label and provisioner say so; all others are never touched.
fn is_ours(volume: &PersistentVolume, node: &Node) -> bool {
    volume.labels.get(names::NODE_LABEL) == Some(&node.name)
        && volume
            .annotations
            .get(names::PROVISIONED_BY_ANNOTATION)
            .map(String::as_str)
            == Some(names::PROVISIONER)
}

fn is_of(volume: &PersistentVolume, node: &Node) -> bool {
    volume.annotations.get(names::NODE_UID_ANNOTATION) == Some(&node.uid)
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

fn no_hostname(seen: &Seen<'_>, node: &Node) -> Option<String> {
    seen.assessment.hostname.is_none().then(|| {
        let label = names::HOSTNAME_LABEL;
        let name = &node.name;
        format!("the node has no label {label}, which local volumes are tied to: kubectl label node {name} {label}={name}")
    })
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

/// Larger ones are what CDI adds, and what fair sharing gives.
fn too_small(seen: &Seen<'_>, node: &Node, ours: &[&PersistentVolume]) -> Option<String> {
    let names = names_of(ours.iter().filter(|volume| {
        let size = offer_of(seen, &volume.path).map(|offer| offer.capacity);
        is_of(volume, node)
            && matches!(size, Some(Capacity::Fixed(bytes)) if volume.capacity < bytes)
    }));
    (!names.is_empty()).then(|| {
        format!(
            "{} PersistentVolumes are smaller than the disks that the config says: {}: delete them once their claims are gone",
            names.len(),
            listed(&names)
        )
    })
}

fn unoffered(seen: &Seen<'_>) -> Option<String> {
    let volumes = &seen.assessment.volumes;
    let waiting = told(volumes, |volume| {
        volume.state == VolumeState::Unoffered && offer_of(seen, &volume.path).is_some()
    });
    let (count, all) = (waiting.len(), volumes.len());
    (count > 0).then(|| {
        format!(
            "{count} of {all} volumes have no PersistentVolume: {}",
            listed(&waiting)
        )
    })
}

fn names_of<'v>(volumes: impl Iterator<Item = &'v &'v PersistentVolume>) -> Vec<&'v str> {
    let mut names: Vec<&str> = volumes.map(|volume| volume.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// How the pattern that names this path is offered.
fn offer_of<'s>(seen: &'s Seen<'_>, path: &str) -> Option<&'s Offer> {
    let names_it = |pattern: &&VolumePattern| {
        let rest = path.strip_prefix(&pattern.directory);
        let number = rest.and_then(|rest| rest.strip_prefix(&pattern.prefix));
        let number = number.map(|number| number.trim_end_matches('/').parse::<u16>());
        matches!(number, Some(Ok(number)) if number <= pattern.max)
    };
    seen.config.volumes.iter().find(names_it)?.offer.as_ref()
}

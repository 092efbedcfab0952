//! What volumes are worth: each directory that the config names, and each PersistentVolume of ours without one.

mod health;
pub mod owners;
pub(in crate::node) mod paths;
#[cfg(test)]
mod tests;
mod worth;

use std::collections::{BTreeMap, BTreeSet};

use super::assess::VolumeVerdict;
use super::cluster::{ClaimRef, Cluster, PersistentVolume};
use super::config::Config;
use super::facts::{Content, Facts};
use super::{file_systems, sizes};
use crate::names::VIRTUAL_MACHINE_ANNOTATION;
use crate::quantity::format_bytes;
use health::Health;
use owners::{by_path, is_ours};
use paths::{last_component, normal, pattern_of, place_of};
use worth::{Subject, Worth};

/// By the config's order of patterns, then by number; then those that no pattern names, by path.
#[must_use]
pub fn verdicts(facts: &Facts, cluster: &Cluster, config: &Config) -> Vec<VolumeVerdict> {
    let health = Health::of(facts);
    let scanned = facts.volumes.iter();
    let scanned: BTreeMap<String, &Content> = scanned
        .map(|volume| (normal(&volume.path), &volume.content))
        .collect();
    let holders = by_path(cluster, facts);
    let mut verdicts: Vec<VolumeVerdict> = paths(&scanned, &holders, cluster, config)
        .into_iter()
        .map(|path| {
            let (directory, fault) = health.look(&path, scanned.get(&path).copied());
            let holders = holders.get(&path).map_or(&[][..], Vec::as_slice);
            let node = cluster.node.as_ref();
            let ours = holders.iter().copied();
            let ours: Vec<_> = ours
                .filter(|pv| node.is_some_and(|node| is_ours(pv, node)))
                .collect();
            let subject = Subject {
                offer: pattern_of(config, &path).and_then(|pattern| pattern.offer.as_ref()),
                named: place_of(config, &path).is_some(),
                directory,
                fault: fault.or_else(|| health.moved(&path, directory, &ours)),
                holders,
                cluster,
                path,
            };
            verdict(&subject)
        })
        .collect();
    tell_room(&mut verdicts, facts, cluster, config);
    verdicts
}

/// Directories that the config names, and those of ours that it does not, or that are gone.
fn paths(
    scanned: &BTreeMap<String, &Content>,
    holders: &BTreeMap<String, Vec<&PersistentVolume>>,
    cluster: &Cluster,
    config: &Config,
) -> Vec<String> {
    let ours = holders.iter().filter(|(_, holders)| {
        let node = cluster.node.as_ref();
        node.is_some_and(|node| holders.iter().any(|pv| is_ours(pv, node)))
    });
    let named = scanned
        .keys()
        .filter(|path| place_of(config, path).is_some());
    let paths: BTreeSet<&String> = named.chain(ours.map(|(path, _)| path)).collect();
    let mut paths: Vec<String> = paths.into_iter().cloned().collect();
    paths.sort_by_cached_key(|path| {
        let place = place_of(config, path);
        (place.is_none(), place, path.clone())
    });
    paths
}

fn verdict(subject: &Subject<'_>) -> VolumeVerdict {
    let pv = subject.holders.first().copied();
    let worth = Worth::of(subject);
    let ours = pv
        .zip(subject.cluster.node.as_ref())
        .is_some_and(|(pv, node)| is_ours(pv, node));
    let claim = pv.and_then(|pv| pv.claim.clone());
    let noted = pv
        .filter(|_| ours && claim.is_some())
        .and_then(|pv| pv.annotations.get(VIRTUAL_MACHINE_ANNOTATION).cloned());
    let runs = claim
        .as_ref()
        .and_then(|claim| machine_of(claim, subject.cluster));
    VolumeVerdict {
        name: last_component(&subject.path).to_owned(),
        path: subject.path.clone(),
        state: worth.state,
        reason: (!worth.reasons.is_empty()).then(|| worth.reasons.join("; ")),
        directory: subject.directory.cloned(),
        persistent_volume: pv.map(|pv| pv.name.clone()),
        ours,
        capacity: pv.map(|pv| pv.capacity),
        class: pv.map(|pv| pv.class.clone()),
        claim,
        virtual_machine: runs.or(noted),
    }
}

/// The VM whose launcher has the claim, `namespace/name`; of several (a migration) the name is the same.
pub(super) fn machine_of(claim: &ClaimRef, cluster: &Cluster) -> Option<String> {
    let has_it = cluster.pods.iter().filter(|pod| {
        !pod.ended && pod.namespace == claim.namespace && pod.claims.contains(&claim.name)
    });
    has_it
        .filter_map(|pod| pod.machine.as_ref())
        .min()
        .map(|machine| format!("{}/{machine}", claim.namespace))
}

/// Says of those that could be offered whether they will be.
fn tell_room(verdicts: &mut [VolumeVerdict], facts: &Facts, cluster: &Cluster, config: &Config) {
    let rooms = file_systems::rooms(facts, cluster, verdicts);
    let mut decided = sizes::capacities(verdicts, rooms, config);
    for verdict in verdicts
        .iter_mut()
        .filter(|verdict| verdict.reason.is_none())
    {
        verdict.reason = decided.remove(&verdict.path).map(|decided| match decided {
            Ok(capacity) => format!(
                "a PersistentVolume of {} is made of it",
                format_bytes(capacity)
            ),
            Err(no_room) => no_room.to_string(),
        });
    }
}

//! The launcher pod's virtual functions: as many of each resource as its networks need, on the container that runs the
//! guest, requests and limits always together.
//!
//! From KubeVirt 1.9 on, virt-controller adds none (facts: kubevirt-cdi 0.1, 2); before, and beside
//! network-resources-injector, they are there already, in whichever container. So all containers are counted, and only
//! what is missing is added.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::edit::Why;
use crate::names;
use crate::surroundings::{NetworkKnown, NetworkName};
use crate::view::Pod;

use super::resources::{Lists, of_container};
use super::{Context, Mutation, Note};

/// Adds what is missing. If one network is not known, nothing is: a pod with half of its functions would start.
pub(super) fn inject(pod: &Pod<'_>, context: Context<'_>, out: &mut Mutation) {
    let annotations = [
        names::NETWORKS_ANNOTATION,
        names::DEFAULT_NETWORK_ANNOTATION,
    ];
    let mut all = Vec::new();
    for text in annotations.iter().filter_map(|name| pod.annotation(name)) {
        let Some(networks) = networks(text, context.namespace) else {
            out.notes.push(Note::NetworksUnreadable);
            return;
        };
        all.extend(networks);
    }
    let mut wanted: BTreeMap<&str, u64> = BTreeMap::new();
    for network in &all {
        match network.known(context.surroundings) {
            NetworkKnown::Resource(resource) => *wanted.entry(resource).or_default() += 1,
            NetworkKnown::WithoutResource => {}
            NetworkKnown::Unwatched => {
                out.notes.push(Note::NetworksUnwatched);
                return;
            }
            NetworkKnown::Missing => {
                out.notes.push(Note::NetworkUnknown(network.to_string()));
                return;
            }
        }
    }
    let containers = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.containers.as_deref());
    let containers = containers.unwrap_or_default();
    let compute = containers
        .iter()
        .position(|container| container.name.as_deref() == Some(names::COMPUTE_CONTAINER));
    let Some((at, compute)) = compute.and_then(|at| Some((at, containers.get(at)?))) else {
        if !wanted.is_empty() {
            out.notes.push(Note::NoContainer(names::COMPUTE_CONTAINER));
        }
        return;
    };
    let others = || {
        containers
            .iter()
            .enumerate()
            .filter(move |(other, _)| *other != at)
    };
    let mut lists = Lists::of(at, compute, &out.edits);
    for (resource, wanted) in wanted {
        let elsewhere: u64 = others()
            .map(|(_, container)| of_container(container, resource))
            .sum();
        let own = of_container(compute, resource);
        let count = own.max(wanted.saturating_sub(elsewhere));
        if count > 0 {
            out.edits.extend(lists.set(resource, count, &Why::Networks));
        }
    }
}

/// The networks of the annotation: a list in JSON, or names with commas between them, each with an `@interface` or not
/// (Network Plumbing Working Group, Multi-network specification 1.3, section 4.1.2).
fn networks(text: &str, namespace: &str) -> Option<Vec<NetworkName>> {
    #[derive(Deserialize)]
    struct Element {
        name: String,
        namespace: Option<String>,
    }
    let text = text.trim();
    if text.starts_with('[') {
        let elements: Vec<Element> = serde_json::from_str(text).ok()?;
        let name = |element: Element| {
            let namespace = element.namespace.as_deref().unwrap_or(namespace);
            NetworkName::of(&element.name, namespace)
        };
        return Some(elements.into_iter().map(name).collect());
    }
    let names = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let without_interface = |name: &str| {
        let name = name.split_once('@').map_or(name, |(name, _)| name);
        NetworkName::of(name, namespace)
    };
    Some(names.map(without_interface).collect())
}

#[cfg(test)]
mod tests;

//! The launcher pod's virtual functions: as many of each resource as its networks need, on the container that runs the
//! guest, requests and limits always together.
//!
//! From KubeVirt 1.9 on, virt-controller adds none (facts: kubevirt-cdi 0.1, 2); before, and beside
//! network-resources-injector, they are there already, in whichever container. So all containers are counted, and only
//! what is missing is added.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::edit::{Edit, Token, Why};
use crate::names;
use crate::surroundings::{NetworkKnown, NetworkName};
use crate::view::{Amounts, Container, Pod, Resources};

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
    let mut lists = Lists::of(compute.resources.as_ref());
    for (resource, wanted) in wanted {
        let elsewhere: u64 = others()
            .map(|(_, container)| of_container(container, resource))
            .sum();
        let own = of_container(compute, resource);
        let count = own.max(wanted.saturating_sub(elsewhere));
        if count > 0 {
            out.edits.extend(lists.set(at, compute, resource, count));
        }
    }
}

/// How many of a resource a container asks for; a number that is none counts as nothing.
fn of_container(container: &Container<'_>, resource: &str) -> u64 {
    let Some(resources) = &container.resources else {
        return 0;
    };
    let count = |amounts: &Option<Amounts<'_>>| number(amounts.as_ref(), resource).unwrap_or(0);
    count(&resources.requests).max(count(&resources.limits))
}

fn number(amounts: Option<&Amounts<'_>>, resource: &str) -> Option<u64> {
    amounts?.get(resource)?.parse().ok()
}

/// Which maps the container has, or got by an earlier edit.
struct Lists {
    resources: bool,
    requests: bool,
    limits: bool,
}

impl Lists {
    fn of(resources: Option<&Resources<'_>>) -> Self {
        Self {
            resources: resources.is_some(),
            requests: resources.is_some_and(|resources| resources.requests.is_some()),
            limits: resources.is_some_and(|resources| resources.limits.is_some()),
        }
    }

    /// Edits until requests and limits both say `count`.
    fn set(
        &mut self,
        at: usize,
        container: &Container<'_>,
        resource: &str,
        count: u64,
    ) -> Vec<Edit> {
        let own = container.resources.as_ref();
        let requests = own.and_then(|own| own.requests.as_ref());
        let limits = own.and_then(|own| own.limits.as_ref());
        let mut edits = Vec::new();
        let text = Value::from(count.to_string());
        for (list, amounts) in [("requests", requests), ("limits", limits)] {
            if number(amounts, resource) == Some(count) {
                continue;
            }
            let exists = match list {
                "requests" => &mut self.requests,
                _ => &mut self.limits,
            };
            let mut path = ["spec", "containers"].map(Token::Borrowed).to_vec();
            path.push(Token::Owned(at.to_string()));
            path.push(Token::Borrowed("resources"));
            let value = match (self.resources, *exists) {
                (false, _) => json!({ list: { resource: text.clone() } }),
                (true, false) => json!({ resource: text.clone() }),
                (true, true) => text.clone(),
            };
            if self.resources {
                path.push(Token::Borrowed(list));
                if *exists {
                    path.push(Token::Owned(resource.to_owned()));
                }
            }
            (self.resources, *exists) = (true, true);
            edits.push(Edit {
                path,
                value,
                what: format!("{count} {resource}"),
                why: Why::Networks,
            });
        }
        edits
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

//! One VM that is not placed, in words: what a person would look up.

use std::collections::BTreeMap;

use serde_json::Value;
use vmberth_e2e::pod::node_of;
use vmberth_e2e::seen::{self, items, name, text};

use crate::amounts::{COUNTED, needs, requests_by_node};
use crate::counted::Seen;
use crate::fleet::LABEL;

/// So many nodes are told that would do.
const OTHERS: usize = 5;

impl Seen {
    /// Why launchers wait, each reason with the number of pods that say so.
    pub(crate) fn words(&self, namespace: &str) -> BTreeMap<String, usize> {
        let mut words = BTreeMap::new();
        for pod in &self.pods {
            let own = pod["metadata"]["namespace"] == namespace && node_of(pod).is_empty();
            if let Some(said) = seen::scheduler_words(pod).filter(|_| own) {
                let times: &mut usize = words.entry(said.to_owned()).or_default();
                *times = times.saturating_add(1);
            }
        }
        words
    }

    /// What a VM that is not placed needs, where its disks lie, and what is left there; then nodes that would have it all but the
    /// volumes.
    pub(crate) fn case(&self, vm: &str, namespace: &str) -> String {
        let (has, requested) = (self.allocatable(), requests_by_node(&self.pods));
        let Some(vm) = self.vms.iter().find(|it| name(it) == vm) else {
            return format!("{vm} is gone");
        };
        let needs = needs(vm);
        let left = |node: &str, resource: &str| {
            let of = (node.to_owned(), resource.to_owned());
            let all = has.get(&of).copied().unwrap_or(0);
            all.saturating_sub(requested.get(&of).copied().unwrap_or(0))
        };
        let disks = self.nodes_of_disks(vm, namespace);
        let there: Vec<_> = disks
            .iter()
            .map(|node| (node, COUNTED.map(|resource| left(node, resource))))
            .collect();
        let free = |node: &str| {
            let on_node = |volume: &&Value| volume["metadata"]["labels"][LABEL] == node;
            let on_node = self.volumes.iter().filter(on_node);
            let free = on_node.filter(|volume| volume["status"]["phase"] == "Available");
            let sizes = free.map(|volume| text(&volume["spec"]["capacity"]["storage"]).to_owned());
            sizes.collect::<Vec<_>>()
        };
        let others = self.nodes.iter().map(name).filter(|node| {
            needs
                .iter()
                .all(|(resource, amount)| left(node, resource) >= *amount)
                && !free(node).is_empty()
        });
        let others = others.take(OTHERS).map(|node| (node, free(node)));
        let others: Vec<_> = others.collect();
        let phases: Vec<_> = items(&vm["spec"]["template"]["spec"]["volumes"])
            .iter()
            .map(|volume| {
                let claim = text(&volume["persistentVolumeClaim"]["claimName"]);
                let data = text(&volume["dataVolume"]["name"]);
                let is = |it: &&Value| name(it) == claim || name(it) == data;
                let own = |it: &&Value| it["metadata"]["namespace"] == namespace && is(it);
                let found = self.claims.iter().find(own);
                let of = found.map_or("no claim", |it| text(&it["status"]["phase"]));
                let size = found.map_or("", |it| {
                    text(&it["spec"]["resources"]["requests"]["storage"])
                });
                format!("{claim}{data} {of} {size}")
            })
            .collect();
        format!(
            "{}: needs {needs:?}; disks {phases:?} on {there:?} (left there); would do, with free volumes: {others:?}",
            name(vm)
        )
    }
}

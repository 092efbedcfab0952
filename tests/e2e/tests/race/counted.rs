//! What became of a race, read from the API server and from nothing else.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::Value;
use vmberth_e2e::pod::node_of;
use vmberth_e2e::seen::{condition, items, name, text};
use vmberth_e2e::vm::LAUNCHER;
use vmberth_e2e::volumes::Place;
use vmberth_e2e::{Scene, kind};

use crate::amounts::{Amounts, COUNTED, amount, at, is_live, needs, requests_by_node};
use crate::fleet::LABEL;

/// All that there is at one moment.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) vms: Vec<Value>,
    pub(crate) instances: Vec<Value>,
    pub(crate) pods: Vec<Value>,
    pub(crate) claims: Vec<Value>,
    pub(crate) volumes: Vec<Value>,
    pub(crate) nodes: Vec<Value>,
}

/// What it comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) vms: usize,
    /// VMs whose launcher has a node.
    pub(crate) placed: usize,
    /// VMs that KubeVirt says run.
    pub(crate) running: usize,
    /// VMs with a disk on a node and a launcher, or none yet, that is not placed.
    pub(crate) pinned: Vec<String>,
    /// Those of them whose disks' node has too few functions or pages for them left, or whose disks lie on several.
    pub(crate) stuck: Vec<String>,
    /// VMs without a disk anywhere that are not placed.
    pub(crate) waiting: Vec<String>,
    /// VMs whose launcher and disks are on different nodes.
    pub(crate) apart: Vec<String>,
    /// VMs with two launchers.
    pub(crate) doubled: Vec<String>,
    /// More than a node has, by node and resource.
    pub(crate) oversold: Amounts,
    /// Volumes that two claims have, or that say another claim than the one that names them.
    pub(crate) volumes_twice: BTreeSet<String>,
    /// From the first VM's creation to the last launcher's node, in seconds.
    pub(crate) seconds: i64,
}

impl Seen {
    /// Reads it.
    pub(crate) async fn now(scene: &Scene) -> Result<Self> {
        let (cluster, own) = (&scene.cluster, &scene.namespace);
        Ok(Self {
            vms: cluster.list(kind::VM, own, "").await?,
            instances: cluster.list(kind::VMI, own, "").await?,
            // Of all namespaces: a node is sold to all of them.
            pods: cluster.list(kind::POD, "", "").await?,
            claims: cluster.list(kind::CLAIM, "", "").await?,
            volumes: cluster.list(kind::VOLUME, "", LABEL).await?,
            nodes: cluster.list(kind::NODE, "", "type=simulated").await?,
        })
    }

    /// Live launchers of VMs in this namespace, by VM.
    fn launchers(&self, namespace: &str) -> BTreeMap<&str, Vec<&Value>> {
        let mut found: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        let (key, value) = LAUNCHER.split_once('=').unwrap_or_default();
        for pod in &self.pods {
            let metadata = &pod["metadata"];
            let provisions = &metadata["annotations"]["kubevirt.io/ephemeral-provisioning"];
            if metadata["namespace"] == namespace
                && metadata["labels"][key] == value
                && provisions.is_null()
                && is_live(pod)
            {
                let vm = text(&metadata["labels"]["vm.kubevirt.io/name"]);
                found.entry(vm).or_default().push(pod);
            }
        }
        found
    }

    /// Counts.
    pub(crate) fn tally(&self, namespace: &str) -> Tally {
        let launchers = self.launchers(namespace);
        let (has, requested) = (self.allocatable(), requests_by_node(&self.pods));
        let mut tally = Tally {
            vms: self.vms.len(),
            running: count(&self.instances, |it| it["status"]["phase"] == "Running"),
            volumes_twice: self.volumes_twice(),
            seconds: self.seconds(&launchers),
            ..Tally::default()
        };
        for (of, amount) in &requested {
            // Of a node that was deleted pods are left for a while.
            let Some(all) = has.get(of) else { continue };
            let more = amount.saturating_sub(*all);
            if more > 0 {
                tally.oversold.insert(of.clone(), more);
            }
        }
        for vm in &self.vms {
            let name = name(vm).to_owned();
            let pods = launchers.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            let placed: Vec<&str> = pods.iter().map(|pod| node_of(pod)).collect();
            let placed: Vec<&str> = placed.into_iter().filter(|it| !it.is_empty()).collect();
            let disks = self.nodes_of_disks(vm, namespace);
            if placed.len() > 1 {
                tally.doubled.push(name.clone());
            }
            match (placed.first(), disks.len()) {
                (Some(node), _) => {
                    tally.placed = tally.placed.saturating_add(1);
                    if disks.iter().any(|disk| disk != node) {
                        tally.apart.push(name);
                    }
                }
                (None, 0) => tally.waiting.push(name),
                (None, several) => {
                    let node = disks.first().cloned().unwrap_or_default();
                    let lacks = needs(vm).into_iter().any(|(resource, amount)| {
                        let of = (node.clone(), resource);
                        let all = has.get(&of).copied().unwrap_or(0);
                        all.saturating_sub(requested.get(&of).copied().unwrap_or(0)) < amount
                    });
                    if several > 1 || lacks {
                        tally.stuck.push(name.clone());
                    }
                    tally.pinned.push(name);
                }
            }
        }
        tally
    }

    /// What nodes have.
    pub(crate) fn allocatable(&self) -> Amounts {
        let mut all = Amounts::new();
        for node in &self.nodes {
            for resource in COUNTED {
                let amount = amount(&node["status"]["allocatable"][resource]);
                all.insert((name(node).to_owned(), resource.to_owned()), amount);
            }
        }
        all
    }

    fn volumes_twice(&self) -> BTreeSet<String> {
        let mut holders: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for claim in &self.claims {
            let volume = text(&claim["spec"]["volumeName"]);
            if !volume.is_empty() {
                holders.entry(volume).or_default().push(claim);
            }
        }
        let twice = holders.into_iter().filter(|(volume, claims)| {
            let found = self.volumes.iter().find(|it| name(it) == *volume);
            let says = found.map(|it| &it["spec"]["claimRef"]["uid"]);
            let other = |claim: &&Value| says.is_some_and(|uid| *uid != claim["metadata"]["uid"]);
            claims.len() > 1 || claims.iter().any(other)
        });
        twice.map(|(volume, _)| volume.to_owned()).collect()
    }

    /// The nodes on which a VM has disks.
    pub(crate) fn nodes_of_disks(&self, vm: &Value, namespace: &str) -> Vec<String> {
        let names = items(&vm["spec"]["template"]["spec"]["volumes"]).iter();
        let names: Vec<&str> = names
            .map(|volume| {
                let claim = text(&volume["persistentVolumeClaim"]["claimName"]);
                if claim.is_empty() {
                    text(&volume["dataVolume"]["name"])
                } else {
                    claim
                }
            })
            .collect();
        let of_vm = |volume: &&Value| {
            let claim = &volume["spec"]["claimRef"];
            volume["status"]["phase"] == "Bound"
                && claim["namespace"] == namespace
                && names.contains(&text(&claim["name"]))
        };
        let places = self.volumes.iter().filter(of_vm);
        let nodes = places.filter_map(|volume| Place::of(volume).ok());
        let nodes: BTreeSet<String> = nodes.map(|place| place.node).collect();
        nodes.into_iter().collect()
    }

    fn seconds(&self, launchers: &BTreeMap<&str, Vec<&Value>>) -> i64 {
        let first = self
            .vms
            .iter()
            .filter_map(|vm| at(&vm["metadata"]["creationTimestamp"]));
        let placed = launchers.values().flatten().filter_map(|pod| {
            let scheduled = condition(pod, "PodScheduled")?;
            (scheduled["status"] == "True").then(|| at(&scheduled["lastTransitionTime"]))?
        });
        first
            .min()
            .zip(placed.max())
            .map_or(0, |(first, last)| last - first)
    }
}

fn count(list: &[Value], is: impl Fn(&Value) -> bool) -> usize {
    list.iter().filter(|one| is(one)).count()
}

#[cfg(test)]
mod tests;

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

/// The label that local volumes are tied to.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// What a disk says of the VM that it will belong to; CDI copies it from the DataVolume.
const PROFILE: &str = "vmberth.io/profile";

/// CDI's mark of a claim that is uploaded.
const UPLOAD: &str = "cdi.kubevirt.io/storage.upload.target";

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
    /// VMs of which an upload was there first, so that it may have been placed before anybody could know what they need.
    pub(crate) early: Early,
    /// Those whose disks named one.
    pub(crate) early_named: Early,
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

/// VMs whose disk was there first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Early {
    pub(crate) vms: usize,
    pub(crate) pinned: Vec<String>,
}

impl Tally {
    /// VMs that are pinned though all was known of them.
    pub(crate) fn pinned_knowingly(&self) -> Vec<&String> {
        let early: BTreeSet<_> = [&self.early, &self.early_named]
            .into_iter()
            .flat_map(|early| &early.pinned)
            .collect();
        let pinned = self.pinned.iter();
        pinned.filter(|vm| !early.contains(vm)).collect()
    }
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
            let is_pinned = placed.is_empty() && !disks.is_empty();
            let early = match self.early_disk(vm, namespace) {
                Some(true) => Some(&mut tally.early_named),
                Some(false) => Some(&mut tally.early),
                None => None,
            };
            if let Some(early) = early {
                early.vms = early.vms.saturating_add(1);
                early.pinned.extend(is_pinned.then(|| name.clone()));
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
        let places = self.volumes_of(vm, namespace);
        let places = places.filter_map(|volume| Place::of(volume).ok());
        let nodes: BTreeSet<String> = places.map(|place| self.node_with(place.node)).collect();
        nodes.into_iter().collect()
    }

    /// The node that a volume means by this hostname; nodes may be called otherwise.
    fn node_with(&self, hostname: String) -> String {
        let says = |node: &&Value| node["metadata"]["labels"][HOSTNAME] == hostname.as_str();
        let found = self.nodes.iter().find(says);
        found.map_or(hostname, |node| name(node).to_owned())
    }

    /// Bound volumes of a VM's disks.
    fn volumes_of(&self, vm: &Value, namespace: &str) -> impl Iterator<Item = &Value> {
        let names = claims_of(vm);
        self.volumes.iter().filter(move |volume| {
            let claim = &volume["spec"]["claimRef"];
            volume["status"]["phase"] == "Bound"
                && claim["namespace"] == namespace
                && names.iter().any(|it| *it == text(&claim["name"]))
        })
    }

    /// Whether an upload was there before the VM, and if so, whether it named a profile.
    fn early_disk(&self, vm: &Value, namespace: &str) -> Option<bool> {
        let since = at(&vm["metadata"]["creationTimestamp"])?;
        let disks = claims_of(vm);
        let claims = self.claims.iter().filter(|claim| {
            let (metadata, made) = (&claim["metadata"], &claim["metadata"]["creationTimestamp"]);
            metadata["namespace"] == namespace
                && disks.iter().any(|disk| *disk == name(claim))
                && !metadata["annotations"][UPLOAD].is_null()
                && at(made).is_some_and(|made| made < since)
        });
        let mut says = claims.map(|claim| !claim["metadata"]["annotations"][PROFILE].is_null());
        let first = says.next()?;
        Some(first && says.all(|says| says))
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

/// Names of the claims that are a VM's disks.
fn claims_of(vm: &Value) -> Vec<String> {
    let volumes = items(&vm["spec"]["template"]["spec"]["volumes"]).iter();
    let name = |volume: &Value| {
        let claim = text(&volume["persistentVolumeClaim"]["claimName"]);
        let data_volume = text(&volume["dataVolume"]["name"]);
        if claim.is_empty() { data_volume } else { claim }.to_owned()
    };
    volumes.map(name).collect()
}

fn count(list: &[Value], is: impl Fn(&Value) -> bool) -> usize {
    list.iter().filter(|one| is(one)).count()
}

#[cfg(test)]
mod tests;

//! What became of a race, read from the API server and from nothing else.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;
use vmberth_decide::quantity::parse_bytes;
use vmberth_e2e::networks::FUNCTION;
use vmberth_e2e::pod::node_of;
use vmberth_e2e::seen::{self, condition, items, name, text};
use vmberth_e2e::vm::LAUNCHER;
use vmberth_e2e::volumes::Place;
use vmberth_e2e::{Scene, kind};

use crate::fleet::LABEL;

/// Resources that are counted.
const COUNTED: [&str; 2] = [FUNCTION, "hugepages-2Mi"];

/// Node and resource, and how much.
pub(crate) type Amounts = BTreeMap<(String, String), u64>;

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
        let others: Vec<_> = others.map(|node| (node, free(node))).collect();
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
            let more = amount.saturating_sub(has.get(of).copied().unwrap_or(0));
            if more > 0 && of.0.starts_with("sim-") {
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

    fn allocatable(&self) -> Amounts {
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
    fn nodes_of_disks(&self, vm: &Value, namespace: &str) -> Vec<String> {
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

/// What pods that have not ended ask of their nodes.
pub(crate) fn requests_by_node(pods: &[Value]) -> Amounts {
    let mut sums = Amounts::new();
    for pod in pods
        .iter()
        .filter(|pod| is_live(pod) && !node_of(pod).is_empty())
    {
        for container in items(&pod["spec"]["containers"]) {
            for resource in COUNTED {
                let asked = amount(&container["resources"]["requests"][resource]);
                if asked > 0 {
                    let of = (node_of(pod).to_owned(), resource.to_owned());
                    let sum = sums.entry(of).or_default();
                    *sum = sum.saturating_add(asked);
                }
            }
        }
    }
    sums
}

/// What the VM will ask of its node.
fn needs(vm: &Value) -> Vec<(String, u64)> {
    let spec = &vm["spec"]["template"]["spec"];
    let functions = items(&spec["domain"]["devices"]["interfaces"]).iter();
    let functions = functions.filter(|one| !one["sriov"].is_null()).count() as u64;
    let pages = if spec["domain"]["memory"]["hugepages"].is_null() {
        0
    } else {
        amount(&spec["domain"]["memory"]["guest"])
    };
    COUNTED
        .map(str::to_owned)
        .into_iter()
        .zip([functions, pages])
        .collect()
}

fn is_live(pod: &Value) -> bool {
    !["Succeeded", "Failed"].contains(&text(&pod["status"]["phase"]))
}

fn amount(quantity: &Value) -> u64 {
    parse_bytes(text(quantity)).unwrap_or(0)
}

/// A time of the API server, in seconds since 1970.
pub(crate) fn at(time: &Value) -> Option<i64> {
    let time: Time = serde_json::from_value(time.clone()).ok()?;
    Some(time.0.as_second())
}

fn count(list: &[Value], is: impl Fn(&Value) -> bool) -> usize {
    list.iter().filter(|one| is(one)).count()
}

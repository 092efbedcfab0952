//! vmberth's say, by the functions that the extender calls: what happens goes into the index as the watches tell it, and each pod
//! is asked about with `asked`, `place` and `scores`.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use vmberth_decide::event::{Claim, Class, Event, Node, ObjectName, Pod, Volume};
use vmberth_decide::fit::counted::Counted;
use vmberth_decide::fit::volumes::AccessModes;
use vmberth_decide::guest::Guest;
use vmberth_decide::index::Index;
use vmberth_decide::inventory::{
    FileSystem, HugePages, NodeInventoryStatus, VfPool, Volume as Directory, VolumeState,
};
use vmberth_decide::pages::PageSize;
use vmberth_decide::placement::{place, scores};
use vmberth_decide::policy::Policy;
use vmberth_decide::whose::{Asked, asked};

use crate::fill::{Say, Stage};
use crate::fleet::{Case, GI, Kind, NodeHas, POOLS};

const CLASS: &str = "local-vd";
const NAMESPACE: &str = "edge";
const RESOURCES: [&str; POOLS] = ["intel.com/intel_sriov_vm", "intel.com/intel_sriov_fast"];
/// Seconds between one VM and the next.
const PACE: u64 = 60;

/// The extender's index, and the stream that it is asked about.
pub(crate) struct Ours<'c> {
    case: &'c Case,
    index: Index,
    now: u64,
}

impl<'c> Ours<'c> {
    /// Over an empty fleet.
    pub(crate) fn of(case: &'c Case, policy: Policy) -> Self {
        let mut index = Index::default();
        index.apply(Event::Policy(Arc::new(policy)));
        index.apply(Event::Class(CLASS.into(), Some(Class { is_static: true })));
        for (at, has) in case.nodes.iter().enumerate() {
            for event in node(at, has) {
                index.apply(event);
            }
        }
        let now = 1_000;
        Self { case, index, now }
    }

    fn kind(&self, vm: usize) -> &'c Kind {
        &self.case.kinds[self.case.stream[vm]]
    }

    fn claim(&self, vm: usize, disk: usize, volume: Option<Arc<str>>) -> Event {
        let claim = Claim {
            class: CLASS.into(),
            bytes: self.kind(vm).disks[disk] * GI,
            access: AccessModes::of(["ReadWriteOnce"]),
            volume,
            ..Claim::default()
        };
        Event::Claim(claim_name(vm, disk), Some(claim))
    }

    /// The pod as kube-scheduler sends it.
    fn pod(&self, vm: usize, stage: Stage) -> Value {
        let kind = self.kind(vm);
        let (labels, owner, requests, disks) = match stage {
            Stage::Disk(disk) => (
                json!({"app": "containerized-data-importer", "cdi.kubevirt.io": "cdi-upload-server"}),
                json!({"kind": "PersistentVolumeClaim", "name": &*claim_name(vm, disk).1, "controller": true}),
                json!({"cpu": "100m", "memory": "60M"}),
                vec![disk],
            ),
            Stage::Vm => {
                let amounts = kind.amounts;
                let mut requests = json!({
                    "cpu": format!("{}m", amounts.cpu), "memory": format!("{}Mi", amounts.memory),
                    "hugepages-1Gi": format!("{}Gi", amounts.pages),
                });
                for (resource, count) in RESOURCES.iter().zip(amounts.functions) {
                    requests[resource] = count.to_string().into();
                }
                (
                    json!({"kubevirt.io": "virt-launcher"}),
                    json!({"kind": "VirtualMachineInstance", "name": &*vm_name(vm).1, "controller": true}),
                    requests,
                    (0..kind.disks.len()).collect(),
                )
            }
        };
        let mounts = |disk: &usize| json!({"persistentVolumeClaim": {"claimName": &*claim_name(vm, *disk).1}});
        let volumes: Vec<Value> = disks.iter().map(mounts).collect();
        json!({
            "metadata": {"name": "pod", "namespace": NAMESPACE, "labels": labels, "ownerReferences": [owner]},
            "spec": {"containers": [{"resources": {"requests": requests}}], "volumes": volumes},
        })
    }
}

impl Say for Ours<'_> {
    fn comes(&mut self, vm: usize) {
        self.now += PACE;
        self.index.apply(Event::Time(self.now));
        for disk in 0..self.kind(vm).disks.len() {
            let claim = self.claim(vm, disk, None);
            self.index.apply(claim);
        }
        let machine = machine(vm, self.kind(vm)).to_string();
        let machine = serde_json::from_str(&machine).unwrap();
        let guest = Guest::of_machine(&machine, NAMESPACE);
        self.index
            .apply(Event::Machine(vm_name(vm), Some(Box::new(guest))));
    }

    fn points(&mut self, vm: usize, stage: Stage, nodes: &[usize]) -> Vec<Option<u64>> {
        let pod = self.pod(vm, stage).to_string();
        let pod = serde_json::from_str(&pod).unwrap();
        let demand = match asked(&self.index, &pod) {
            Asked::Ours(demand) => demand,
            other @ (Asked::Foreign | Asked::Unclear(_)) => {
                unreachable!("the pod of a VM is {other:?}")
            }
        };
        let names: Vec<String> = nodes.iter().map(|at| node_name(*at)).collect();
        let placement = place(&self.index, &demand, names.iter().map(String::as_str));
        let points: HashMap<&str, u64> = scores(&self.index, &demand, &placement.fits)
            .into_iter()
            .collect();
        names
            .iter()
            .map(|name| points.get(name.as_str()).copied())
            .collect()
    }

    fn bound(&mut self, vm: usize, disk: usize, node: usize, at: usize) {
        let gib = self.case.nodes[node].volumes[at];
        let taken = Volume {
            is_free: false,
            claim: Some(claim_name(vm, disk)),
            since: Some(self.now),
            ..volume(node, gib)
        };
        let name: Arc<str> = volume_name(node, at).into();
        let claim = self.claim(vm, disk, Some(Arc::clone(&name)));
        self.index.apply(Event::Volume(name, Some(taken)));
        self.index.apply(claim);
    }

    fn runs(&mut self, vm: usize, node: usize) {
        let amounts = self.kind(vm).amounts;
        let functions = RESOURCES.iter().zip(amounts.functions);
        let pages = (Counted::Pages(PageSize::Gi1), amounts.pages);
        let pod = Pod {
            node: Some(node_name(node).into()),
            vm: Some(vm_name(vm).1),
            requests: functions
                .map(|(resource, count)| (Counted::Vfs((*resource).into()), count))
                .chain([pages])
                .filter(|(_, count)| *count > 0)
                .collect(),
            ..Pod::default()
        };
        let name = in_namespace(format!("virt-launcher-{}", vm_name(vm).1));
        self.index.apply(Event::Pod(name, Some(pod)));
    }

    fn gives_up(&mut self, vm: usize) {
        self.index.apply(Event::Machine(vm_name(vm), None));
        for disk in 0..self.kind(vm).disks.len() {
            self.index.apply(Event::Claim(claim_name(vm, disk), None));
        }
    }
}

fn in_namespace(name: String) -> ObjectName {
    (NAMESPACE.into(), name.into())
}

fn vm_name(vm: usize) -> ObjectName {
    in_namespace(format!("vm-{vm}"))
}

fn claim_name(vm: usize, disk: usize) -> ObjectName {
    in_namespace(format!("vm-{vm}-disk-{disk}"))
}

fn node_name(at: usize) -> String {
    format!("node-{at}")
}

fn volume_name(node: usize, at: usize) -> String {
    format!("node-{node}-vol{at}")
}

fn machine(vm: usize, kind: &Kind) -> Value {
    let disks =
        (0..kind.disks.len()).map(|disk| json!({"dataVolume": {"name": &*claim_name(vm, disk).1}}));
    let mut memory = json!({"guest": format!("{}Mi", kind.amounts.memory)});
    if kind.amounts.pages > 0 {
        let guest = format!("{}Gi", kind.amounts.pages);
        memory = json!({"guest": guest, "hugepages": {"pageSize": "1Gi"}});
    }
    let mut requests = json!({});
    for (resource, count) in RESOURCES.iter().zip(kind.amounts.functions) {
        requests[resource] = count.to_string().into();
    }
    let domain = json!({"memory": memory, "resources": {"requests": requests}});
    let volumes: Vec<Value> = disks.collect();
    json!({"spec": {
        "runStrategy": "Always",
        "template": {"spec": {"domain": domain, "volumes": volumes}},
    }})
}

/// A node, its volumes, and what its agent tells.
fn node(at: usize, has: &NodeHas) -> Vec<Event> {
    let name: Arc<str> = node_name(at).into();
    let known = Node {
        hostname: Arc::clone(&name),
        labels: Arc::new([("kubevirt.io/schedulable".to_owned(), "true".to_owned())].into()),
        ..Node::default()
    };
    let directory = |volume: usize| Directory {
        file_system: "259:1".to_owned(),
        state: VolumeState::Available,
        persistent_volume: Some(volume_name(at, volume)),
        ..Directory::default()
    };
    let file_system = FileSystem {
        device: "259:1".to_owned(),
        size_bytes: has.disk * GI,
        free_bytes: has.disk * GI,
        free_after_promises_bytes: has.disk * GI,
        ..FileSystem::default()
    };
    let pool = |(resource, count): (&&str, u64)| {
        let count = u32::try_from(count).unwrap();
        VfPool {
            resource: (*resource).to_owned(),
            discovered: count,
            free: count,
            advertised: count,
            ..VfPool::default()
        }
    };
    let pages = has.amounts.pages;
    let status = NodeInventoryStatus {
        volumes: (0..has.volumes.len()).map(directory).collect(),
        file_systems: vec![file_system],
        vf_pools: RESOURCES
            .iter()
            .zip(has.amounts.functions)
            .map(pool)
            .collect(),
        huge_pages: vec![HugePages {
            size: "1Gi".to_owned(),
            total: pages,
            free: pages,
            advertised: pages,
            ..HugePages::default()
        }],
        ..NodeInventoryStatus::default()
    };
    let volumes = has.volumes.iter().enumerate();
    let volumes = volumes
        .map(|(place, gib)| Event::Volume(volume_name(at, place).into(), Some(volume(at, *gib))));
    [
        Event::Node(Arc::clone(&name), Some(known)),
        Event::Inventory(name, Some(Box::new(status))),
    ]
    .into_iter()
    .chain(volumes)
    .collect()
}

fn volume(node: usize, gib: u64) -> Volume {
    Volume {
        class: CLASS.into(),
        bytes: gib * GI,
        access: AccessModes::of(["ReadWriteOnce"]),
        hostnames: [node_name(node).into()].into(),
        is_free: true,
        ..Volume::default()
    }
}

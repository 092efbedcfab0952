//! A large cluster: 5,000 nodes as KubeVirt labels them, 10 volumes each, two VMs of one of eight kinds running on each, every tenth node without
//! free functions. Of its 100,000 pods the index is told of the 10,000 that run a VM, since the watch drops the others.

use serde_json::json;
use vmberth_decide::event::{Event, Network, Pod};
use vmberth_decide::fit::counted::Counted;
use vmberth_decide::fit::volumes::Labels;
use vmberth_decide::guest::Guest;
use vmberth_decide::pages::PageSize;

use crate::fleet::{Has, NAMESPACE, POOL, claim, class, in_namespace, inventory, known, volume};

/// Nodes of the cluster.
pub(crate) const NODES: usize = 5_000;
const VOLUMES: u64 = 10;
/// Running VMs of a node.
const VMS: u64 = 2;

/// Name of a node.
pub(crate) fn name_of(node: usize) -> String {
    format!("worker-{node:05}.edge.site")
}

fn has(node: usize) -> Has {
    Has {
        volumes: VOLUMES,
        functions: 8,
        allocated: if node % 10 == 9 { 8 } else { 4 },
    }
}

fn vm_of(node: usize, at: u64) -> String {
    format!("vm-{node:05}-{at}")
}

/// Some of the node, and what KubeVirt's labeller says of the features and models of its processor.
fn labels(node: usize) -> Labels {
    let own = (0..20).map(|at| (format!("example.com/label-{at}"), format!("value-{node}")));
    // Ten kinds of machines.
    let features = (node % 10..300).map(|at| {
        let key = format!("cpu-feature.node.kubevirt.io/feature-{at}");
        (key, "true".to_owned())
    });
    own.chain(features).collect()
}

/// A VM with a disk, two functions and so many huge pages.
fn guest(vm: &str, gib: usize) -> Box<Guest> {
    let networks = json!([
        {"name": "a", "multus": {"networkName": "vm-net"}}, {"name": "b", "multus": {"networkName": "vm-net"}},
    ]);
    let interfaces = json!([{"name": "a", "sriov": {}}, {"name": "b", "sriov": {}}]);
    let spec = json!({
        "domain": {
            "devices": {"interfaces": interfaces},
            "memory": {"guest": format!("{gib}Gi"), "hugepages": {"pageSize": "1Gi"}},
        },
        "networks": networks,
        "volumes": [{"name": "disk", "dataVolume": {"name": vm}}],
        "tolerations": [{"key": "cmk", "operator": "Exists"}],
    });
    let machine =
        json!({"spec": {"runStrategy": "Always", "template": {"spec": spec}}}).to_string();
    let machine = serde_json::from_str(&machine).unwrap();
    Box::new(Guest::of_machine(&machine, NAMESPACE))
}

fn pod(node: usize, vm: &str) -> Event {
    let pod = Pod {
        node: Some(name_of(node).into()),
        vm: Some(vm.into()),
        requests: vec![
            (Counted::Vfs(POOL.into()), 2),
            (Counted::Pages(PageSize::Gi1), 4),
        ],
        ..Pod::default()
    };
    Event::Pod(
        in_namespace(&format!("virt-launcher-{vm}-abcde")),
        Some(pod),
    )
}

/// Lists as the watches tell them, one kind after the other, and one VM whose pod is still to be placed.
pub(crate) fn list(mut tell: impl FnMut(Event)) {
    tell(class());
    tell(Event::Network(
        in_namespace("vm-net"),
        Some(Network {
            resource: Some(POOL.into()),
        }),
    ));
    for node in 0..NODES {
        tell(known(&name_of(node), &labels(node)));
    }
    for node in 0..NODES {
        tell(inventory(&name_of(node), has(node)));
    }
    for (node, at) in (0..NODES).flat_map(|node| (0..VOLUMES).map(move |at| (node, at))) {
        let vm = (at < VMS).then(|| vm_of(node, at));
        tell(volume(&name_of(node), at, vm.as_deref()));
    }
    let residents = || (0..NODES).flat_map(|node| (0..VMS).map(move |at| (node, at)));
    for (node, at) in residents() {
        tell(claim(&vm_of(node, at), Some((&name_of(node), at))));
    }
    for (node, at) in residents() {
        let vm = vm_of(node, at);
        tell(Event::Machine(
            in_namespace(&vm),
            Some(guest(&vm, 1 + node % 8)),
        ));
    }
    for (node, at) in residents() {
        let vm = vm_of(node, at);
        tell(Event::Instance(
            in_namespace(&vm),
            Some(guest(&vm, 1 + node % 8)),
        ));
    }
    for (node, at) in residents() {
        tell(pod(node, &vm_of(node, at)));
    }
    tell(claim("mover", None));
    tell(Event::Time(2_000));
}

/// What happens to a node, and back again.
pub(crate) type ThereAndBack = fn(usize) -> [Event; 2];

/// What happens all the time.
pub(crate) fn changes() -> [(&'static str, ThereAndBack); 4] {
    [
        ("node", |node| {
            let name = name_of(node);
            [known(&name, &Labels::new()), known(&name, &labels(node))]
        }),
        ("inventory", |node| {
            let (name, mut busy) = (name_of(node), has(node));
            busy.allocated = 6;
            [inventory(&name, busy), inventory(&name, has(node))]
        }),
        ("volume", |node| {
            let name = name_of(node);
            [volume(&name, 5, Some("other")), volume(&name, 5, None)]
        }),
        ("pod", |node| {
            let name = in_namespace("virt-launcher-vm-abcde");
            [pod(node, "vm"), Event::Pod(name, None)]
        }),
    ]
}

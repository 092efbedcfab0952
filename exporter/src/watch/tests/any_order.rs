//! Whatever happens on a node and to its objects, and in whatever order the watches tell of it: the inventory is that of
//! an agent that begins now, on a node that was always so.
//!
//! Which claims were CDI's scratch space is remembered on purpose, so that no pod here has one.

mod cluster;
mod machine;

use proptest::collection::vec;
use proptest::option;
use proptest::sample::select;
use vmberth_decide::inventory::NodeInventoryStatus;
use vmberth_decide::node::assess::assess;
use vmberth_decide::node::cluster::Cluster;
use vmberth_decide::node::config;
use vmberth_decide::node::facts::{ContainerDevices, KubeletFacts};
use vmberth_decide::node::publish;

use self::cluster::{Lines, PodIs, Truth, VolumeIs, Watched};
use self::machine::{Machine, Place, address_of, bring};
use super::*;
use crate::roots::{self, Roots};
use crate::scan::scan;
use crate::tree::Tree;

const CONFIG: &str = "apiVersion: vmberth.io/v1alpha1
kind: ExporterConfig
volumes:
- {directory: /var/vd/, prefix: vol, max: 3, storageClass: local-vd, capacity: 1Gi, reclaim: wipe}
vfPools:
- {resource: intel.com/vf, vendors: ['8086']}
";
const GIB: u64 = 1 << 30;

#[derive(Debug, Clone)]
enum Step {
    Place(u8, Place),
    Drivers(Vec<Option<&'static str>>),
    Pages(Option<(u64, u64)>),
    Mounts(Vec<(u8, u8)>),
    /// Its label and huge pages; or it is deleted.
    Node(Option<(Option<&'static str>, u64)>),
    Pod(u8, Option<PodIs>),
    Volume(u8, Option<VolumeIs>),
    /// One event of a watch arrives.
    Hear(Watched),
    /// A watch breaks off: what it has not told is in its next list.
    Again(Watched),
    Look,
}

fn places() -> impl Strategy<Value = Place> {
    prop_oneof![
        1 => Just(Place::Nothing),
        3 => Just(Place::Empty),
        3 => (1..2048_u64).prop_map(Place::Disk),
        1 => (1..6_u8).prop_map(Place::Files),
        1 => Just(Place::Link),
        1 => Just(Place::File),
    ]
}

prop_compose! {
    fn pods()(phase in select(vec!["Pending", "Running", "Succeeded"]), claim in option::of(select(vec!["c0", "c1"])))
        -> PodIs {
        PodIs { phase, claim }
    }
}

prop_compose! {
    fn volumes()(
        place in 0..4_u8,
        label in select(vec![Some("edge1"), Some("edge1"), Some("edge2"), None]),
        hostname in select(vec![Some("a"), Some("a"), Some("b"), None]),
        phase in select(vec!["Available", "Bound", "Released"]),
    ) -> VolumeIs {
        VolumeIs { place, label, hostname, phase }
    }
}

fn watched() -> impl Strategy<Value = Watched> {
    select(vec![
        Watched::Node,
        Watched::Pods,
        Watched::Own,
        Watched::Others,
    ])
}

fn steps() -> impl Strategy<Value = Step> {
    let drivers = vec(
        select(vec![Some("vfio-pci"), Some("iavf"), None]),
        0..4_usize,
    );
    let hostnames = select(vec![Some("a"), Some("a"), Some("b"), None]);
    let nodes = option::weighted(0.9, (hostnames, 0..3_u64));
    prop_oneof![
        4 => (0..4_u8, places()).prop_map(|(number, place)| Step::Place(number, place)),
        1 => drivers.prop_map(Step::Drivers),
        1 => option::of((0..4_u64, 0..4_u64)).prop_map(Step::Pages),
        1 => vec((0..3_u8, 0..4_u8), 0..3).prop_map(Step::Mounts),
        2 => nodes.prop_map(Step::Node),
        2 => (0..3_u8, option::weighted(0.8, pods())).prop_map(|(number, pod)| Step::Pod(number, pod)),
        4 => (0..4_u8, option::weighted(0.8, volumes())).prop_map(|(number, it)| Step::Volume(number, it)),
        9 => watched().prop_map(Step::Hear),
        1 => watched().prop_map(Step::Again),
        1 => Just(Step::Look),
    ]
}

/// What is published of a node after that; the disk below the tree belongs to other programs too, and they write.
fn inventory(
    tree: &Tree,
    cluster: &Cluster,
    before: Option<&NodeInventoryStatus>,
) -> NodeInventoryStatus {
    let config = config::Config::from_yaml(CONFIG).unwrap();
    let mut facts = scan(&Roots::new(tree.root(), roots::KUBELET), &config);
    for file_system in &mut facts.file_systems {
        (file_system.size, file_system.free) = (100 * GIB, 80 * GIB);
        (file_system.inodes, file_system.inodes_free) = (1000, 900);
    }
    let ids = (0..2).map(address_of);
    let held = [address_of(0)].into();
    facts.kubelet = Some(KubeletFacts {
        allocatable: [(
            "intel.com/vf".to_owned(),
            ids.map(|id| (id, [].into())).collect(),
        )]
        .into(),
        containers: vec![ContainerDevices {
            namespace: "edge".to_owned(),
            pod: "p0".to_owned(),
            container: "compute".to_owned(),
            devices: [("intel.com/vf".to_owned(), held)].into(),
            ..ContainerDevices::default()
        }],
        ..KubeletFacts::default()
    });
    let assessment = assess(&facts, cluster, &config);
    publish::status(&assessment, before, "2026-01-01T00:00:00Z")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn inventory_is_that_of_a_fresh_look(steps in vec(steps(), 0..80)) {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let tree_at = |name| Tree::new(folder.path().join(name)).unwrap();
        let (tree, seen) = (tree_at("lived"), Seen::nothing());
        let mut machine = Machine::default();
        let mut lines = Lines::new(&seen, Truth::default());
        let mut told = None;
        for step in steps {
            let was = machine.clone();
            match step {
                Step::Place(number, place) => machine.volumes[usize::from(number)] = place,
                Step::Drivers(drivers) => machine.drivers = drivers,
                Step::Pages(pages) => machine.pages = pages,
                Step::Mounts(mounts) => machine.mounts = mounts,
                Step::Node(node) => lines.node(node),
                Step::Pod(number, pod) => lines.pod(number, pod.as_ref()),
                Step::Volume(number, volume) => lines.volume(number, volume.as_ref()),
                Step::Hear(watched) => { lines.hear(watched); }
                Step::Again(watched) => lines.again(watched),
                Step::Look => told = Some(inventory(&tree, &seen.state.snapshot(), told.as_ref())),
            }
            if machine != was {
                bring(&tree, &was, &machine);
            }
        }
        lines.hear_all();
        let (fresh_tree, fresh) = (tree_at("fresh"), Seen::nothing());
        bring(&fresh_tree, &Machine::default(), &machine);
        Lines::new(&fresh, lines.truth.clone()).hear_all();
        prop_assert_eq!(
            inventory(&tree, &seen.state.snapshot(), None),
            inventory(&fresh_tree, &fresh.state.snapshot(), None)
        );
    }
}

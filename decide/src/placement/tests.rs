use std::sync::Arc;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::event::{Claim, Event, Node, Volume};
use crate::fit::counted::{Counted, When};
use crate::fit::volumes::{AccessModes, ClaimDemand, VolumeMode};
use crate::guest::Guest;
use crate::inventory::{CellPages, HugePages, NodeInventoryStatus, VfGroup, VfPool};
use crate::policy::Policy;

const GI: u64 = 1 << 30;
const POOL: &str = "intel.com/intel_sriov_vm";

/// A node with volumes of these sizes in GiB, and functions: free and allocated.
fn node(index: &mut Index, name: &str, volumes: &[u64], vfs: (u32, u32)) {
    let node = Node {
        hostname: name.into(),
        ..Node::default()
    };
    index.apply(Event::Node(name.into(), Some(node)));
    let status = NodeInventoryStatus {
        vf_pools: vec![VfPool {
            resource: POOL.to_owned(),
            discovered: vfs.0 + vfs.1,
            free: vfs.0,
            allocated: vfs.1,
            ..VfPool::default()
        }],
        ..NodeInventoryStatus::default()
    };
    index.apply(Event::Inventory(name.into(), Some(Box::new(status))));
    for (number, gib) in volumes.iter().enumerate() {
        let volume = Volume {
            class: "local-vd".into(),
            bytes: gib * GI,
            hostnames: [Arc::from(name)].into(),
            is_free: true,
            ..Volume::default()
        };
        index.apply(Event::Volume(
            format!("{name}-{number}").into(),
            Some(volume),
        ));
    }
}

fn demand(disks: &[u64], vfs: u64, when: When) -> Demand {
    let claim = |(number, gib): (usize, &u64)| ClaimDemand {
        name: format!("disk-{number}"),
        class: "local-vd".into(),
        bytes: gib * GI,
        mode: VolumeMode::Filesystem,
        access: AccessModes::default(),
        selector: None,
    };
    let counted = (Counted::Vfs(POOL.into()), (vfs, when));
    Demand {
        claims: disks.iter().enumerate().map(claim).collect(),
        counted: (vfs > 0).then_some(counted).into_iter().collect(),
        ..Demand::default()
    }
}

#[test]
fn what_needs_nothing_of_ours_fits_everywhere() {
    let placement = place(&Index::default(), &Demand::default(), ["a", "unknown"]);
    assert_eq!(placement.fits.len(), 2);
    assert!(placement.refused.is_empty());
}

#[test]
fn nodes_that_lack_the_same_share_the_words_of_the_closest() {
    let mut index = Index::default();
    node(&mut index, "edge-1", &[15], (0, 8));
    node(&mut index, "edge-2", &[15], (1, 7));
    node(&mut index, "edge-3", &[], (8, 0));
    let demand = demand(&[15], 2, When::Now);
    let placement = place(&index, &demand, ["edge-1", "edge-2", "edge-3", "edge-4"]);
    assert!(placement.fits.is_empty());
    let words = words(&placement.refused);
    let vfs =
        "needs 2 VFs intel.com/intel_sriov_vm: 1 free of 8, 7 allocated (on edge-2, the closest)";
    assert_eq!(&*words["edge-1"], vfs);
    assert_eq!(&*words["edge-2"], vfs);
    assert_eq!(
        &*words["edge-3"],
        "needs 1 volume of class local-vd with 15Gi or more for disk-0: 0 of 0 free ones fit (on edge-3, the closest)"
    );
    assert_eq!(&*words["edge-4"], "node is not known yet");
}

/// Who needs nothing that an agent has to tell may go there all the same.
#[test]
fn node_whose_agent_says_nothing_is_refused_with_the_way_out() {
    let mut index = Index::default();
    for name in ["edge-1", "edge-2"] {
        let node = Node {
            hostname: name.into(),
            ..Node::default()
        };
        index.apply(Event::Node(name.into(), Some(node)));
    }
    let placement = place(&index, &demand(&[], 1, When::Later), ["edge-1", "edge-2"]);
    let words = words(&placement.refused);
    let expected = "node(s) without a NodeInventory, so nobody knows what a VM could have there: is vmberth's exporter \
                    running on them (kubectl get pods -A -l app.kubernetes.io/component=exporter -o wide)?";
    assert_eq!(
        words.values().map(|it| &**it).collect::<Vec<_>>(),
        [expected; 2]
    );
    let mut tied = Demand::default();
    tied.ties.runs_on = Some("edge-1".into());
    assert_eq!(place(&index, &tied, ["edge-1", "edge-2"]).fits.len(), 1);
}

/// What no pod can give back is told before what one could.
#[test]
fn hardest_misfit_is_told() {
    let mut index = Index::default();
    node(&mut index, "no-disk", &[], (0, 8));
    node(&mut index, "small", &[15], (0, 1));
    let demand = demand(&[15], 2, When::Now);
    let placement = place(&index, &demand, ["small", "no-disk"]);
    let words = words(&placement.refused);
    assert!(words["no-disk"].starts_with("needs 1 volume"), "{words:?}");
    assert!(words["small"].starts_with("needs 2 VFs"), "{words:?}");
}

/// Nodes that are too small are one kind of node, and the largest of them is named.
#[test]
fn nodes_that_are_too_small_share_the_words_of_the_largest() {
    let mut index = Index::default();
    for (name, memory) in [("edge-1", "8Gi"), ("edge-2", "31Gi"), ("edge-3", "16Gi")] {
        let label = ("kubevirt.io/schedulable".to_owned(), "true".to_owned());
        let node = Node {
            labels: Arc::new([label].into()),
            room: crate::placing::Room::of(None, Some(memory)),
            ..Node::default()
        };
        index.apply(Event::Node(name.into(), Some(node)));
    }
    let spec = r#"{"domain": {"memory": {"guest": "64Gi"}}}"#;
    let mut demand = demand(&[], 0, When::Later);
    let placing = crate::placing::Placing::of(&serde_json::from_str(spec).unwrap());
    demand.ties.placing = Some(placing);
    let placement = place(&index, &demand, ["edge-1", "edge-2", "edge-3"]);
    let words = words(&placement.refused);
    let expected = "will need 64Gi of memory: pods can have 31Gi at most (on edge-2, the closest)";
    assert!(words.values().all(|it| &**it == expected), "{words:?}");
    assert_eq!(words.len(), 3);
}

/// Functions and pages of one NUMA cell for a guest that sees its cells.
#[test]
fn better_node_has_all_of_it_in_one_cell() {
    let mut index = Index::default();
    for (name, pages) in [("apart", [4, 0]), ("together", [0, 4])] {
        let node = Node {
            hostname: name.into(),
            ..Node::default()
        };
        index.apply(Event::Node(name.into(), Some(node)));
        let cell = |(numa_node, free): (u32, u64)| CellPages {
            numa_node,
            total: free,
            free,
        };
        let functions = VfGroup {
            numa_node: Some(1),
            state: "Free".to_owned(),
            count: 2,
            ..VfGroup::default()
        };
        let status = NodeInventoryStatus {
            vf_pools: vec![VfPool {
                resource: POOL.to_owned(),
                discovered: 2,
                free: 2,
                functions: vec![functions],
                ..VfPool::default()
            }],
            huge_pages: vec![HugePages {
                size: "1Gi".to_owned(),
                total: 4,
                free: 4,
                advertised: 4,
                numa_nodes: (0..).zip(pages).map(cell).collect(),
            }],
            ..NodeInventoryStatus::default()
        };
        index.apply(Event::Inventory(name.into(), Some(Box::new(status))));
    }
    let mut demand = demand(&[], 2, When::Now);
    let pages = Counted::Pages(crate::pages::PageSize::Gi1);
    demand.counted.insert(pages, (4, When::Now));
    demand.cells.dedicated = true;
    demand.cells.passthrough = true;
    let placement = place(&index, &demand, ["apart", "together"]);
    let scores = scores(&index, &demand, &placement.fits);
    assert_eq!(scores, [("apart", 0), ("together", 10)]);
}

#[test]
fn best_node_has_the_right_volume_and_leaves_functions_to_others() {
    let mut index = Index::default();
    node(&mut index, "large", &[150], (0, 0));
    node(&mut index, "right", &[15], (0, 0));
    node(&mut index, "with-vfs", &[15], (8, 0));
    let demand = Demand {
        vm: Some(("edge".into(), "vm".into())),
        ..demand(&[15], 0, When::Now)
    };
    let placement = place(&index, &demand, ["large", "right", "with-vfs"]);
    let scores = scores(&index, &demand, &placement.fits);
    assert_eq!(scores, [("large", 0), ("right", 10), ("with-vfs", 1)]);
}

#[test]
fn disk_without_a_vm_goes_where_a_vm_could_want_to_be() {
    let mut index = Index::default();
    node(&mut index, "none", &[15], (0, 0));
    node(&mut index, "taken", &[15], (0, 8));
    node(&mut index, "free", &[15], (1, 7));
    let demand = demand(&[15], 0, When::Now);
    let placement = place(&index, &demand, ["none", "taken", "free"]);
    let scores = scores(&index, &demand, &placement.fits);
    assert_eq!(scores, [("none", 0), ("taken", 0), ("free", 10)]);
}

#[test]
fn node_of_another_disk_is_the_only_one_and_a_tie_needs_no_numbers() {
    let mut index = Index::default();
    node(&mut index, "edge-1", &[15], (0, 0));
    node(&mut index, "edge-2", &[15], (0, 0));
    let mut demand = demand(&[15], 0, When::Now);
    demand.ties.disks = vec![crate::fit::ties::Disk {
        claim: "root".into(),
        hostnames: ["edge-2".into()].into(),
    }];
    let placement = place(&index, &demand, ["edge-1", "edge-2", "edge-3"]);
    assert_eq!(placement.fits.len(), 1);
    let words = words(&placement.refused);
    assert_eq!(&*words["edge-1"], "the VM's disk root lies on edge-2");
    assert_eq!(&*words["edge-3"], "node is not known yet");
}

/// An upload, before its VM.
#[test]
fn disk_goes_where_functions_are_free_first() {
    let mut index = Index::default();
    node(&mut index, "busy", &[15], (0, 8));
    node(&mut index, "free", &[15], (8, 0));
    node(&mut index, "none", &[15], (0, 0));
    let demand = demand(&[15], 2, When::Later);
    let placement = place(&index, &demand, ["busy", "free", "none"]);
    let scores = scores(&index, &demand, &placement.fits);
    assert_eq!(scores, [("busy", 0), ("free", 10)]);
    assert_eq!(
        placement.refused.keys().copied().collect::<Vec<_>>(),
        ["none"]
    );
}

/// A VM that is stopped, with a disk of so many GiB and a function.
fn vm_with_a_function(index: &mut Index, gib: u64) {
    stopped(index, "stopped", gib, &serde_json::json!({POOL: "1"}));
}

/// A VM that is stopped, with a disk of so many GiB and these requests.
fn stopped(index: &mut Index, name: &str, gib: u64, requests: &serde_json::Value) {
    let claim = Claim {
        class: "local-vd".into(),
        bytes: gib * GI,
        ..Claim::default()
    };
    index.apply(Event::Claim(("edge".into(), name.into()), Some(claim)));
    let spec = serde_json::json!({
        "domain": {"resources": {"requests": requests}}, "volumes": [{"dataVolume": {"name": name}}],
    });
    let machine = serde_json::json!({"spec": {"template": {"spec": spec}}}).to_string();
    let guest = Guest::of_machine(&serde_json::from_str(&machine).unwrap(), "edge");
    let vm = ("edge".into(), name.into());
    index.apply(Event::Machine(vm, Some(Box::new(guest))));
}

/// A VM without functions takes no volume without which functions are worth nothing, unless nobody wants them.
#[rstest]
#[case::many_who_need_none(64, false, [("last", 10), ("one-more", 0)])]
#[case::few_so_somebody_may_come(1, false, [("last", 0), ("one-more", 10)])]
#[case::somebody_needs_one(0, true, [("last", 0), ("one-more", 10)])]
#[case::one_of_many_needs_one(64, true, [("last", 0), ("one-more", 10)])]
fn room_is_kept_for_vms_of_the_kinds_that_there_are(
    #[case] plain: usize,
    #[case] has_kind: bool,
    #[case] expected: [(&str, u64); 2],
) {
    let mut index = Index::default();
    node(&mut index, "last", &[15], (1, 0));
    node(&mut index, "one-more", &[15, 15], (1, 0));
    for number in 0..plain {
        let name = format!("plain-{number}");
        stopped(&mut index, &name, 15, &serde_json::json!({}));
    }
    if has_kind {
        vm_with_a_function(&mut index, 15);
    }
    let demand = Demand {
        vm: Some(("edge".into(), "vm".into())),
        ..demand(&[15], 0, When::Now)
    };
    let placement = place(&index, &demand, ["last", "one-more"]);
    assert_eq!(scores(&index, &demand, &placement.fits), expected);
}

/// What many want and few nodes have is kept.
#[test]
fn room_of_which_there_is_little_is_dear() {
    let mut index = Index::default();
    node(&mut index, "scarce", &[15, 150], (0, 0));
    node(&mut index, "plenty", &[15, 15, 15], (8, 0));
    for number in 0..64 {
        stopped(
            &mut index,
            &format!("large-{number}"),
            120,
            &serde_json::json!({}),
        );
    }
    vm_with_a_function(&mut index, 15);
    let demand = Demand {
        vm: Some(("edge".into(), "vm".into())),
        ..demand(&[15, 10], 0, When::Now)
    };
    let placement = place(&index, &demand, ["scarce", "plenty"]);
    let scores = scores(&index, &demand, &placement.fits);
    assert_eq!(scores, [("scarce", 0), ("plenty", 10)]);
}

#[test]
fn weights_of_the_policy_decide() {
    let mut index = Index::default();
    node(&mut index, "large", &[150], (0, 0));
    node(&mut index, "with-vfs", &[15], (8, 0));
    let demand = Demand {
        vm: Some(("edge".into(), "vm".into())),
        ..demand(&[15], 0, When::Now)
    };
    let mut best = |weights: &str| {
        let head = "apiVersion: vmberth.io/v1alpha1\nkind: Policy\n";
        let policy = Policy::from_yaml(&format!("{head}scoreWeights: {weights}")).unwrap();
        index.apply(Event::Policy(Arc::new(policy)));
        let placement = place(&index, &demand, ["large", "with-vfs"]);
        let scores = scores(&index, &demand, &placement.fits);
        scores.iter().max_by_key(|it| it.1).unwrap().0
    };
    assert_eq!(best("{}"), "with-vfs");
    assert_eq!(best("{rightSize: 0}"), "large");
    assert_eq!(best("{functions: 10}"), "large");
}

proptest! {
    /// Bounded, the best one has them all, and the order in which nodes are asked about is nothing.
    #[test]
    fn scores_are_bounded_and_the_same_in_any_order(
        nodes in prop::collection::vec((prop::collection::vec(1..40_u64, 0..4), (0..9_u32, 0..9_u32)), 1..6),
        disks in prop::collection::vec(1..40_u64, 0..3),
        (vfs, is_known, has_kind) in (0..4_u64, any::<bool>(), any::<bool>()),
        turn in 0..6_usize,
    ) {
        let mut index = Index::default();
        let mut names: Vec<String> = (0..nodes.len()).map(|at| format!("n{at}")).collect();
        for (name, (volumes, functions)) in names.iter().zip(&nodes) {
            node(&mut index, name, volumes, *functions);
        }
        if has_kind {
            vm_with_a_function(&mut index, 15);
        }
        let vm = is_known.then(|| ("edge".into(), "vm".into()));
        let demand = Demand { vm, ..demand(&disks, vfs, When::Later) };
        let placement = place(&index, &demand, names.iter().map(String::as_str));
        let found: BTreeMap<String, u64> = scores(&index, &demand, &placement.fits)
            .into_iter()
            .map(|(name, score)| (name.to_owned(), score))
            .collect();
        prop_assert!(found.values().all(|score| *score <= MOST));
        prop_assert!(found.is_empty() || found.values().any(|score| *score == MOST));
        prop_assert_eq!(placement.fits.len() + placement.refused.len(), names.len());
        prop_assert_eq!(words(&placement.refused).len(), placement.refused.len());
        let turn = turn % names.len();
        names.rotate_left(turn);
        names.reverse();
        let turned = place(&index, &demand, names.iter().map(String::as_str));
        for (name, score) in scores(&index, &demand, &turned.fits) {
            prop_assert_eq!(found.get(name), Some(&score));
        }
    }
}

#[test]
fn one_of_the_best_is_the_best_and_always_the_same() {
    let pod = ("edge".into(), "importer".into());
    let mut scores = [("a", 10), ("b", 3), ("c", 10), ("d", 10)];
    settle_ties(&pod, &mut scores);
    let best = scores.iter().filter(|(_, score)| *score == 10).count();
    assert_eq!((best, scores[1].1), (1, 3));
    let mut again = [("d", 10), ("c", 10), ("a", 10)];
    settle_ties(&pod, &mut again);
    let first = |scores: &[(&'static str, u64)]| {
        let best = scores.iter().max_by_key(|(_, score)| *score);
        best.map(|(node, _)| *node)
    };
    assert_eq!(first(&again), first(&scores));
    settle_ties(&pod, &mut []);
}

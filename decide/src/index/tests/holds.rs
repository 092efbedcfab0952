use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::event::{Claim, Network, Pod};
use crate::fit::counted::{Amounts, Held, When};
use crate::fit::volumes::ClaimDemand;
use crate::fit::{Demand, fit};
use crate::guest::Guest;
use crate::policy::Policy;
use crate::view;

const BOUND_AT: u64 = 1_000;

fn name(name: &str) -> ObjectName {
    ("edge".into(), name.into())
}

fn machine(wants_to_run: bool) -> Event {
    let volumes = ["root", "data"].map(|disk| json!({"name": disk, "dataVolume": {"name": disk}}));
    let spec: Value = json!({
        "volumes": volumes,
        "domain": {
            "memory": {"guest": "64Mi", "hugepages": {"pageSize": "2Mi"}},
            "devices": {"interfaces": [{"name": "vf", "sriov": {}}]},
        },
        "networks": [{"name": "vf", "multus": {"networkName": "net"}}],
    });
    let text = json!({"spec": {"running": wants_to_run, "template": {"spec": spec}}}).to_string();
    let machine: view::placed::Machine<'_> = serde_json::from_str(&text).unwrap();
    let guest = Guest::of_machine(&machine, "edge");
    Event::Machine(name("vm"), Some(Box::new(guest)))
}

fn claim(claim: &str, volume: Option<&str>) -> Event {
    let claim_now = Claim {
        class: "local-vd".into(),
        bytes: 15 * GI,
        volume: volume.map(Into::into),
        ..Claim::default()
    };
    Event::Claim(name(claim), Some(claim_now))
}

fn bound(volume: &str, to: &str) -> Event {
    let volume_now = Volume {
        is_free: false,
        claim: Some(name(to)),
        since: Some(BOUND_AT),
        ..free("edge1")
    };
    Event::Volume(volume.into(), Some(volume_now))
}

fn launcher(node: Option<&str>, is_provisioning: bool) -> Event {
    let pod = Pod {
        node: node.map(Into::into),
        nominated: None,
        nominated_since: None,
        fills: None,
        vm: Some("vm".into()),
        is_provisioning,
        requests: vec![(Counted::Vfs(POOL.into()), 1)],
    };
    Event::Pod(name("pod"), Some(pod))
}

/// From the time at which the disk was bound.
fn held(amount: u64) -> Held {
    let until = BOUND_AT + 1_800;
    Held { amount, until }
}

/// A VM with one disk on edge1, and another without a volume; one free volume and one free function are there.
fn pinned() -> Index {
    index([
        node("edge1", "edge1"),
        inventory("edge1", vec![]),
        Event::Network(
            name("net"),
            Some(Network {
                resource: Some(POOL.into()),
            }),
        ),
        machine(true),
        claim("root", Some("a")),
        claim("data", None),
        bound("a", "root"),
        volume("b", "edge1"),
        Event::Time(BOUND_AT + 10),
    ])
}

fn of(vm: Option<&str>, claims: usize, vfs: u64) -> Demand {
    let counted: Amounts = (vfs > 0)
        .then(|| (Counted::Vfs(POOL.into()), (vfs, When::Now)))
        .into_iter()
        .collect();
    let claim = |number: usize| ClaimDemand {
        name: format!("disk-{number}"),
        class: "local-vd".into(),
        bytes: GI,
        mode: crate::fit::volumes::VolumeMode::Filesystem,
        access: crate::fit::volumes::AccessModes::default(),
        selector: None,
    };
    Demand {
        vm: vm.map(name),
        claims: (0..claims).map(claim).collect(),
        counted,
        ..Demand::default()
    }
}

fn refused(index: &Index, demand: &Demand) -> Option<String> {
    let misfits = fit(demand, index.offer("edge1").unwrap()).err()?;
    let words: Vec<String> = misfits.iter().map(ToString::to_string).collect();
    Some(words.join("; "))
}

#[test]
fn functions_and_volumes_are_kept_for_the_vm_whose_disk_lies_here() {
    let index = pinned();
    assert_eq!(
        refused(&index, &of(Some("other"), 0, 1)).unwrap(),
        "needs 1 VF intel.com/intel_sriov_vm: 0 free of 8, 4 allocated, 3 unusable, 1 held for edge/vm until 00:46:40 UTC"
    );
    assert_eq!(
        refused(&index, &of(None, 1, 0)).unwrap(),
        "needs 1 volume of class local-vd: held for edge/vm"
    );
    assert_eq!(refused(&index, &of(Some("vm"), 1, 1)), None);
}

#[rstest]
#[case::it_is_stopped(machine(false))]
#[case::it_is_gone(Event::Machine(name("vm"), None))]
#[case::its_pod_is_there(launcher(Some("edge1"), false))]
#[case::its_time_is_over(Event::Time(BOUND_AT + 1_800))]
#[case::its_disk_is_gone(Event::Volume("a".into(), None))]
#[case::its_node_is_another(node("edge1", "renamed"))]
fn nothing_is_held_any_longer(#[case] event: Event) {
    let mut index = pinned();
    assert_eq!(index.holds(), 1);
    index.apply(event);
    assert_eq!(index.holds(), 0);
}

/// The function of the pod that only binds volumes is not counted twice.
#[rstest]
#[case::not_placed_yet(launcher(None, false))]
#[case::only_binds_volumes(launcher(Some("edge1"), true))]
fn pods_that_do_not_run_the_vm_leave_the_hold(#[case] event: Event) {
    let mut index = pinned();
    index.apply(event);
    assert_eq!(index.holds(), 1);
    assert!(refused(&index, &of(None, 1, 0)).is_some());
}

#[test]
fn hold_ends_as_late_as_the_operator_wants() {
    let policy = Policy {
        hold_seconds: 60,
        ..Policy::default()
    };
    let mut index = Index::default();
    for event in [
        Event::Policy(Arc::new(policy)),
        node("edge1", "edge1"),
        machine(true),
        bound("a", "root"),
        claim("data", None),
    ] {
        index.apply(event);
    }
    index.apply(Event::Time(BOUND_AT + 59));
    assert_eq!(index.holds(), 1);
    index.apply(Event::Time(BOUND_AT + 60));
    assert_eq!(index.holds(), 0);
}

/// Nobody can say which functions they will be; pages and volumes are known.
#[test]
fn network_that_nobody_knows_takes_nothing_from_the_rest_of_a_hold() {
    let mut index = pinned();
    index.apply(Event::Network(name("net"), None));
    assert_eq!(refused(&index, &of(Some("other"), 0, 1)), None);
    assert!(refused(&index, &of(None, 1, 0)).is_some());
    let supplies = |index: &Index| index.offer("edge1").unwrap().counted.clone();
    let pages = Counted::Pages(crate::pages::PageSize::Mi2);
    assert_eq!(
        supplies(&index)[&pages].held,
        [(name("vm"), held(32))].into()
    );
    let network = Network {
        resource: Some(POOL.into()),
    };
    index.apply(Event::Network(name("net"), Some(network)));
    let functions = Counted::Vfs(POOL.into());
    assert_eq!(
        supplies(&index)[&functions].held,
        [(name("vm"), held(1))].into()
    );
}

/// Two VMs are pinned here and one volume is left: the first keeps it, and the other one's hold takes nothing.
#[test]
fn who_cannot_be_served_takes_nothing_from_others() {
    let mut index = pinned();
    let Event::Machine(_, guest) = machine(true) else {
        unreachable!()
    };
    let mut guest = guest.unwrap();
    guest.claims = ["z-root", "z-data"].map(Into::into).into();
    index.apply(Event::Machine(name("z"), Some(guest)));
    index.apply(claim("z-root", Some("z")));
    index.apply(claim("z-data", None));
    index.apply(bound("z", "z-root"));
    let offer = index.offer("edge1").unwrap();
    assert_eq!(index.holds(), 2);
    assert_eq!(offer.held.keys().collect::<Vec<_>>(), [&name("vm")]);
}

/// By the time at which its disk was bound, whatever its name: one function for two VMs.
#[test]
fn who_was_first_is_held_for_and_the_other_takes_nothing() {
    let mut index = pinned();
    let Event::Machine(_, guest) = machine(true) else {
        unreachable!()
    };
    let mut guest = guest.unwrap();
    guest.claims = ["a-root"].map(Into::into).into();
    index.apply(Event::Machine(name("a"), Some(guest)));
    let Event::Volume(_, volume) = bound("c", "a-root") else {
        unreachable!()
    };
    let later = Volume {
        since: Some(BOUND_AT + 5),
        ..volume.unwrap()
    };
    index.apply(Event::Volume("c".into(), Some(later)));
    assert_eq!(index.holds(), 2);
    let supply = &index.offer("edge1").unwrap().counted[&Counted::Vfs(POOL.into())];
    let held: Vec<_> = supply.held.iter().collect();
    assert_eq!(held, [(&name("vm"), &self::held(1))]);
}

/// Two VMs share the scratch space of a node: who waits for it keeps its functions meanwhile, or it could never run.
#[test]
fn functions_are_kept_though_no_volume_is_free() {
    let mut index = pinned();
    index.apply(Event::Volume("b".into(), None));
    let offer = index.offer("edge1").unwrap();
    assert_eq!(offer.held.len(), 0);
    let supply = &offer.counted[&Counted::Vfs(POOL.into())];
    assert_eq!(supply.held.keys().collect::<Vec<_>>(), [&name("vm")]);
}

/// Scratch space that is there is not held for once more.
#[test]
fn hold_follows_its_scratch_space() {
    let mut index = pinned();
    let waiting = Claim {
        class: "local-vd".into(),
        bytes: GI,
        volume: Some("a".into()),
        needs_scratch: true,
        ..Claim::default()
    };
    index.apply(Event::Claim(name("root"), Some(waiting)));
    let held = |index: &Index| {
        let offer = index.offer("edge1").unwrap();
        offer.held.get(&name("vm")).map_or(0, Vec::len)
    };
    // One volume for two claims: its disk has it, scratch space may be had in turns.
    assert_eq!(held(&index), 1);
    let once = Volume {
        access: crate::fit::volumes::AccessModes::of(["ReadWriteOnce"]),
        ..free("edge1")
    };
    index.apply(Event::Volume("d".into(), Some(once)));
    assert_eq!(held(&index), 2);
    index.apply(claim("root-scratch", Some("d")));
    index.apply(bound("d", "root-scratch"));
    assert_eq!(held(&index), 1);
}

/// A pod that has so many functions and huge pages.
fn having(pod: &str, vm: Option<&str>, node: Option<&str>, amounts: [u64; 2]) -> Event {
    let [functions, pages] = amounts;
    let requests = vec![
        (Counted::Vfs(POOL.into()), functions),
        (Counted::Pages(crate::pages::PageSize::Mi2), pages),
    ];
    let pod_now = Pod {
        node: node.map(Into::into),
        nominated: None,
        nominated_since: None,
        fills: None,
        vm: vm.map(Into::into),
        is_provisioning: false,
        requests,
    };
    Event::Pod(name(pod), Some(pod_now))
}

/// What is placed takes what was held for it; what ends gives it back.
#[test]
fn gains_grow_only_when_something_comes_free() {
    let mut index = pinned();
    // Else the functions would be nobody's with the first node, and then kube-scheduler's.
    index.apply(inventory("edge2", vec![]));
    let mut gains = |event: Event| {
        let before = (index.gains(), index.revision());
        index.apply(event);
        assert_ne!(index.revision(), before.1, "nothing happened");
        index.gains() != before.0
    };
    let launcher = |node| having("pod", Some("vm"), node, [1, 32]);
    let on = Some("edge1");
    assert!(!gains(having("others", None, on, [4, 500])));
    assert!(!gains(launcher(None)), "it is only made");
    assert!(gains(launcher(on)), "its other disk needs less now");
    assert!(gains(claim("data", Some("b"))));
    assert!(!gains(bound("b", "data")));
    assert!(gains(Event::Pod(name("pod"), None)));
    assert!(!gains(launcher(on)), "it takes what was held for it");
    assert!(gains(having("others", None, on, [3, 500])));
    assert!(gains(Event::Pod(name("others"), None)));
    assert!(gains(machine(false)));
    assert!(!gains(Event::Inventory("edge1".into(), None)));
    assert!(gains(inventory("edge1", vec![])));
    assert!(!gains(Event::Node("edge1".into(), None)));
}

#[test]
fn end_of_a_hold_is_a_gain() {
    let mut index = pinned();
    let before = index.gains();
    index.apply(Event::Time(BOUND_AT + 1_799));
    assert_eq!(index.gains(), before);
    index.apply(Event::Time(BOUND_AT + 1_800));
    assert!(index.gains() > before);
}

/// The claim's word is enough, whichever of node, volume and claim is heard of last.
#[rstest]
#[case::node([2, 1, 0])]
#[case::volume([0, 2, 1])]
#[case::claim([0, 1, 2])]
fn hold_begins_in_any_order(#[case] order: [usize; 3]) {
    let claim_now = || claim("root", Some("a"));
    let all = [node("edge1", "edge1"), volume("a", "edge1"), claim_now()];
    let mut known = index([machine(true), claim("data", None)]);
    for at in order {
        known.apply(all[at].clone());
    }
    assert_eq!(known.holds(), 1);
}

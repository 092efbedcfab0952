use rstest::rstest;

use super::*;
use crate::event::{Claim, Pod};
use crate::fit::counted::When;
use crate::fit::volumes::{AccessModes, ClaimDemand, VolumeMode};
use crate::fit::{Demand, Misfit};
use crate::placement::{place, scores};

const NOW: u64 = 1_000;

fn name(name: &str) -> ObjectName {
    ("edge".into(), name.into())
}

/// Two nodes alike, with one function and two volumes each.
fn known() -> Index {
    let of = |node_name: &str| {
        [
            node(node_name, node_name),
            inventory(node_name, vec![]),
            volume(&format!("{node_name}-a"), node_name),
            volume(&format!("{node_name}-b"), node_name),
        ]
    };
    let time = [Event::Time(NOW)];
    index(of("edge1").into_iter().chain(of("edge2")).chain(time))
}

/// A VM with a disk for the pod in hand, another for a later pod, and a function then.
fn demand(vm: &str) -> Demand {
    let claim = |disk: &str| ClaimDemand {
        name: format!("{vm}-{disk}"),
        class: "local-vd".into(),
        bytes: GI,
        mode: VolumeMode::Filesystem,
        access: AccessModes::default(),
        selector: None,
    };
    Demand {
        vm: Some(name(vm)),
        claims: vec![claim("root"), claim("data")],
        counted: [(Counted::Vfs(POOL.into()), (1, When::Later))].into(),
        ..Demand::default()
    }
}

fn of_pod(pod: &str, demand: Demand) -> Demand {
    Demand {
        pod: Some(name(pod)),
        ..demand
    }
}

/// Answers a pod as the extender does; returns the nodes that fit, and whether all that is needed later is free there now.
fn answer(index: &mut Index, pod: &str, demand: &Demand, nodes: &[&str]) -> Vec<(String, bool)> {
    let demand = of_pod(pod, demand.clone());
    let placement = place(index, &demand, nodes.iter().copied());
    let scores = scores(index, &demand, &placement.fits);
    let promise = index.promise_of(&demand, &scores);
    let fits = placement.fits.iter();
    let fits = fits.map(|(node, fit)| ((*node).to_owned(), fit.all_free_now));
    let fits = fits.collect();
    index.promise(name(pod), promise);
    fits
}

fn pod(node: Option<&str>, nominated: Option<&str>) -> Event {
    let pod = Pod {
        node: node.map(Into::into),
        nominated: nominated.map(Into::into),
        ..Pod::default()
    };
    Event::Pod(name("first"), Some(pod))
}

fn fits(index: &Index, vm: &str) -> Vec<(String, bool)> {
    let placement = place(index, &demand(vm), ["edge1", "edge2"]);
    let fits = placement.fits.iter();
    fits.map(|(node, fit)| ((*node).to_owned(), fit.all_free_now))
        .collect()
}

fn free(nodes: &[&str]) -> Vec<(String, bool)> {
    nodes
        .iter()
        .map(|node| ((*node).to_owned(), true))
        .collect()
}

#[test]
fn who_comes_next_does_not_get_what_was_promised() {
    let mut index = known();
    answer(&mut index, "first", &demand("vm"), &["edge1", "edge2"]);
    // Nobody knows yet which of the two it will be.
    assert_eq!(fits(&index, "other"), []);
    let placement = place(&index, &demand("other"), ["edge1"]);
    let refused = format!("{:?}", placement.refused);
    assert!(refused.contains("Held"), "{refused}");

    index.apply(pod(None, Some("edge1")));
    assert_eq!(fits(&index, "other"), free(&["edge2"]));
}

#[test]
fn its_own_pods_have_what_was_promised() {
    let mut index = known();
    answer(&mut index, "first", &demand("vm"), &["edge1"]);
    assert_eq!(fits(&index, "vm"), free(&["edge1", "edge2"]));
    let again = answer(&mut index, "first", &demand("vm"), &["edge1"]);
    assert_eq!(again, free(&["edge1"]));
    assert_eq!(index.promises(), 1);
}

#[test]
fn a_function_that_is_promised_is_not_free() {
    let mut index = known();
    let mut small = demand("vm");
    small.claims.truncate(1);
    answer(&mut index, "first", &small, &["edge1"]);
    let mut other = demand("other");
    other.claims.clear();
    let fit = place(&index, &other, ["edge1"]).fits.pop();
    assert!(fit.is_some_and(|(_, fit)| !fit.all_free_now));
    other.counted = [(Counted::Vfs(POOL.into()), (1, When::Now))].into();
    let refused = place(&index, &other, ["edge1"]).refused;
    let Some(crate::placement::Refusal::Misfits(misfits)) = refused.get("edge1") else {
        unreachable!("{refused:?}")
    };
    let words: Vec<String> = misfits.iter().map(Misfit::to_string).collect();
    assert!(
        words[0].contains("1 held for edge/vm until 00:17:40 UTC"),
        "{words:?}"
    );
}

#[rstest]
#[case::nobody_placed_it(vec![Event::Time(NOW + 60)])]
#[case::its_volumes_were_never_bound(vec![pod(None, Some("edge1")), Event::Time(NOW + 600)])]
#[case::it_was_deleted(vec![pod(None, None), Event::Pod(name("first"), None)])]
#[case::it_is_there(vec![pod(Some("edge1"), None), Event::Time(NOW + 5)])]
fn it_ends(#[case] events: Vec<Event>) {
    let mut index = known();
    answer(&mut index, "first", &demand("vm"), &["edge1"]);
    let before = index.revision();
    let last = events.len() - 1;
    for (at, event) in events.into_iter().enumerate() {
        assert_eq!((at, index.promises()), (at, 1));
        index.apply(event);
        assert_eq!(index.promises(), usize::from(at != last));
    }
    assert!(index.revision() > before, "nobody was woken");
    assert_eq!(fits(&index, "other"), free(&["edge1", "edge2"]));
}

#[test]
fn no_node_no_promise() {
    let mut index = known();
    answer(&mut index, "first", &demand("vm"), &["edge1"]);
    answer(&mut index, "first", &demand("vm"), &["elsewhere"]);
    assert_eq!(index.promises(), 0);
}

/// kube-scheduler counts by itself what the pod in hand asks for, and knows of no hold: with both, the node would be full.
#[test]
fn what_the_pod_has_itself_is_promised_until_it_is_seen() {
    let mut index = known();
    let mut now = demand("vm");
    now.claims.clear();
    now.counted = [(Counted::Vfs(POOL.into()), (1, When::Now))].into();
    let mut other = now.clone();
    other.vm = Some(name("other"));
    answer(&mut index, "first", &now, &["edge1"]);
    assert_eq!(place(&index, &other, ["edge1"]).fits, []);

    let placed = Pod {
        node: Some("edge1".into()),
        vm: Some("vm".into()),
        ..Pod::default()
    };
    let asks = vec![(Counted::Vfs(POOL.into()), 1)];
    let placed = Pod {
        requests: asks,
        ..placed
    };
    index.apply(Event::Pod(name("first"), Some(placed)));
    // The agent counted four that pods have: this one is among them from now on.
    assert_eq!(place(&index, &other, ["edge1"]).fits.len(), 1);
}

#[test]
fn who_needs_nothing_is_promised_nothing() {
    let mut index = known();
    answer(&mut index, "first", &Demand::default(), &["edge1"]);
    assert_eq!(index.promises(), 0);
}

#[test]
fn a_claim_that_is_bound_by_now_is_not_kept_twice() {
    let mut index = known();
    answer(&mut index, "first", &demand("vm"), &["edge1"]);
    index.apply(pod(None, Some("edge1")));
    for disk in ["root", "data"] {
        let claim = Claim {
            class: "local-vd".into(),
            bytes: GI,
            volume: Some(format!("edge1-{disk}").into()),
            ..Claim::default()
        };
        index.apply(Event::Claim(name(&format!("vm-{disk}")), Some(claim)));
    }
    let mut other = demand("other");
    other.counted.clear();
    let placement = place(&index, &other, ["edge1"]);
    assert_eq!(placement.fits.len(), 1, "{:?}", placement.refused);
}

/// A disk without a VM has only its pod to be told by.
#[test]
fn pod_without_a_vm_has_what_was_promised_to_it() {
    let mut index = known();
    let mut disk = demand("vm");
    disk.vm = None;
    answer(&mut index, "first", &disk, &["edge1"]);
    let fits = |pod: &str| {
        place(&index, &of_pod(pod, disk.clone()), ["edge1"])
            .fits
            .len()
    };
    assert_eq!((fits("first"), fits("second")), (1, 0));
}

/// Two disks of one VM are uploaded at once: nobody has seen the first one's place when the second is asked about.
#[test]
fn pods_of_one_vm_are_sent_to_one_node() {
    let mut index = known();
    let vm = name("vm");
    assert_eq!(index.promised_to(&vm, &name("second")), []);
    answer(&mut index, "first", &demand("vm"), &["edge1", "edge2"]);
    assert_eq!(index.promised_to(&vm, &name("second")), [None]);
    assert_eq!(index.promised_to(&vm, &name("first")), []);
    assert_eq!(index.promised_to(&name("other"), &name("second")), []);
    index.apply(pod(None, Some("edge2")));
    assert_eq!(
        index.promised_to(&vm, &name("second")),
        [Some("edge2".into())]
    );
    // What both need is kept once.
    answer(&mut index, "second", &demand("vm"), &["edge2"]);
    let mut other = demand("other");
    other.claims.truncate(1);
    other.counted.clear();
    index.apply(volume("edge2-c", "edge2"));
    assert_eq!(place(&index, &other, ["edge2"]).fits.len(), 1);
    other.claims = demand("other").claims;
    assert_eq!(place(&index, &other, ["edge2"]).fits.len(), 0);
}

/// Of a disk that is bound elsewhere by now, nothing is kept here.
#[test]
fn promise_follows_the_disk() {
    let mut index = known();
    answer(&mut index, "first", &demand("vm"), &["edge1", "edge2"]);
    let guest = Guest {
        claims: ["vm-root", "vm-data"].map(Into::into).into(),
        ..Guest::default()
    };
    index.apply(Event::Machine(name("vm"), Some(Box::new(guest))));
    let bound = Volume {
        is_free: false,
        claim: Some(name("vm-root")),
        ..super::free("edge2")
    };
    index.apply(Event::Volume("edge2-a".into(), Some(bound)));
    assert_eq!(fits(&index, "other"), free(&["edge1"]));
}

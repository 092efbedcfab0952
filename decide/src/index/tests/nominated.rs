use rstest::rstest;

use super::*;
use crate::event::{Claim, Network, Pod};
use crate::fit::counted::When;
use crate::fit::{Demand, fit};
use crate::guest::Guest;
use crate::view;

const SAID_AT: u64 = 1_000;

fn name(name: &str) -> ObjectName {
    ("edge".into(), name.into())
}

/// A VM with a function, an upload and another disk.
fn machine(wants_to_run: bool) -> Event {
    let volumes = ["root", "data"]
        .map(|disk| serde_json::json!({"name": disk, "dataVolume": {"name": disk}}));
    let spec = serde_json::json!({
        "volumes": volumes,
        "domain": {"devices": {"interfaces": [{"name": "vf", "sriov": {}}]}},
        "networks": [{"name": "vf", "multus": {"networkName": "net"}}],
    });
    let text = serde_json::json!({"spec": {"running": wants_to_run, "template": {"spec": spec}}});
    let text = text.to_string();
    let machine: view::placed::Machine<'_> = serde_json::from_str(&text).unwrap();
    Event::Machine(
        name("vm"),
        Some(Box::new(Guest::of_machine(&machine, "edge"))),
    )
}

fn claim(disk: &str) -> Event {
    let open = Claim {
        class: "local-vd".into(),
        bytes: GI,
        ..Claim::default()
    };
    Event::Claim(name(disk), Some(open))
}

/// It fills the root disk.
fn upload(nominated: Option<&str>, node: Option<&str>) -> Event {
    let pod = Pod {
        node: node.map(Into::into),
        nominated: nominated.map(Into::into),
        nominated_since: nominated.map(|_| SAID_AT),
        fills: Some("root".into()),
        ..Pod::default()
    };
    Event::Pod(name("upload"), Some(pod))
}

/// It binds the other one.
fn launcher(nominated: &str) -> Event {
    let pod = Pod {
        nominated: Some(nominated.into()),
        nominated_since: Some(SAID_AT),
        vm: Some("vm".into()),
        is_provisioning: true,
        ..Pod::default()
    };
    Event::Pod(name("launcher"), Some(pod))
}

/// What a replica knows that was just started: nothing was answered by it.
fn started() -> Index {
    index([
        node("edge1", "edge1"),
        inventory("edge1", vec![]),
        volume("a", "edge1"),
        volume("b", "edge1"),
        Event::Network(
            name("net"),
            Some(Network {
                resource: Some(POOL.into()),
            }),
        ),
        machine(true),
        claim("root"),
        claim("data"),
        upload(Some("edge1"), None),
        Event::Time(SAID_AT + 10),
    ])
}

fn one_function(vm: &str) -> Demand {
    Demand {
        vm: Some(name(vm)),
        counted: [(Counted::Vfs(POOL.into()), (1, When::Now))].into(),
        ..Demand::default()
    }
}

fn fits(index: &Index, vm: &str) -> bool {
    fit(&one_function(vm), index.offer("edge1").unwrap()).is_ok()
}

#[test]
fn all_of_the_vm_is_held_where_its_disk_is_just_bound() {
    let index = started();
    assert!(!fits(&index, "other"));
    assert!(fits(&index, "vm"));
    let held = &index.offer("edge1").unwrap().held[&name("vm")];
    assert_eq!(held.len(), 2, "{held:?}");
}

#[rstest]
#[case::the_attempt_failed(upload(None, None))]
#[case::it_is_gone(Event::Pod(name("upload"), None))]
#[case::it_is_elsewhere(upload(Some("edge2"), None))]
#[case::nobody_binds_it(Event::Time(SAID_AT + 600))]
#[case::the_vm_is_stopped(machine(false))]
#[case::two_pods_are_at_odds(launcher("edge2"))]
fn nothing_is_held_here_any_longer(#[case] event: Event) {
    let mut index = started();
    let gains = index.gains();
    index.apply(event);
    assert!(fits(&index, "other"));
    assert!(index.gains() > gains, "nobody was woken");
}

/// From the nomination to the volume that says whose it is, nothing is let go in between.
#[test]
fn hold_goes_on_when_the_volume_is_bound() {
    let mut index = started();
    let bound = Volume {
        is_free: false,
        claim: Some(name("root")),
        since: Some(SAID_AT + 11),
        ..free("edge1")
    };
    index.apply(Event::Volume("a".into(), Some(bound)));
    assert!(!fits(&index, "other"));
    index.apply(upload(None, Some("edge1")));
    assert!(!fits(&index, "other"));
    index.apply(Event::Time(SAID_AT + 700));
    assert!(!fits(&index, "other"));
    index.apply(Event::Time(SAID_AT + 11 + 1_800));
    assert!(fits(&index, "other"));
}

/// A pod whose time is not told is not held for: nobody would know when that ends.
#[test]
fn nomination_without_a_time_holds_nothing() {
    let mut index = started();
    let pod = Pod {
        nominated: Some("edge1".into()),
        fills: Some("root".into()),
        ..Pod::default()
    };
    index.apply(Event::Pod(name("upload"), Some(pod)));
    assert_eq!(index.holds(), 0);
}

#[test]
fn pods_of_one_vm_follow_the_nominated_one() {
    let mut index = started();
    let vm = name("vm");
    assert_eq!(
        index.promised_to(&vm, &name("launcher")),
        [Some("edge1".into())]
    );
    assert_eq!(index.promised_to(&vm, &name("upload")), []);
    assert_eq!(index.promised_to(&name("other"), &name("launcher")), []);
    index.apply(Event::Time(SAID_AT + 600));
    assert_eq!(index.promised_to(&vm, &name("launcher")), []);
}

#[test]
fn what_is_held_can_be_told() {
    let told: Vec<String> = started().kept().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "held on edge1 for edge/vm until 00:26:40 UTC: 1 VF intel.com/intel_sriov_vm, volumes for data (1Gi), root (1Gi)"
        ]
    );
}

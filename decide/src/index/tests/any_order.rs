use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::event::{Claim, Class, Namespace, Network, Pod};
use crate::fit::counted::Counted;
use crate::guest::Guest;
use crate::policy::Policy;
use crate::view;

const NAMESPACE: &str = "edge";

fn name(kind: &str, number: usize) -> ObjectName {
    (NAMESPACE.into(), format!("{kind}{number}").into())
}

pub(super) fn guest(disks: &[usize], wants_to_run: bool) -> Box<Guest> {
    let disk = |number: &usize| serde_json::json!({"name": "d", "dataVolume": {"name": format!("c{number}")}});
    let volumes: Vec<_> = disks.iter().map(disk).collect();
    let spec = serde_json::json!({
        "volumes": volumes,
        "domain": {
            "memory": {"guest": "64Mi", "hugepages": {"pageSize": "2Mi"}},
            "devices": {"interfaces": [{"name": "vf", "sriov": {}}]},
        },
        "networks": [{"name": "vf", "multus": {"networkName": "n0"}}],
    });
    let text = serde_json::json!({ "spec": spec }).to_string();
    let instance: view::placed::Instance<'_> = serde_json::from_str(&text).unwrap();
    Box::new(Guest::of_instance(&instance, NAMESPACE, !wants_to_run))
}

/// Something happens to one of a few objects, all of which have to do with each other.
pub(super) fn events() -> impl Strategy<Value = Event> {
    let number = 0..3_usize;
    let state = prop::sample::select(VolumeState::ALL.to_vec());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (0..13_u8, number.clone(), number, flags, state).prop_map(
        |(kind, number, other, (there, one, two), state)| {
            let node_name: Arc<str> = format!("n{number}").into();
            let hostname = format!("h{other}");
            match kind {
                0 if there => node(&node_name, &hostname),
                0 => Event::Node(node_name, None),
                1 if there => inventory(&node_name, vec![entry(&format!("v{number}"), state)]),
                1 => Event::Inventory(node_name, None),
                2 => {
                    let volume = Volume {
                        is_free: one,
                        claim: two.then(|| name("c", other)),
                        since: two.then_some(100),
                        hostnames: if one && two {
                            BTreeSet::new()
                        } else {
                            free(&hostname).hostnames
                        },
                        ..free(&hostname)
                    };
                    Event::Volume(format!("v{number}").into(), there.then_some(volume))
                }
                3 => {
                    let claim = Claim {
                        class: "local-vd".into(),
                        bytes: GI,
                        volume: one.then(|| format!("v{other}").into()),
                        needs_scratch: two,
                        ..Claim::default()
                    };
                    let (namespace, mut claim_name) = name("c", number);
                    if other == 2 {
                        claim_name = format!("{claim_name}-scratch").into();
                    }
                    Event::Claim((namespace, claim_name), there.then_some(claim))
                }
                4 => {
                    let class = Class { is_static: one };
                    Event::Class("local-vd".into(), there.then_some(class))
                }
                5 => {
                    let network = Network {
                        resource: one.then(|| POOL.into()),
                    };
                    Event::Network(name("n", 0), there.then_some(network))
                }
                6 => Event::Machine(
                    name("m", number),
                    there.then(|| guest(&[number, other], one)),
                ),
                7 => Event::Instance(name("m", number), there.then(|| guest(&[other], one))),
                8 => {
                    let pod = Pod {
                        node: one.then(|| format!("n{other}").into()),
                        nominated: (!one).then(|| format!("n{other}").into()),
                        nominated_since: Some([0, 100, 1_000][other]),
                        fills: (!two).then(|| format!("c{other}").into()),
                        vm: two.then(|| format!("m{number}").into()),
                        is_provisioning: other == 0,
                        requests: vec![(Counted::Vfs(POOL.into()), 1)],
                    };
                    Event::Pod(name("p", number), there.then_some(pod))
                }
                9 => Event::ScratchClass(there.then(|| format!("class{other}").into())),
                10 => {
                    let hold_seconds = if one { 1_800 } else { 0 };
                    let policy = Policy {
                        hold_seconds,
                        ..Policy::default()
                    };
                    Event::Policy(Arc::new(policy))
                }
                11 => {
                    let profile = format!("profile{other}").into();
                    Event::Namespace(NAMESPACE.into(), there.then_some(Namespace { profile }))
                }
                _ => Event::Time([50, 650, 2_000][number]),
            }
        },
    )
}

fn key(event: &Event) -> (u8, Arc<str>) {
    match event {
        Event::Node(name, _) => (0, Arc::clone(name)),
        Event::Inventory(name, _) => (1, Arc::clone(name)),
        Event::Volume(name, _) => (2, Arc::clone(name)),
        Event::Claim(name, _) => (3, Arc::clone(&name.1)),
        Event::Class(name, _) => (4, Arc::clone(name)),
        Event::Network(name, _) => (5, Arc::clone(&name.1)),
        Event::Machine(name, _) => (6, Arc::clone(&name.1)),
        Event::Instance(name, _) => (7, Arc::clone(&name.1)),
        Event::Pod(name, _) => (8, Arc::clone(&name.1)),
        Event::ScratchClass(_) => (11, "".into()),
        Event::Namespace(name, _) => (12, Arc::clone(name)),
        Event::Policy(_) => (10, "".into()),
        // Every one counts: time never goes back.
        Event::Time(now) => (9, now.to_string().into()),
    }
}

proptest! {
    /// Whatever happened before: only what each object is now counts.
    #[test]
    fn replay_is_a_rebuild(events in prop::collection::vec(events(), 0..60)) {
        let last: BTreeMap<(u8, Arc<str>), Event> =
            events.iter().map(|event| (key(event), event.clone())).collect();
        let rebuilt = index(last.values().cloned());
        let reversed = index(last.into_values().rev());
        prop_assert_eq!(&index(events), &rebuilt);
        prop_assert_eq!(reversed, rebuilt);
    }

    /// Whatever is held: no node holds more than it has.
    #[test]
    fn holds_never_exceed_the_offer(events in prop::collection::vec(events(), 0..60)) {
        let known = index(events);
        for name in ["n0", "n1", "n2"] {
            let Ok(offer) = known.offer(name) else { continue };
            for supply in offer.counted.values() {
                let held: u64 = supply.held.values().map(|held| held.amount).sum();
                prop_assert!(held + supply.allocated <= supply.usable().max(supply.allocated));
            }
            let held: Vec<_> = offer.held.values().flatten().cloned().collect();
            prop_assert!(crate::fit::volumes::matching(&held, &offer.volumes, &offer.file_systems).is_ok());
        }
    }
}

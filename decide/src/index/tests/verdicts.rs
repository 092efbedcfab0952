use proptest::prelude::*;

use super::any_order::{events, guest};
use super::*;
use crate::event::Network;
use crate::fit::Demand;
use crate::fit::counted::When;
use crate::fit::volumes::{AccessModes, ClaimDemand, VolumeMode};
use crate::placement::{Verdicts, place, scores};

const NODES: [&str; 4] = ["n0", "n1", "n2", "unknown"];

fn name(kind: &str, number: u64) -> ObjectName {
    ("edge".into(), format!("{kind}{number}").into())
}

/// A disk for the pod in hand and perhaps another one, perhaps a function; of a VM or of none.
fn demands() -> impl Strategy<Value = Demand> {
    (
        0..4_u64,
        prop::sample::select(vec![0, 0, 0, 1_usize]),
        0..2_u64,
        any::<bool>(),
    )
        .prop_map(|(number, later, vfs, is_now)| {
            let claim = |at: usize| ClaimDemand {
                name: format!("disk{at}-of-{number}"),
                class: "local-vd".into(),
                bytes: GI,
                mode: VolumeMode::Filesystem,
                access: AccessModes::default(),
                selector: None,
            };
            let when = if is_now { When::Now } else { When::Later };
            let counted = (Counted::Vfs(POOL.into()), (vfs, when));
            Demand {
                vm: (number < 3).then(|| name("m", number)),
                pod: Some(name("p", number)),
                claims: (0..=later).map(claim).collect(),
                own: 1,
                counted: (vfs > 0).then_some(counted).into_iter().collect(),
                ..Demand::default()
            }
        })
}

/// Three nodes with a function and a volume each, so that something can change, and so many VMs that nothing is guessed.
fn cluster() -> Index {
    let nodes = (0..3).flat_map(|at| {
        let [name, hostname, disk] = ["n", "h", "v"].map(|kind| format!("{kind}{at}"));
        let entries = vec![entry(&disk, VolumeState::Available)];
        let inventory = inventory(&name, entries);
        [node(&name, &hostname), inventory, volume(&disk, &hostname)]
    });
    let resource = Some(POOL.into());
    let network = Event::Network(name("n", 0), Some(Network { resource }));
    let vms = (100..164).map(|at| Event::Machine(name("m", at), Some(guest(&[], false))));
    index(nodes.chain([network]).chain(vms))
}

proptest! {
    /// Whatever was asked before and has happened since: the answer is that of who asks for the first time.
    #[test]
    fn what_is_remembered_is_what_is_found(
        steps in prop::collection::vec((prop::collection::vec(events(), 0..6), demands(), any::<bool>()), 1..20),
    ) {
        let (mut known, mut verdicts) = (cluster(), Verdicts::default());
        for (events, demand, answers) in steps {
            for event in events {
                known.apply(event);
            }
            let placement = place(&known, &demand, NODES);
            let ranked = verdicts.rank(&known, &demand, NODES.into_iter());
            prop_assert_eq!(&ranked.fits, &scores(&known, &demand, &placement.fits));
            prop_assert_eq!(ranked.refused, placement.refused);
            if answers {
                let promise = known.promise_of(&demand, &ranked.fits);
                known.promise(demand.pod.unwrap(), promise);
            }
        }
    }
}

/// Its inventory is here before the node itself, and others were looked at already.
#[test]
fn node_that_nobody_has_heard_of_is_not_taken_for_one_that_was_looked_at() {
    let (mut known, mut verdicts) = (cluster(), Verdicts::default());
    for name in ["early", "late"] {
        known.apply(inventory(name, vec![entry(name, VolumeState::Available)]));
    }
    known.apply(node("late", "late"));
    known.apply(volume("late", "late"));
    for _ in 0..2 {
        let ranked = verdicts.rank(&known, &one_disk(1), ["early", "late"].into_iter());
        let fits: Vec<&str> = ranked.fits.iter().map(|(name, _)| *name).collect();
        assert_eq!(fits, ["late"]);
        assert_eq!(ranked.refused.len(), 1);
    }
}

fn one_disk(bytes: u64) -> Demand {
    let claim = ClaimDemand {
        name: "disk".to_owned(),
        class: "local-vd".into(),
        bytes,
        mode: VolumeMode::Filesystem,
        access: AccessModes::default(),
        selector: None,
    };
    Demand {
        claims: vec![claim],
        ..Demand::default()
    }
}

#[test]
fn who_asked_for_something_else_long_ago_is_forgotten() {
    let (known, mut verdicts) = (cluster(), Verdicts::default());
    for bytes in (1..40).chain([1]) {
        let ranked = verdicts.rank(&known, &one_disk(bytes), NODES.into_iter());
        assert_eq!(ranked.fits.len(), 3);
    }
    assert_eq!(verdicts.kinds(), 8);
}

use proptest::prelude::*;

use super::*;
use crate::fit::counted::Held;
use crate::fit::volumes::{AccessModes, VolumeMode};
use crate::pages::PageSize;

const RESOURCES: [&str; 2] = ["intel.com/intel_sriov_vm", "intel.com/other"];
const GI: u64 = 1 << 30;

fn vfs(resource: &str) -> Counted {
    Counted::Vfs(resource.into())
}

fn vm(name: &str) -> VmName {
    ("default".into(), name.into())
}

fn claim(number: usize, gib: u64) -> ClaimDemand {
    ClaimDemand {
        name: format!("disk-{number}"),
        class: "local-vd".into(),
        bytes: gib * GI,
        mode: VolumeMode::Filesystem,
        access: AccessModes::of(["ReadWriteOnce"]),
        selector: None,
    }
}

fn volume(number: usize, gib: u64) -> FreeVolume {
    FreeVolume {
        name: format!("vol{number}").into(),
        class: "local-vd".into(),
        bytes: gib * GI,
        mode: VolumeMode::Filesystem,
        access: AccessModes::of(["ReadWriteOnce"]),
        labels: Arc::default(),
        file_system: Some(number % 2),
    }
}

fn offer(volumes: &[u64], disks: [u64; 2], counted: Vec<(Counted, Supply)>) -> Offer {
    let file_system = |gib: u64| FileSystemOffer {
        free_bytes: gib * GI,
    };
    let volumes = volumes.iter().enumerate();
    Offer {
        volumes: volumes.map(|(at, gib)| volume(at, *gib)).collect(),
        file_systems: disks.map(file_system).into(),
        counted: counted.into_iter().collect(),
        ..Offer::default()
    }
}

fn total(total: u64, allocated: u64) -> Supply {
    Supply {
        total,
        allocated,
        ..Supply::default()
    }
}

/// A disk that is uploaded: its VM's functions have to be possible, and the node where they are free is the better one.
#[test]
fn disk_goes_where_its_vm_can_run() {
    let demand = Demand {
        vm: Some(vm("vm1")),
        claims: vec![claim(0, 10)],
        counted: [(vfs(RESOURCES[0]), (2, When::Later))].into(),
        ..Demand::default()
    };
    let node = |supply: Supply| offer(&[10], [20, 20], vec![(vfs(RESOURCES[0]), supply)]);
    assert!(fit(&demand, &node(total(2, 0))).unwrap().all_free_now);
    assert!(!fit(&demand, &node(total(2, 1))).unwrap().all_free_now);
    let misfits = fit(&demand, &node(total(1, 0))).unwrap_err();
    let texts: Vec<String> = misfits.iter().map(Misfit::to_string).collect();
    assert_eq!(
        texts,
        ["will need 2 VFs intel.com/intel_sriov_vm: 1 of 1 can be used"]
    );
}

#[test]
fn everything_that_is_missing_is_told() {
    let demand = Demand {
        claims: vec![claim(0, 10)],
        counted: [
            (vfs(RESOURCES[0]), (1, When::Now)),
            (Counted::Pages(PageSize::Mi2), (512, When::Now)),
        ]
        .into(),
        ..Demand::default()
    };
    let misfits = fit(&demand, &Offer::default()).unwrap_err();
    let texts: Vec<String> = misfits.iter().map(Misfit::to_string).collect();
    assert_eq!(
        texts,
        [
            "needs 1 volume of class local-vd with 10Gi or more for disk-0: 0 of 0 free ones fit",
            "needs 1 VF intel.com/intel_sriov_vm: 0 free of 0",
            "needs 512 huge pages of 2Mi: 0 free of 0",
        ]
    );
}

/// A pod that has one disk, of a VM that will want another: the right volume is there, and the wrong one is taken.
#[test]
fn what_kube_scheduler_takes_by_itself_is_told_last() {
    let later = ClaimDemand {
        access: AccessModes::of(["ReadWriteMany"]),
        ..claim(1, 8)
    };
    let mut demand = Demand {
        vm: Some(vm("vm1")),
        claims: vec![claim(0, 5), later.clone()],
        own: 1,
        ..Demand::default()
    };
    let mut node = offer(&[10, 20], [50, 50], vec![]);
    node.volumes[0].access = AccessModes::of(["ReadWriteOnce", "ReadWriteMany"]);
    let told = |demand: &Demand, node: &Offer| {
        let misfits = fit(demand, node).unwrap_err();
        (misfits[0].to_string(), misfits[0].lack())
    };
    let words = |name: &str| {
        format!(
            "kube-scheduler takes volume vol0 (10Gi) for disk-0; then needs 1 volume of class local-vd with 8Gi or more for {name}: 0 of 1 free ones fit"
        )
    };
    let choice = Lack::Choice("local-vd".to_owned());
    assert_eq!(told(&demand, &node), (words("disk-1"), choice.clone()));
    // Of another VM whose disk lies here.
    demand.claims.truncate(1);
    node.held = [(vm("vm7"), vec![later])].into();
    assert_eq!(
        told(&demand, &node),
        (words("disk-1 of default/vm7"), choice)
    );
    // Without the volume for it there is no other choice.
    node.volumes.pop();
    let held = "needs 1 volume of class local-vd: held for default/vm7";
    assert_eq!(told(&demand, &node).0, held);
    demand.own = 0;
    assert_eq!(told(&demand, &node).0, held);
    node.held.clear();
    assert!(fit(&demand, &node).is_ok());
}

fn supplies() -> impl Strategy<Value = Supply> {
    (
        0..9_u64,
        0..4_u64,
        0..4_u64,
        prop::collection::vec((0..3_usize, 0..3_u64), 0..3),
    )
        .prop_map(|(total, unusable, allocated, held)| Supply {
            total,
            unusable,
            allocated,
            held: held
                .into_iter()
                .map(|(holder, amount)| (vm(&format!("vm{holder}")), Held { amount, until: 0 }))
                .collect(),
        })
}

fn demands() -> impl Strategy<Value = Demand> {
    let when = prop_oneof![Just(When::Now), Just(When::Later)];
    let counted = prop::collection::vec((0..2_usize, 0..6_u64, when), 0..3);
    let claims = prop::collection::vec(1..20_u64, 0..4);
    (claims, 0..3_usize, counted).prop_map(|(claims, own, counted)| Demand {
        vm: Some(vm("vm0")),
        own,
        claims: claims
            .into_iter()
            .enumerate()
            .map(|(at, gib)| claim(at, gib))
            .collect(),
        counted: counted
            .into_iter()
            .map(|(resource, needs, when)| (vfs(RESOURCES[resource]), (needs, when)))
            .collect(),
        ..Demand::default()
    })
}

proptest! {
    /// A node that has more of anything is never worse; only of volumes kube-scheduler may choose a worse one.
    #[test]
    fn fit_is_monotone(
        demand in demands(),
        volumes in prop::collection::vec(1..20_u64, 0..5),
        disks in [0..40_u64, 0..40_u64],
        supplied in prop::collection::vec((0..2_usize, supplies()), 0..3),
        more in (1..20_u64, 0..20_u64, 0..4_u64),
    ) {
        let counted = |extra: u64| {
            let all = supplied.iter().cloned();
            all.map(|(resource, mut supply)| {
                supply.total += extra;
                (vfs(RESOURCES[resource]), supply)
            })
            .collect()
        };
        let (volume, space, extra) = more;
        let before = fit(&demand, &offer(&volumes, disks, counted(0)));
        let volumes = if demand.own == 0 { [volumes, vec![volume]].concat() } else { volumes };
        let after = fit(&demand, &offer(&volumes, disks.map(|disk| disk + space), counted(extra)));
        if let Ok(before) = before {
            let after = after.unwrap();
            prop_assert!(after.all_free_now || !before.all_free_now);
            prop_assert!(after.waste <= before.waste);
        }
    }

    /// What fits can be given without taking anything from anybody.
    #[test]
    fn what_fits_oversells_nothing(
        demand in demands(),
        supplied in prop::collection::vec((0..2_usize, supplies()), 0..3),
    ) {
        let node = offer(
            &[20, 20, 20, 20],
            [100, 100],
            supplied.into_iter().map(|(resource, supply)| (vfs(RESOURCES[resource]), supply)).collect(),
        );
        if fit(&demand, &node).is_ok() {
            for (of, (needs, when)) in &demand.counted {
                let nothing = Supply::default();
                let supply = node.counted.get(of).unwrap_or(&nothing);
                let others = supply.held.iter().filter(|(holder, _)| *holder != &vm("vm0"));
                let held: u64 = others.map(|(_, held)| held.amount).sum();
                let taken = match when {
                    When::Now => supply.unusable + supply.allocated + held,
                    When::Later => supply.unusable,
                };
                prop_assert!(*needs == 0 || needs + taken <= supply.total);
            }
        }
    }

    /// However it is found: at once for one claim, by one matching, or choice by choice.
    #[test]
    fn no_short_way_is_another_way(
        demand in demands(),
        volumes in prop::collection::vec(1..20_u64, 0..5),
        disks in [0..40_u64, 0..40_u64],
        spoilt in prop::collection::vec(15..20_u64, 0..2),
        held in prop::collection::vec(1..20_u64, 0..2),
    ) {
        let mut node = offer(&volumes, disks, vec![]);
        node.spoilt = spoilt.iter().map(|gib| volume(9, *gib)).collect();
        let held: Vec<_> = held.iter().enumerate().map(|(at, gib)| claim(at, *gib)).collect();
        if !held.is_empty() {
            node.held = [(vm("vm1"), held.clone()), (vm("vm0"), vec![claim(7, 19)])].into();
        }
        let demand = Demand { counted: Amounts::new(), ..demand };
        let (own, later) = demand.claims.split_at(demand.own.min(demand.claims.len()));
        let others: Vec<_> = later.iter().chain(&held).cloned().collect();
        let all = Volumes {
            usable: &node.volumes,
            spoilt: &node.spoilt,
            file_systems: &node.file_systems,
        };
        let expected = worst_waste(own, &others, later.len(), all).ok();
        if demand.claims.is_empty() {
            prop_assert_eq!(fit(&demand, &node), Ok(Fit::of_nothing()));
        } else {
            prop_assert_eq!(fit(&demand, &node).ok().map(|fit| fit.waste), expected);
        }
    }
}

use rstest::rstest;

use super::*;
use crate::node::binder::Step;

const PF: &str = "0000:3b:00.0";

fn in_sync(status: Status, reason: &'static str, message: &str) -> Assessment {
    let finding = |kind| Finding {
        kind,
        status,
        reason,
        message: message.to_owned(),
    };
    Assessment {
        findings: ConditionKind::ALL.into_iter().map(finding).collect(),
        ..Assessment::default()
    }
}

/// One step is still to be done.
fn wanted() -> Plan {
    let (from, to) = (0, 8);
    let address = PF.to_owned();
    Plan {
        steps: vec![Step::SetNumVfs { address, from, to }],
        ..Plan::default()
    }
}

fn works(troubles: &[(&str, &str)]) -> Standing {
    let text = |&(device, cause): &(&str, &str)| (device.to_owned(), cause.to_owned());
    Standing::Works(troubles.iter().map(text).collect())
}

const NO_VFIO: &str = "driver vfio-pci is not there; load it: modprobe vfio-pci";

#[rstest]
#[case::of_a_good_one(
    Status::True,
    "InSync",
    Status::False,
    "BinderFailed",
    "the binder failed, and tries again: 0000:3b:02.0: driver vfio-pci is not there; load it: modprobe vfio-pci; so far"
)]
#[case::of_one_without_pools(
    Status::True,
    "NoPools",
    Status::False,
    "BinderFailed",
    "the binder failed, and tries again: 0000:3b:02.0: driver vfio-pci is not there; load it: modprobe vfio-pci; so far"
)]
#[case::after_a_refusal(
    Status::False,
    "BinderRefused",
    Status::False,
    "BinderRefused",
    "so far; the binder failed, and tries again: 0000:3b:02.0: driver vfio-pci is not there; load it: modprobe vfio-pci"
)]
#[case::while_the_kubelet_is_silent(
    Status::Unknown,
    "KubeletSilent",
    Status::Unknown,
    "KubeletSilent",
    "so far; the binder failed, and tries again: 0000:3b:02.0: driver vfio-pci is not there; load it: modprobe vfio-pci"
)]
fn failure_is_in_the_condition(
    #[case] before: Status,
    #[case] reason_before: &'static str,
    #[case] status: Status,
    #[case] reason: &str,
    #[case] message: &str,
) {
    let mut assessment = in_sync(before, reason_before, "so far");
    tell(
        &mut assessment,
        &wanted(),
        &works(&[("0000:3b:02.0", NO_VFIO)]),
    );
    for finding in &assessment.findings {
        let is_it = finding.kind == ConditionKind::DevicePluginInSync;
        let told = (finding.status, finding.reason, finding.message.as_str());
        let expected = if is_it {
            (status, reason, message)
        } else {
            (before, reason_before, "so far")
        };
        assert_eq!(told, expected);
    }
    assert_eq!(assessment.advice.len(), 1);
    assert_eq!(assessment.advice[0].reason, "BinderFailed");
}

#[rstest]
#[case::one_cause_of_many(
    works(&[("0000:3b:02.0", NO_VFIO), ("0000:3b:02.1", NO_VFIO), ("0000:3b:00.0", "0000:3b:00.0 has 3 functions")]),
    "the binder failed, and tries again: 0000:3b:00.0 has 3 functions; 0000:3b:02.0, 0000:3b:02.1: driver vfio-pci is not there; load it: modprobe vfio-pci"
)]
#[case::sysfs_is_not_mounted(
    Standing::ReadOnly,
    "the binder may not write to sysfs, so these stay as they are: 0000:3b:00.0: the chart value exporter.binder is what mounts sysfs writable: set it by helm upgrade"
)]
fn failure_becomes_an_event(#[case] standing: Standing, #[case] expected: &str) {
    let mut assessment = in_sync(Status::True, "InSync", "so far");
    tell(&mut assessment, &wanted(), &standing);
    assert_eq!(assessment.advice[0].message, expected);
}

#[rstest]
#[case::no_trouble(wanted(), works(&[]))]
#[case::nothing_to_write_and_nowhere(Plan::default(), Standing::ReadOnly)]
fn what_goes_well_is_not_told(#[case] plan: Plan, #[case] standing: Standing) {
    let mut assessment = in_sync(Status::True, "InSync", "so far");
    tell(&mut assessment, &plan, &standing);
    assert_eq!(assessment, in_sync(Status::True, "InSync", "so far"));
}

#[test]
fn long_causes_fit() {
    let cause = "é".repeat(4000);
    let mut assessment = in_sync(Status::True, "InSync", "so far");
    tell(&mut assessment, &wanted(), &works(&[(PF, &cause)]));
    assert!(
        assessment
            .findings
            .iter()
            .all(|finding| finding.message.len() <= MESSAGE_LIMIT)
    );
    assert!(assessment.advice[0].message.len() <= MESSAGE_LIMIT);
}

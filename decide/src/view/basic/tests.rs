use std::fmt::Write;

use rstest::rstest;

use super::{AMOUNTS_MAX, LIST_MAX, NAMES_MAX};
use crate::subject::{Kind, View};

/// An object with so many of `one` in a place, and all that is around it.
fn object(before: &str, one: &str, times: usize, after: &str) -> String {
    format!("{before}{}{after}", vec![one; times].join(","))
}

/// The same, each under its own name.
fn map(before: &str, prefix: &str, times: usize, after: &str) -> String {
    let mut entries = String::new();
    for at in 0..times {
        let sign = if at == 0 { "" } else { "," };
        write!(entries, r#"{sign}"{prefix}{at}":"1""#).unwrap();
    }
    format!("{before}{entries}{after}")
}

/// The refusal, with its path.
fn misread(kind: Kind, object: &str) -> Option<String> {
    let error = View::read(kind, object).err()?.to_string();
    let path = View::misread_at(kind, object).unwrap();
    Some(format!("{path}: {error}"))
}

fn refused(path: &str, max: usize) -> String {
    format!("{path}: found more than {max} entries, expected at most {max} at line 1")
}

#[rstest]
#[case::volumes(
    Kind::VirtualMachineInstance,
    r#"{"spec":{"volumes":["#,
    "{}",
    "]}}",
    "spec.volumes"
)]
#[case::networks(
    Kind::VirtualMachineInstance,
    r#"{"spec":{"networks":["#,
    "{}",
    "]}}",
    "spec.networks"
)]
#[case::interfaces(
    Kind::VirtualMachineInstance,
    r#"{"spec":{"domain":{"devices":{"interfaces":["#,
    "{}",
    "]}}}}",
    "spec.domain.devices.interfaces"
)]
#[case::access_credentials(
    Kind::VirtualMachineInstance,
    r#"{"spec":{"accessCredentials":["#,
    "{}",
    "]}}",
    "spec.accessCredentials"
)]
#[case::tolerations(
    Kind::Pod,
    r#"{"spec":{"tolerations":["#,
    "{}",
    "]}}",
    "spec.tolerations"
)]
#[case::containers(
    Kind::Pod,
    r#"{"spec":{"containers":["#,
    "{}",
    "]}}",
    "spec.containers"
)]
#[case::init_containers(
    Kind::Pod,
    r#"{"spec":{"initContainers":["#,
    "{}",
    "]}}",
    "spec.initContainers"
)]
#[case::owners(
    Kind::Claim,
    r#"{"metadata":{"ownerReferences":["#,
    "{}",
    "]}}",
    "metadata.ownerReferences"
)]
#[case::access_modes(
    Kind::Claim,
    r#"{"spec":{"accessModes":["#,
    r#""""#,
    "]}}",
    "spec.accessModes"
)]
#[case::data_volume_templates(
    Kind::VirtualMachine,
    r#"{"spec":{"dataVolumeTemplates":["#,
    "{}",
    "]}}",
    "spec.dataVolumeTemplates"
)]
fn list_is_read_up_to_its_bound(
    #[case] kind: Kind,
    #[case] before: &str,
    #[case] one: &str,
    #[case] after: &str,
    #[case] path: &str,
) {
    assert_eq!(misread(kind, &object(before, one, LIST_MAX, after)), None);
    let error = misread(kind, &object(before, one, LIST_MAX + 1, after)).unwrap();
    assert!(error.starts_with(&refused(path, LIST_MAX)), "{error}");
}

#[rstest]
#[case::labels(r#"{"metadata":{"labels":{"#, "}}}", "metadata.labels", NAMES_MAX)]
#[case::annotations(
    r#"{"metadata":{"annotations":{"#,
    "}}}",
    "metadata.annotations",
    NAMES_MAX
)]
#[case::requests(
    r#"{"spec":{"containers":[{"resources":{"requests":{"#,
    "}}}]}}",
    "spec.containers[0].resources.requests",
    AMOUNTS_MAX
)]
#[case::limits(
    r#"{"spec":{"containers":[{"resources":{"limits":{"#,
    "}}}]}}",
    "spec.containers[0].resources.limits",
    AMOUNTS_MAX
)]
fn map_is_read_up_to_its_bound(
    #[case] before: &str,
    #[case] after: &str,
    #[case] path: &str,
    #[case] max: usize,
) {
    let pod = |times| map(before, "vmberth.io/", times, after);
    assert_eq!(misread(Kind::Pod, &pod(max)), None);
    let error = misread(Kind::Pod, &pod(max + 1)).unwrap();
    assert!(error.starts_with(&refused(path, max)), "{error}");
}

#[test]
fn what_is_not_kept_is_not_counted() {
    let others = map(r#"{"metadata":{"annotations":{"#, "a.io/", 10_000, "}}}");
    assert_eq!(misread(Kind::Pod, &others), None);
    let none = object(
        r#"{"metadata":{"labels":{"#,
        r#""a":null"#,
        10_000,
        r#"}},"status":{"conditions":[]}}"#,
    );
    assert_eq!(misread(Kind::Pod, &none), None);
    let unread = object(r#"{"spec":{"imagePullSecrets":["#, "{}", 10_000, "]}}");
    assert_eq!(misread(Kind::Pod, &unread), None);
}

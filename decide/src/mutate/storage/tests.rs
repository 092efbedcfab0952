use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::fitted;
use crate::mutate::testing::{Cluster, admitted, decide, quiet};
use crate::policy::{BindingMode, ManagedClass, Policy, ScratchReclaim};
use crate::quantity::parse_bytes;
use crate::subject::Kind;

mod templates;

/// `local` waits for its consumer and is the default, `slow` binds at once; `plain` wants nothing special.
fn policy() -> Policy {
    let class = |name: &str, binding_mode, special: bool| ManagedClass {
        name: name.to_owned(),
        default: name == "local",
        binding_mode,
        overhead_millionths: 60_000,
        fit_overhead: special,
        require_scratch: special,
        scratch_reclaim: ScratchReclaim::Wipe,
    };
    Policy {
        storage_classes: vec![
            class("slow", BindingMode::Immediate, true),
            class("local", BindingMode::WaitForFirstConsumer, true),
            class("plain", BindingMode::WaitForFirstConsumer, false),
        ],
        ..quiet()
    }
}

fn without_default() -> Policy {
    let mut policy = policy();
    policy.storage_classes[1].default = false;
    policy
}

fn volume(spec: &Value) -> Value {
    json!({"metadata": {"name": "disk"}, "spec": spec})
}

/// Spec and annotations after admission, without the record; and what was told.
fn of(kind: Kind, object: &Value, policy: &Policy) -> (Value, Value, String) {
    let (after, told) = admitted(kind, object, policy, &Cluster::default());
    let mut annotations = after["metadata"]["annotations"].clone();
    if let Some(all) = annotations.as_object_mut() {
        all.remove("vmberth.io/injected");
    }
    (after["spec"].clone(), annotations, told)
}

fn size(size: &str) -> Value {
    json!({"requests": {"storage": size}})
}

#[rstest]
#[case::storage_gets_all(
    json!({"storage": {"resources": size("15Gi")}}),
    json!({"storage": {"resources": size("14490Mi"), "storageClassName": "local",
        "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem"}}))]
#[case::storage_with_nulls(
    json!({"storage": {"storageClassName": null, "accessModes": null, "volumeMode": null}}),
    json!({"storage": {"storageClassName": "local", "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem"}}))]
#[case::storage_with_empty_modes(
    json!({"storage": {"storageClassName": "plain", "accessModes": [], "volumeMode": ""}}),
    json!({"storage": {"storageClassName": "plain", "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem"}}))]
#[case::pvc_gets_a_class_only(
    json!({"pvc": {"accessModes": ["ReadWriteOnce"], "resources": size("15Gi")}}),
    json!({"pvc": {"accessModes": ["ReadWriteOnce"], "resources": size("15Gi"), "storageClassName": "local"}}))]
#[case::modes_of_the_user_stay(
    json!({"storage": {"storageClassName": "slow", "accessModes": ["ReadWriteMany"], "resources": size("53Mi")}}),
    json!({"storage": {"storageClassName": "slow", "accessModes": ["ReadWriteMany"], "resources": size("49Mi"),
        "volumeMode": "Filesystem"}}))]
#[case::block_has_no_overhead(
    json!({"storage": {"storageClassName": "local", "volumeMode": "Block", "resources": size("15Gi")}}),
    json!({"storage": {"storageClassName": "local", "volumeMode": "Block", "resources": size("15Gi"),
        "accessModes": ["ReadWriteOnce"]}}))]
#[case::class_that_does_not_fit(
    json!({"storage": {"storageClassName": "plain", "resources": size("15Gi")}}),
    json!({"storage": {"storageClassName": "plain", "resources": size("15Gi"),
        "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem"}}))]
#[case::unreadable_size_is_cdis_to_refuse(
    json!({"storage": {"storageClassName": "local", "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem",
        "resources": size("much")}}),
    json!({"storage": {"storageClassName": "local", "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem",
        "resources": size("much")}}))]
fn data_volumes(#[case] before: Value, #[case] after: Value) {
    assert_eq!(of(Kind::DataVolume, &volume(&before), &policy()).0, after);
}

#[rstest]
#[case::no_class_is_wanted(json!({"storage": {"storageClassName": "", "resources": size("15Gi")}}))]
#[case::foreign_class(json!({"storage": {"storageClassName": "ceph", "resources": size("15Gi")}, "source": {"http": {}}}))]
#[case::certain_volume(json!({"storage": {"volumeName": "pv7"}}))]
#[case::neither(json!({"source": {"upload": {}}}))]
#[case::both(json!({"storage": {}, "pvc": {}}))]
#[case::null(json!({"storage": null}))]
fn left_as_they_are(#[case] spec: Value) {
    let (after, annotations, told) = of(Kind::DataVolume, &volume(&spec), &policy());
    assert_eq!((after, annotations), (spec, Value::Null));
    assert_eq!(told, "left alone: everything is there already");
}

#[test]
fn without_a_default_class_none_is_given() {
    let spec = json!({"storage": {}, "source": {"upload": {}}});
    assert_eq!(
        of(Kind::DataVolume, &volume(&spec), &without_default()).0,
        spec
    );
}

const BIND: &str = "cdi.kubevirt.io/storage.bind.immediate.requested";
const SCRATCH: &str = "cdi.kubevirt.io/storage.import.requiresScratch";

#[rstest]
#[case::upload("local", json!({"upload": {}}), json!({BIND: "true"}))]
#[case::upload_where_no_scratch_is_announced("plain", json!({"upload": {}}), json!({BIND: "true"}))]
#[case::upload_that_is_bound_at_once_anyway("slow", json!({"upload": {}}), json!(null))]
#[case::http("local", json!({"http": {"url": "x"}}), json!({SCRATCH: "true"}))]
#[case::http_bound_at_once("slow", json!({"http": {"url": "x"}}), json!({SCRATCH: "true"}))]
#[case::http_without_announcement("plain", json!({"http": {"url": "x"}}), json!(null))]
#[case::http_is_null("local", json!({"http": null}), json!(null))]
#[case::others("local", json!({"registry": {"url": "x"}}), json!(null))]
fn what_cdi_is_told(#[case] class: &str, #[case] source: Value, #[case] annotations: Value) {
    let claim = json!({"storageClassName": class, "accessModes": ["ReadWriteOnce"]});
    let volume = volume(&json!({"pvc": claim, "source": source}));
    assert_eq!(of(Kind::DataVolume, &volume, &policy()).1, annotations);
}

#[rstest]
#[case::none(json!(null))]
#[case::null(json!({"name": "disk", "annotations": null}))]
#[case::empty(json!({"name": "disk", "annotations": {}}))]
#[case::others(json!({"name": "disk", "annotations": {"a": "b"}}))]
fn annotations_share_one_map(#[case] metadata: Value) {
    let spec =
        json!({"storage": {"resources": size("15Gi")}, "source": {"http": {}, "upload": {}}});
    let volume = json!({"metadata": metadata, "spec": spec});
    let (after, told) = admitted(Kind::DataVolume, &volume, &policy(), &Cluster::default());
    let annotations = after["metadata"]["annotations"].as_object().unwrap();
    assert_eq!(
        (&annotations[BIND], &annotations[SCRATCH]),
        (&json!("true"), &json!("true"))
    );
    assert_eq!(
        annotations.contains_key("a"),
        volume["metadata"]["annotations"]["a"] == "b"
    );
    let record = annotations["vmberth.io/injected"].as_str().unwrap();
    assert_eq!(record.matches("; ").count(), 5, "{record}");
    assert!(
        record.contains(&format!("[{SCRATCH}]=true (class local)")),
        "{record}"
    );
    assert!(told.contains(BIND), "{told}");
}

#[test]
fn annotation_of_the_user_stays_whatever_it_says() {
    let mut volume = volume(
        &json!({"pvc": {"storageClassName": "local"}, "source": {"upload": {}, "http": {}}}),
    );
    volume["metadata"]["annotations"] = json!({BIND: "", SCRATCH: "false"});
    let decision = decide(
        Kind::DataVolume,
        &volume,
        None,
        &policy(),
        &Cluster::default(),
    )
    .unwrap();
    assert_eq!(decision.edits, Vec::new());
}

#[test]
fn fitted_size_is_told_and_fitted_once() {
    let volume =
        volume(&json!({"storage": {"resources": size("15Gi"), "storageClassName": "local"}}));
    let (after, told) = admitted(Kind::DataVolume, &volume, &policy(), &Cluster::default());
    let path = "spec.storage.resources.requests.storage";
    assert!(
        told.contains(&format!("edit: {path}=14490Mi (class local)\n")),
        "{told}"
    );
    let warning = format!(
        "warning: {path}: 15Gi became 14490Mi, so that the claim with CDI's file system overhead fits a volume of 15Gi"
    );
    assert!(told.contains(&warning), "{told}");
    // Copied to another cluster and made larger, it is a new size.
    let mut copy = after;
    copy["spec"]["storage"]["resources"] = size("20Gi");
    let (again, _) = admitted(Kind::DataVolume, &copy, &policy(), &Cluster::default());
    assert_eq!(again["spec"]["storage"]["resources"], size("19320Mi"));
}

/// What CDI makes of a size (1.65, pkg/util/util.go): the target's claim and the claim for scratch space.
fn claims_of_cdi(asked: u64, overhead: f64) -> (f64, f64) {
    const MIB: f64 = 1_048_576.0;
    let required = |size: f64| ((size / MIB).ceil() * MIB * (1.0 + overhead)).ceil();
    let asked: f64 = asked.to_string().parse().unwrap();
    let target = required(asked);
    let usable = ((target / (1.0 + overhead)).ceil() / MIB).floor() * MIB;
    (target, (required(usable) / MIB).ceil() * MIB)
}

#[rstest]
#[case::volumes_of_the_seeds("15Gi", 60_000, Some("14490Mi"))]
#[case::older_overhead("15Gi", 55_000, Some("14559Mi"))]
#[case::no_overhead("15Gi", 0, Some("15Gi"))]
#[case::no_whole_mebibytes("15G", 0, Some("14305Mi"))]
#[case::a_byte_to_spare("53Mi", 60_000, Some("49Mi"))]
#[case::two_mebibytes("2Mi", 60_000, Some("1Mi"))]
#[case::one_mebibyte("1Mi", 60_000, None)]
#[case::less("1", 0, None)]
#[case::nothing("0", 60_000, None)]
fn sizes(#[case] size: &str, #[case] overhead: u32, #[case] expected: Option<&str>) {
    let expected = expected.map(|expected| parse_bytes(expected).unwrap());
    assert_eq!(fitted(parse_bytes(size).unwrap(), overhead), expected);
}

proptest! {
    /// CDI takes overheads with up to three decimals.
    #[test]
    fn both_claims_of_a_fitted_size_fit(size in 2_u64 << 20..1 << 46, thousandths in 0..1000_u32) {
        let Some(asked) = fitted(size, thousandths * 1000) else {
            return Ok(());
        };
        let (target, scratch) = claims_of_cdi(asked, f64::from(thousandths) / 1000.0);
        let size: f64 = size.to_string().parse().unwrap();
        prop_assert!(target <= size && scratch <= size, "{target} {scratch} {size}");
        // And hardly anything is given away.
        let (larger, _) = claims_of_cdi(asked + (2 << 20), f64::from(thousandths) / 1000.0);
        prop_assert!(larger > size, "{larger} {size}");
    }
}

#[rstest]
#[case::upload(json!({"cdi.kubevirt.io/storage.upload.target": ""}), "local", json!({"cdi.kubevirt.io/storage.upload.target": "", BIND: "true"}))]
#[case::bound_at_once_anyway(json!({"cdi.kubevirt.io/storage.upload.target": ""}), "slow", json!({"cdi.kubevirt.io/storage.upload.target": ""}))]
#[case::foreign_class(json!({"cdi.kubevirt.io/storage.upload.target": ""}), "ceph", json!({"cdi.kubevirt.io/storage.upload.target": ""}))]
#[case::scratch(json!({}), "local", json!({}))]
#[case::no_annotations(json!(null), "local", json!(null))]
fn claims(#[case] before: Value, #[case] class: &str, #[case] after: Value) {
    let spec = json!({"storageClassName": class, "resources": size("15Gi")});
    let claim = json!({"metadata": {"name": "disk", "annotations": before}, "spec": spec});
    let (spec_after, annotations, _) = of(Kind::Claim, &claim, &policy());
    assert_eq!((spec_after, annotations), (spec, after));
}

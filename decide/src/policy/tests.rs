use proptest::prelude::*;
use rstest::rstest;

use super::*;

mod fields;
mod patterns;

const HEAD: &str = "apiVersion: vmberth.io/v1alpha1\nkind: Policy\n";

fn read(rest: &str) -> Result<Policy, PolicyError> {
    Policy::from_yaml(&format!("{HEAD}{rest}"))
}

#[test]
fn everything_left_out_is_the_default() {
    assert_eq!(read("").unwrap(), Policy::default());
    assert_eq!(
        read("tolerations:\nexemptNamespaces: null\n").unwrap(),
        Policy::default()
    );
}

#[test]
fn json_is_yaml() {
    let text = r#"{"apiVersion": "vmberth.io/v1alpha1", "kind": "Policy", "tolerations": []}"#;
    assert!(Policy::from_yaml(text).unwrap().tolerations.is_empty());
}

#[test]
fn every_field_is_read() {
    let policy = read(
        "tolerations:\n\
         - {key: cmk, operator: Exists}\n\
         - {key: example.com/edge, value: \"true\", effect: NoSchedule}\n\
         - {key: lost, operator: Exists, effect: NoExecute, tolerationSeconds: 60}\n\
         exemptNamespaces: [vmberth]\n\
         hugepages: 2Mi\n\
         vfPools: [{resource: intel.com/vf, network: sriov/fast}]\n\
         podInterface: masquerade\n\
         storageClasses: [{name: local-vd, bindingMode: Immediate}]\n\
         profiles: [{name: plain}]\n\
         daemonSets: [sriov/kube-sriov-device-plugin]\n\
         schedulerName: vmberth-scheduler\n\
         plainPasswords: deny\n\
         infeasible: deny\n",
    )
    .unwrap();
    let text: Vec<String> = policy.tolerations.iter().map(ToString::to_string).collect();
    let known = [
        "cmk",
        "example.com/edge=true:NoSchedule",
        "lost:NoExecute for 60s",
    ];
    assert_eq!(text, known);
    assert!(policy.exempts("vmberth") && policy.exempts("kube-system") && !policy.exempts("x"));
    assert_eq!(policy.hugepages, Some(PageSize::Mi2));
    let pool = VfPool {
        resource: "intel.com/vf".to_owned(),
        network: "sriov/fast".to_owned(),
    };
    assert_eq!(policy.vf_pools, [pool]);
    assert_eq!(policy.pod_interface, PodInterface::Masquerade);
    assert!(policy.managed("local-vd").is_some() && policy.default_class().is_none());
    assert_eq!(policy.profiles[0].name, "plain");
    let plugin = ("sriov".to_owned(), "kube-sriov-device-plugin".to_owned());
    assert!(policy.daemon_sets.contains(&plugin));
    assert_eq!(policy.scheduler_name.as_deref(), Some("vmberth-scheduler"));
    assert_eq!(policy.plain_passwords, PlainPasswords::Deny);
    assert_eq!(policy.infeasible, OnInfeasible::Deny);
}

#[rstest]
#[case::keyless(
    "tolerations: [{operator: Exists}]",
    "tolerations[0].key: found nothing, expected the key of a taint"
)]
#[case::empty_key(
    "tolerations: [{key: '', operator: Exists}]",
    "tolerations[0].key: found nothing"
)]
#[case::bad_key(
    "tolerations: [{key: 'a b', operator: Exists}]",
    "tolerations[0].key: found \"a b\""
)]
#[case::second(
    "tolerations: [{key: a, operator: Exists}, {key: b, operator: Gt}]",
    "tolerations[1].operator: unknown variant `Gt`, expected `Exists` or `Equal`"
)]
#[case::exists_with_value(
    "tolerations: [{key: a, operator: Exists, value: x}]",
    "tolerations[0].value: found \"x\", expected no value"
)]
#[case::equal_without_value("tolerations: [{key: a}]", "tolerations[0].value: found nothing")]
#[case::effect(
    "tolerations: [{key: a, operator: Exists, effect: NoShedule}]",
    "tolerations[0].effect: unknown variant `NoShedule`, expected one of `NoSchedule`, `PreferNoSchedule`"
)]
#[case::seconds(
    "tolerations: [{key: a, operator: Exists, tolerationSeconds: 5}]",
    "tolerations[0].tolerationSeconds: found \"5\""
)]
#[case::unknown_field(
    "tolerations: [{key: a, operater: Exists}]",
    "tolerations[0].operater: unknown field `operater`, expected one of `key`, `operator`"
)]
#[case::unknown_top_field(
    "toleration: []",
    "toleration: unknown field `toleration`, expected one of"
)]
#[case::bool_value(
    "tolerations: [{key: a, value: true}]",
    "tolerations[0].value: invalid type: boolean `true`, expected a string"
)]
#[case::not_a_list(
    "tolerations: {key: a}",
    "tolerations: invalid type: map, expected a sequence"
)]
#[case::namespace(
    "exemptNamespaces: [ok, Not_Ok]",
    "exemptNamespaces[1]: found \"Not_Ok\""
)]
fn bad_value_is_named_with_its_path(#[case] rest: &str, #[case] message: &str) {
    let error = read(rest).unwrap_err().to_string();
    assert!(error.starts_with(message), "{error}");
}

#[rstest]
#[case::empty("", "policy: invalid type: null")]
#[case::list("[]", "policy: ")]
#[case::no_kind("apiVersion: vmberth.io/v1alpha1", "policy: missing field `kind`")]
#[case::other_version(
    "apiVersion: vmberth.io/v2\nkind: Policy",
    "apiVersion: found \"vmberth.io/v2\", expected vmberth.io/v1alpha1"
)]
#[case::other_kind(
    "apiVersion: vmberth.io/v1alpha1\nkind: Polizei",
    "kind: found \"Polizei\""
)]
#[case::no_yaml("a: [", "not readable as YAML: ")]
fn bad_file_is_refused(#[case] text: &str, #[case] message: &str) {
    let error = Policy::from_yaml(text).unwrap_err().to_string();
    assert!(error.starts_with(message), "{error}");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = Policy::from_yaml(&text);
        let _ = read(&text);
    }

    #[test]
    fn what_is_accepted_has_a_key(key in "[-a-z/. ]{0,6}", operator in "Exists|Equal|", value in "[a-z]{0,2}") {
        let text = format!("tolerations: [{{key: '{key}', operator: '{operator}', value: '{value}'}}]");
        if let Ok(policy) = read(&text) {
            prop_assert!(policy.tolerations.iter().all(|toleration| !toleration.key.is_empty()));
        }
    }

    #[test]
    fn good_keys_are_read_back(key in "([a-z]{1,5}\\.[a-z]{1,5}/)?[a-zA-Z0-9]([-a-z_.]{0,10}[a-z0-9])?") {
        let policy = read(&format!("tolerations: [{{key: '{key}', operator: Exists}}]")).unwrap();
        prop_assert_eq!(&policy.tolerations[0].key, &key);
    }
}

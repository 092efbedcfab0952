//! What stands beside tolerations: classes, functions, profiles, DaemonSets, words.

use super::*;
use crate::profile::LabelOperator;
use crate::wish::{Pages, VfWish};

#[test]
fn words_that_mean_nothing_are_the_default() {
    let policy = read(
        "hugepages: none\nvfPools: []\npodInterface: bridge\nstorageClasses: []\nprofiles: []\n\
         daemonSets: []\nschedulerName: ''\nplainPasswords: warn\ninfeasible: warn\n",
    );
    assert_eq!(policy.unwrap(), Policy::default());
}

#[test]
fn a_class_says_only_how_it_binds() {
    let policy = read(
        "storageClasses:\n\
         - {name: a, bindingMode: WaitForFirstConsumer}\n\
         - {name: b, bindingMode: Immediate, default: true, filesystemOverhead: 0.1, \
            fitOverhead: true, requireScratch: false, scratchReclaim: retain}\n",
    )
    .unwrap();
    let plain = ManagedClass {
        name: "a".to_owned(),
        default: false,
        binding_mode: BindingMode::WaitForFirstConsumer,
        overhead_millionths: 60_000,
        fit_overhead: false,
        require_scratch: true,
        scratch_reclaim: ScratchReclaim::Wipe,
    };
    let full = ManagedClass {
        name: "b".to_owned(),
        default: true,
        binding_mode: BindingMode::Immediate,
        overhead_millionths: 100_000,
        fit_overhead: true,
        require_scratch: false,
        scratch_reclaim: ScratchReclaim::Retain,
    };
    assert_eq!(policy.default_class(), Some(&full));
    assert_eq!(policy.storage_classes, [plain, full]);
}

#[rstest]
#[case::none("0", 0)]
#[case::text("'0.06'", 60_000)]
#[case::most("0.999999", 999_999)]
#[case::least("0.000001", 1)]
#[case::least_as_a_power_of_ten("1e-6", 1)]
#[case::trailing_zeros("'0.500000'", 500_000)]
fn overheads(#[case] text: &str, #[case] millionths: u32) {
    let class = format!("{{name: a, bindingMode: Immediate, filesystemOverhead: {text}}}");
    let policy = read(&format!("storageClasses: [{class}]")).unwrap();
    assert_eq!(policy.storage_classes[0].overhead_millionths, millionths);
}

#[test]
fn profiles_say_what_annotations_say() {
    let policy = read(
        "profiles:\n\
         - name: fast\n  hugepages: none\n  vfs: 'sriov/fast=2,slow=1'\n  sshKeys: my-secret\n\
         \x20 selector:\n    matchLabels: {example.org/kind: ran}\n    matchExpressions:\n\
         \x20   - {key: a, operator: In, values: [x, '']}\n\
         \x20   - {key: b, operator: NotIn, values: [z]}\n\
         \x20   - {key: c, operator: Exists, values: []}\n\
         \x20   - {key: d, operator: DoesNotExist}\n\
         - {name: everybody, selector: {}}\n\
         - {name: nobody, vfs: 0}\n",
    )
    .unwrap();
    let [fast, everybody, nobody] = &policy.profiles[..] else {
        panic!("{policy:?}")
    };
    assert_eq!(fast.hugepages, Some(Pages::None));
    assert_eq!(
        fast.vfs,
        Some(VfWish::parse_list("sriov/fast=2,slow=1").unwrap())
    );
    assert_eq!(fast.ssh_keys.as_deref(), Some("my-secret"));
    let selector = fast.selector.as_ref().unwrap();
    assert_eq!(selector.match_labels["example.org/kind"], "ran");
    let operators = selector.match_expressions.iter().map(|one| &one.operator);
    let owned = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
    let expected = [
        &LabelOperator::In(owned(&["x", ""])),
        &LabelOperator::NotIn(owned(&["z"])),
        &LabelOperator::Exists,
        &LabelOperator::DoesNotExist,
    ];
    assert!(operators.eq(expected));
    assert!(everybody.selector.is_some() && everybody.vfs.is_none());
    assert!(nobody.selector.is_none() && nobody.vfs == Some(VfWish::parse_list("0").unwrap()));
}

#[rstest]
#[case::hugepages(
    "hugepages: 4Mi",
    "hugepages: found \"4Mi\", expected 2Mi, 1Gi or none"
)]
#[case::interface(
    "podInterface: slirp",
    "podInterface: unknown variant `slirp`, expected `bridge` or `masquerade`"
)]
#[case::passwords(
    "plainPasswords: Deny",
    "plainPasswords: unknown variant `Deny`, expected one of `ignore`, `warn`, `deny`"
)]
#[case::scheduler("schedulerName: My_Scheduler", "schedulerName: found \"My_Scheduler\"")]
#[case::everybodys_scheduler(
    "schedulerName: default-scheduler",
    "schedulerName: found \"default-scheduler\", expected the name of another scheduler"
)]
#[case::no_resource("vfPools: [{network: net}]", "vfPools[0]: missing field `resource`")]
#[case::native_resource(
    "vfPools: [{resource: cpu, network: net}]",
    "vfPools[0].resource: found \"cpu\", expected a device plugin's resource"
)]
#[case::network(
    "vfPools: [{resource: a.io/b, network: a/b/c}]",
    "vfPools[0].network: found \"a/b/c\", expected a NetworkAttachmentDefinition"
)]
#[case::pool_twice(
    "vfPools: [{resource: a.io/b, network: net}, {resource: a.io/b, network: other}]",
    "vfPools[1].resource: found \"a.io/b\", expected a resource that no other pool has"
)]
#[case::daemon_set_without_namespace(
    "daemonSets: [plugin]",
    "daemonSets[0]: found \"plugin\", expected namespace/name of a DaemonSet"
)]
#[case::daemon_set_with_a_path("daemonSets: [a/b/c]", "daemonSets[0]: found \"a/b/c\"")]
#[case::daemon_set_of_the_system(
    "daemonSets: [kube-system/plugin]",
    "daemonSets[0]: found \"kube-system/plugin\", expected a DaemonSet outside of kube-system"
)]
#[case::daemon_set_exempt(
    "exemptNamespaces: [a]\ndaemonSets: [b/c, a/b]",
    "daemonSets[1]: found \"a/b\""
)]
fn bad_value_is_named_with_its_path(#[case] rest: &str, #[case] message: &str) {
    refuses(rest, message);
}

#[rstest]
#[case::no_mode("{name: a}", "storageClasses[0]: missing field `bindingMode`")]
#[case::mode(
    "{name: a, bindingMode: immediate}",
    "storageClasses[0].bindingMode: unknown variant `immediate`, expected `WaitForFirstConsumer` or `Immediate`"
)]
#[case::name(
    "{name: A, bindingMode: Immediate}",
    "storageClasses[0].name: found \"A\", expected the name of a StorageClass"
)]
#[case::overhead_of_all(
    "{name: a, bindingMode: Immediate, filesystemOverhead: 1}",
    "storageClasses[0].filesystemOverhead: found \"1\", expected a number from 0 to below 1"
)]
#[case::overhead_in_percent(
    "{name: a, bindingMode: Immediate, filesystemOverhead: 6%}",
    "storageClasses[0].filesystemOverhead: found \"6%\""
)]
#[case::overhead_below_nothing(
    "{name: a, bindingMode: Immediate, filesystemOverhead: -0.1}",
    "storageClasses[0].filesystemOverhead: found \"-0.1\""
)]
#[case::overhead_too_fine(
    "{name: a, bindingMode: Immediate, filesystemOverhead: 0.0000001}",
    "storageClasses[0].filesystemOverhead: found \"0.0000001\""
)]
#[case::overhead_of_two_words(
    "{name: a, bindingMode: Immediate, filesystemOverhead: [0.1]}",
    "storageClasses[0].filesystemOverhead: invalid type: sequence, expected a number or a string"
)]
#[case::overhead_without_decimals(
    "{name: a, bindingMode: Immediate, filesystemOverhead: '0.'}",
    "storageClasses[0].filesystemOverhead: found \"0.\""
)]
#[case::twice(
    "{name: a, bindingMode: Immediate}, {name: a, bindingMode: Immediate}",
    "storageClasses[1].name: found \"a\", expected a name that no other class has"
)]
#[case::two_defaults(
    "{name: a, bindingMode: Immediate, default: true}, {name: b, bindingMode: Immediate, default: true}",
    "storageClasses[1].default: found \"true\", expected one default class at most"
)]
fn bad_class_is_refused(#[case] classes: &str, #[case] message: &str) {
    refuses(&format!("storageClasses: [{classes}]"), message);
}

#[rstest]
#[case::no_name("{vfs: 0}", "profiles[0]: missing field `name`")]
#[case::name("{name: a.b}", "profiles[0].name: found \"a.b\"")]
#[case::twice(
    "{name: a}, {name: a}",
    "profiles[1].name: found \"a\", expected a name that no other profile has"
)]
#[case::pages("{name: a, hugepages: 1G}", "profiles[0].hugepages: found \"1G\"")]
#[case::vfs(
    "{name: a, vfs: two}",
    "profiles[0].vfs: found \"two\", expected a number from 0"
)]
#[case::too_many_vfs("{name: a, vfs: 33}", "profiles[0].vfs: found \"33\"")]
#[case::vfs_of_no_pool(
    "{name: a, vfs: 2}",
    "profiles[0].vfs: found \"2\", expected networks, like namespace/name=2, since vfPools is empty"
)]
#[case::keys(
    "{name: a, sshKeys: My_Keys}",
    "profiles[0].sshKeys: found \"something else (7 bytes, not shown)\", expected the name of a Secret"
)]
#[case::label(
    "{name: a, selector: {matchLabels: {'a b': c}}}",
    "profiles[0].selector.matchLabels: found \"a b\""
)]
#[case::label_value(
    "{name: a, selector: {matchLabels: {a: 'b c'}}}",
    "profiles[0].selector.matchLabels[a]: found \"b c\", expected a label's value"
)]
#[case::label_is_no_text(
    "{name: a, selector: {matchLabels: {a: true}}}",
    "profiles[0].selector.matchLabels.a: invalid type: boolean `true`, expected a string"
)]
fn bad_profile_is_refused(#[case] profiles: &str, #[case] message: &str) {
    refuses(&format!("profiles: [{profiles}]"), message);
}

#[rstest]
#[case::operator(
    "{key: a, operator: Gt}",
    ".operator: unknown variant `Gt`, expected one of `In`, `NotIn`, `Exists`, `DoesNotExist`"
)]
#[case::key(
    "{key: '', operator: Exists}",
    ".key: found \"\", expected the name of a label"
)]
#[case::none_of_nothing(
    "{key: a, operator: In}",
    ".values: found nothing, expected one value or more with operator In or NotIn"
)]
#[case::none_of_an_empty_list("{key: a, operator: NotIn, values: []}", ".values: found nothing")]
#[case::needless(
    "{key: a, operator: Exists, values: [x]}",
    ".values: found \"x\", expected no values with operator Exists or DoesNotExist"
)]
#[case::value("{key: a, operator: In, values: [b, '-']}", ".values[1]: found \"-\"")]
fn bad_requirement_is_refused(#[case] requirement: &str, #[case] message: &str) {
    let rest = format!("profiles: [{{name: a, selector: {{matchExpressions: [{requirement}]}}}}]");
    refuses(
        &rest,
        &format!("profiles[0].selector.matchExpressions[0]{message}"),
    );
}

fn refuses(rest: &str, message: &str) {
    let error = read(rest).unwrap_err().to_string();
    assert!(error.starts_with(message), "{error}");
}

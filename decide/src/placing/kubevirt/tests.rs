use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::placing::{Placing, kept};

fn read(spec: &Value) -> Placing {
    let text = spec.to_string();
    Placing::of(&serde_json::from_str(&text).unwrap())
}

fn node(labels: &[(&str, &str)]) -> Node {
    let schedulable = (names::SCHEDULABLE_LABEL, "true");
    let (labels, offered) = kept(labels.iter().copied().chain([schedulable]));
    Node {
        labels: labels.into(),
        offered,
        ..Node::default()
    }
}

fn refusal(placing: &Placing, labels: &[(&str, &str)]) -> Option<String> {
    let allowed = placing.allows("edge-1", &node(labels));
    allowed.err().map(|bar| bar.to_string())
}

fn domain(domain: &Value) -> Value {
    json!({ "domain": domain })
}

fn cpu(cpu: &Value) -> Value {
    domain(&json!({ "cpu": cpu }))
}

fn hyperv(hyperv: &Value) -> Value {
    let cpu = json!({"model": "host-passthrough"});
    domain(&json!({"cpu": cpu, "features": {"hyperv": hyperv}}))
}

fn encrypted(security: &Value) -> Value {
    domain(&json!({ "launchSecurity": security }))
}

/// Each kind with the label that cures it. KubeVirt 1.8.4, pkg/virt-controller/services/nodeselectorrenderer.go (`Render`) and
/// template.go (`newNodeSelectorRenderer`); labels in staging/src/kubevirt.io/api/core/v1/types.go.
#[rstest]
#[case::architecture(json!({"architecture": "ARM64"}), "kubernetes.io/arch", "arm64", "the VM's architecture is arm64 (no label kubernetes.io/arch=arm64)")]
#[case::dedicated(cpu(&json!({"dedicatedCpuPlacement": true})), "kubevirt.io/cpumanager", "true", "the VM's dedicated CPUs are not offered there (no label kubevirt.io/cpumanager=true)")]
#[case::realtime(cpu(&json!({"realtime": {}})), "kubevirt.io/realtime", "true", "the VM's real time is not offered there (no label kubevirt.io/realtime=true)")]
#[case::model(cpu(&json!({"model": "Haswell"})), "cpu-model.node.kubevirt.io/Haswell", "true", "the VM's CPU model Haswell is not offered there (no label cpu-model.node.kubevirt.io/Haswell=true)")]
#[case::feature(cpu(&json!({"features": [{"name": "pcid"}]})), "cpu-feature.node.kubevirt.io/pcid", "true", "the VM's CPU feature pcid is not offered there (no label cpu-feature.node.kubevirt.io/pcid=true)")]
#[case::required_feature(cpu(&json!({"features": [{"name": "pcid", "policy": "require"}]})), "cpu-feature.node.kubevirt.io/pcid", "true", "the VM's CPU feature pcid is not offered there (no label cpu-feature.node.kubevirt.io/pcid=true)")]
#[case::sev(encrypted(&json!({"sev": {}})), "kubevirt.io/sev", "true", "the VM's memory encryption SEV is not offered there (no label kubevirt.io/sev=true)")]
#[case::tdx(encrypted(&json!({"tdx": {}})), "kubevirt.io/tdx", "true", "the VM's memory encryption TDX is not offered there (no label kubevirt.io/tdx=true)")]
#[case::evmcs_needs_nested(hyperv(&json!({"evmcs": {}})), "cpu-feature.node.kubevirt.io/vmx", "true", "the VM's CPU feature vmx is not offered there (no label cpu-feature.node.kubevirt.io/vmx=true)")]
fn what_the_launcher_will_ask_for(
    #[case] spec: Value,
    #[case] label: &str,
    #[case] value: &str,
    #[case] words: &str,
) {
    let placing = read(&spec);
    assert_eq!(refusal(&placing, &[]).as_deref(), Some(words));
    assert!(refusal(&placing, &[(label, "false")]).is_some());
    assert_eq!(refusal(&placing, &[(label, value)]), None);
}

/// pkg/util/amd64.go and s390x.go.
#[rstest]
#[case::es(json!({"sev": {"policy": {"encryptedState": true}}}), None, &["kubevirt.io/sev", "kubevirt.io/sev-es"])]
#[case::no_es(json!({"sev": {"policy": {"encryptedState": false}}}), None, &["kubevirt.io/sev"])]
#[case::snp(json!({"snp": {}}), None, &["kubevirt.io/sev", "kubevirt.io/sev-snp"])]
#[case::ibm(json!({}), Some("s390x"), &["kubevirt.io/s390-pv"])]
fn several_labels_of_encryption(
    #[case] security: Value,
    #[case] architecture: Option<&str>,
    #[case] labels: &[&str],
) {
    let mut spec = encrypted(&security);
    spec["architecture"] = json!(architecture);
    let placing = read(&spec);
    let arch = architecture.map(|it| (names::ARCHITECTURE_LABEL, it));
    let all: Vec<(&str, &str)> = labels.iter().map(|it| (*it, "true")).chain(arch).collect();
    assert_eq!(refusal(&placing, &all), None);
    for missing in labels {
        let fewer = all.iter().filter(|(label, _)| label != missing).copied();
        let fewer: Vec<(&str, &str)> = fewer.collect();
        assert!(refusal(&placing, &fewer).is_some(), "{missing}");
    }
}

/// template.go, `setNodeAffinityForPod`: labels that the node must not have.
#[rstest]
#[case::no_model(json!({}), "node-labeller.kubevirt.io/obsolete-host-model", Some("the VM takes the CPU model of its node, which is obsolete there (label node-labeller.kubevirt.io/obsolete-host-model)"))]
#[case::host_model(cpu(&json!({"model": "host-model"})), "node-labeller.kubevirt.io/obsolete-host-model", Some("the VM takes the CPU model of its node, which is obsolete there (label node-labeller.kubevirt.io/obsolete-host-model)"))]
#[case::host_passthrough(cpu(&json!({"model": "host-passthrough"})), "node-labeller.kubevirt.io/obsolete-host-model", None)]
#[case::forbidden(cpu(&json!({"features": [{"name": "svm", "policy": "forbid"}]})), "cpu-feature.node.kubevirt.io/svm", Some("the VM forbids the CPU feature svm (label cpu-feature.node.kubevirt.io/svm)"))]
#[case::optional(cpu(&json!({"features": [{"name": "svm", "policy": "optional"}]})), "cpu-feature.node.kubevirt.io/svm", None)]
#[case::disabled(cpu(&json!({"features": [{"name": "svm", "policy": "disable"}]})), "cpu-feature.node.kubevirt.io/svm", None)]
fn what_the_node_must_not_have(
    #[case] spec: Value,
    #[case] label: &str,
    #[case] words: Option<&str>,
) {
    // What a node shows in a domain is said only where there is one.
    let spec = if spec.get("domain").is_some() {
        spec
    } else {
        domain(&spec)
    };
    let placing = read(&spec);
    assert_eq!(refusal(&placing, &[]), None);
    assert_eq!(refusal(&placing, &[(label, "true")]).as_deref(), words);
}

/// Asked for only by a newer KubeVirt, or behind the feature gate HypervStrictCheck: a node of which nobody says that it can is no
/// node that can't.
#[rstest]
#[case::machine(domain(&json!({"machine": {"type": "q35"}})), "machine-type.node.kubevirt.io/q35", "machine-type.node.kubevirt.io/pc", "the VM's machine type q35 is not offered there (no label machine-type.node.kubevirt.io/q35=true)")]
#[case::vpindex(hyperv(&json!({"vpindex": {"enabled": true}})), "hyperv.node.kubevirt.io/vpindex", "hyperv.node.kubevirt.io/base", "the VM's Hyper-V feature vpindex is not offered there (no label hyperv.node.kubevirt.io/vpindex=true)")]
#[case::synictimer(hyperv(&json!({"synictimer": {"enabled": true, "direct": {"enabled": true}}})), "hyperv.node.kubevirt.io/synictimer", "hyperv.node.kubevirt.io/base", "the VM's Hyper-V feature synictimer is not offered there (no label hyperv.node.kubevirt.io/synictimer=true)")]
fn what_counts_only_where_the_kind_is_told(
    #[case] spec: Value,
    #[case] label: &str,
    #[case] other: &str,
    #[case] words: &str,
) {
    let placing = read(&spec);
    assert_eq!(refusal(&placing, &[]), None);
    assert_eq!(
        refusal(&placing, &[(other, "true")]).as_deref(),
        Some(words)
    );
    assert_eq!(refusal(&placing, &[(other, "true"), (label, "true")]), None);
}

#[rstest]
#[case::absent_is_off(json!({"ipi": {}}))]
#[case::off(json!({"ipi": {"enabled": false}, "evmcs": {"enabled": false}}))]
#[case::no_part_of_the_kernels(json!({"relaxed": {"enabled": true}, "vapic": {"enabled": true}}))]
fn what_hyperv_does_not_ask_for(#[case] features: Value) {
    let told = [("hyperv.node.kubevirt.io/base", "true")];
    assert_eq!(refusal(&read(&hyperv(&features)), &told), None);
}

#[test]
fn evmcs_is_intels() {
    let placing = read(&hyperv(&json!({"evmcs": {"enabled": true}})));
    let vmx = ("cpu-feature.node.kubevirt.io/vmx", "true");
    let amd = ("cpu-vendor.node.kubevirt.io/AMD", "true");
    let words = "the VM's CPU vendor Intel is not offered there (no label cpu-vendor.node.kubevirt.io/Intel=true)";
    assert_eq!(refusal(&placing, &[vmx, amd]).as_deref(), Some(words));
    let intel = ("cpu-vendor.node.kubevirt.io/Intel", "true");
    assert_eq!(refusal(&placing, &[vmx, intel]), None);
}

/// pkg/virt-controller/watch/topology/tsc.go, `ToTSCSchedulableLabel`.
#[test]
fn clock_that_was_chosen() {
    let mut placing = read(&json!({}));
    placing.clock(2_400_000_000);
    let words = "the VM's TSC frequency 2400000000 is not offered there (no label scheduling.node.kubevirt.io/tsc-frequency-2400000000=true)";
    assert_eq!(refusal(&placing, &[]).as_deref(), Some(words));
    let label = "scheduling.node.kubevirt.io/tsc-frequency-2400000000";
    assert_eq!(refusal(&placing, &[(label, "true")]), None);
}

/// What people write themselves of such labels, into the VM.
#[test]
fn selectors_of_the_users_on_labels_of_kubevirts() {
    let labels = [
        ("cpu-model.node.kubevirt.io/EPYC", "true"),
        ("cpu-timer.node.kubevirt.io/tsc-frequency", "2400000000"),
        ("kubernetes.io/arch", "amd64"),
    ];
    let allows = |selector: Value| refusal(&read(&json!({ "nodeSelector": selector })), &labels);
    assert_eq!(
        allows(json!({"cpu-model.node.kubevirt.io/EPYC": "true"})),
        None
    );
    assert_eq!(
        allows(json!({"cpu-timer.node.kubevirt.io/tsc-frequency": "2400000000"})),
        None
    );
    let words = "the VM's nodeSelector asks for cpu-model.node.kubevirt.io/Haswell=true";
    let found = allows(json!({"cpu-model.node.kubevirt.io/Haswell": "true"}));
    assert_eq!(found.as_deref(), Some(words));
    let wrong_value = json!({"cpu-model.node.kubevirt.io/EPYC": "false"});
    assert!(allows(wrong_value).is_some());
    // The user's word on the architecture is taken instead of the VM's.
    let both = json!({"architecture": "arm64", "nodeSelector": {"kubernetes.io/arch": "amd64"}});
    assert_eq!(refusal(&read(&both), &labels), None);
}

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn edge_1() -> Node {
    let model = ("cpu-model.node.kubevirt.io/EPYC", "true");
    let schedulable = (names::SCHEDULABLE_LABEL, "true");
    let taint = |key: &str, value: &str, effect: &str| Taint {
        key: key.into(),
        value: value.into(),
        effect: effect.into(),
    };
    let (labels, offered) = kept([("rack", "a"), ("disk", "nvme"), schedulable, model].into_iter());
    Node {
        hostname: "edge-1".into(),
        labels: Arc::new(labels),
        offered,
        taints: vec![
            taint("cmk", "true", "NoSchedule"),
            taint("soft", "", "PreferNoSchedule"),
            taint("node.kubernetes.io/unreachable", "", "NoExecute"),
        ],
        room: Room::of(Some("3900m"), Some("7936Mi")),
    }
}

fn bar(spec: &Value) -> Option<String> {
    let text = spec.to_string();
    let spec: view::placed::InstanceSpec<'_> = serde_json::from_str(&text).unwrap();
    let allowed = Placing::of(&spec).allows("edge-1", &edge_1());
    allowed.err().map(|bar| bar.to_string())
}

fn affinity(terms: &Value) -> Value {
    let required =
        json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}});
    json!({"affinity": {"nodeAffinity": required}, "tolerations": [{"operator": "Exists"}]})
}

#[rstest]
#[case::none(json!([]), false)]
#[case::key(json!([{"key": "cmk", "operator": "Exists"}]), true)]
#[case::value(json!([{"key": "cmk", "value": "true", "effect": "NoSchedule"}]), true)]
#[case::other_value(json!([{"key": "cmk", "operator": "Equal", "value": "false"}]), false)]
#[case::other_effect(json!([{"key": "cmk", "operator": "Exists", "effect": "NoExecute"}]), false)]
#[case::all(json!([{"operator": "Exists"}]), true)]
#[case::no_key_and_no_operator(json!([{"value": "true"}]), false)]
fn taints(#[case] tolerations: Value, #[case] allowed: bool) {
    let expected = "the VM does not tolerate the taint cmk=true:NoSchedule".to_owned();
    let found = bar(&json!({"tolerations": tolerations}));
    assert_eq!(found, (!allowed).then_some(expected));
}

#[test]
fn what_every_launcher_gets_counts() {
    let placing = Placing::default();
    assert!(placing.allows("edge-1", &edge_1()).is_err());
    let placing = placing.tolerating(&[Toleration::cmk()]);
    assert_eq!(placing.allows("edge-1", &edge_1()), Ok(()));
    let bar = placing.allows("edge-1", &Node::default()).unwrap_err();
    let words = "KubeVirt does not run there (no label kubevirt.io/schedulable)";
    assert_eq!(bar.to_string(), words);
}

#[test]
fn selector_is_named_by_the_label_that_is_missing() {
    let spec = json!({"nodeSelector": {"disk": "nvme", "rack": "b"}, "tolerations": [{"operator": "Exists"}]});
    let words = "the VM's nodeSelector asks for rack=b";
    assert_eq!(bar(&spec).as_deref(), Some(words));
}

/// Whatever runs there now: it is the whole node that is too small.
#[rstest]
#[case::fits(json!({"memory": {"guest": "4Gi"}}), None)]
#[case::memory(json!({"memory": {"guest": "8Gi"}}), Some("will need 8Gi of memory: pods can have 7936Mi at most"))]
#[case::requested(json!({"resources": {"requests": {"cpu": "4"}}}), Some("will need 4 of CPUs: pods can have 3900m at most"))]
fn node_that_is_too_small(#[case] domain: Value, #[case] words: Option<&str>) {
    let spec = json!({"domain": domain, "tolerations": [{"operator": "Exists"}]});
    assert_eq!(bar(&spec).as_deref(), words);
}

#[rstest]
#[case::one_term_is_enough(json!([{"matchExpressions": [{"key": "rack", "operator": "In", "values": ["b"]}]}, {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]), true)]
#[case::all_of_a_term(json!([{"matchExpressions": [{"key": "disk", "operator": "Exists"}, {"key": "rack", "operator": "NotIn", "values": ["a"]}]}]), false)]
#[case::name(json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["edge-1"]}]}]), true)]
#[case::other_name(json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["edge-2"]}]}]), false)]
#[case::absent(json!([{"matchExpressions": [{"key": "gpu", "operator": "DoesNotExist"}]}]), true)]
#[case::numbers_are_left_to_the_scheduler(json!([{"matchExpressions": [{"key": "rack", "operator": "Gt", "values": ["9"]}]}]), true)]
#[case::model_of_the_node(json!([{"matchExpressions": [{"key": "cpu-model.node.kubevirt.io/EPYC", "operator": "Exists"}]}]), true)]
#[case::model_of_other_nodes(json!([{"matchExpressions": [{"key": "cpu-model.node.kubevirt.io/Haswell", "operator": "Exists"}]}]), false)]
#[case::no_terms(json!([]), false)]
fn affinities(#[case] terms: Value, #[case] allowed: bool) {
    let expected = "the VM's node affinity leaves it out".to_owned();
    assert_eq!(bar(&affinity(&terms)), (!allowed).then_some(expected));
}

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

const POD: &str = r#"{"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {}}"#;

/// Names that are asked about, or why it is no question.
fn names(body: &str) -> Result<Vec<String>, String> {
    let question = read(body.as_bytes()).map_err(|it| it.to_string())?;
    Ok(question.names().map(ToOwned::to_owned).collect())
}

#[rstest]
#[case::as_go_writes(r#"{"Pod": POD, "Nodes": null, "NodeNames": ["a", "b"]}"#, &["a", "b"])]
#[case::lower_case(r#"{"pod": POD, "nodes": null, "nodenames": ["a"]}"#, &["a"])]
#[case::nulls(r#"{"Pod": POD, "Nodes": null, "NodeNames": null}"#, &[])]
#[case::no_nodes_at_all(r#"{"Pod": POD}"#, &[])]
#[case::zero_nodes(r#"{"Pod": POD, "NodeNames": []}"#, &[])]
#[case::zero_whole_nodes(r#"{"Pod": POD, "Nodes": {"metadata": {}, "items": null}}"#, &[])]
#[case::unknown_fields(r#"{"Future": [{}], "Pod": POD, "NodeNames": ["a"]}"#, &["a"])]
#[case::escapes(r#"{"Pod": POD, "NodeNames": ["\u0061"]}"#, &["a"])]
#[case::names_before_the_pod(r#"{"NodeNames": ["a"], "Pod": POD}"#, &["a"])]
#[case::whole_nodes(
    r#"{"Pod": POD, "Nodes": {"items": [{"metadata": {"name": "a"}}, {"kind": "Node", "metadata": {"name": "b", "labels": null}}]}}"#,
    &["a", "b"]
)]
fn questions(#[case] body: &str, #[case] expected: &[&str]) {
    let found = names(&body.replace("POD", POD)).unwrap();
    assert_eq!(found, expected);
}

#[rstest]
#[case::empty(
    "",
    "the body is no JSON: EOF while parsing a value at line 1 column 0"
)]
#[case::truncated(r#"{"Pod": {"#, "the body is no JSON: EOF while parsing an object")]
#[case::two(r#"{"Pod": POD} {}"#, "the body is no JSON: trailing characters")]
#[case::list("[]", "the body is no ExtenderArgs")]
#[case::number("1", "the body is no ExtenderArgs")]
#[case::no_pod(r#"{"NodeNames": []}"#, "the body is no ExtenderArgs: Pod is missing")]
#[case::null_pod(r#"{"Pod": null}"#, "the body is no ExtenderArgs: Pod is missing")]
#[case::names(
    r#"{"Pod": POD, "NodeNames": {"a": 1}}"#,
    "the body is no ExtenderArgs: NodeNames can't be read"
)]
#[case::name(
    r#"{"Pod": POD, "NodeNames": ["a", 1]}"#,
    "the body is no ExtenderArgs: NodeNames[1] can't be read"
)]
#[case::node_without_name(
    r#"{"Pod": POD, "Nodes": {"items": [{"metadata": {}}]}}"#,
    "the body is no ExtenderArgs: Nodes.items[0].metadata.name is missing"
)]
#[case::node_is_a_list(
    r#"{"Pod": POD, "Nodes": {"items": [[]]}}"#,
    "the body is no ExtenderArgs: Nodes.items[0].metadata.name is missing"
)]
fn bodies_that_ask_nothing(#[case] body: &str, #[case] expected: &str) {
    let words = names(&body.replace("POD", POD)).unwrap_err();
    assert!(words.starts_with(expected), "{words}");
}

#[test]
fn words_hold_no_value_of_the_body() {
    let pod = json!({"spec": {"containers": [{"resources": {"requests": "hunter2"}}]}});
    let words = names(&json!({"Pod": pod, "NodeNames": []}).to_string()).unwrap_err();
    assert_eq!(
        words,
        "the body is no ExtenderArgs: Pod.spec.containers[0].resources.requests can't be read"
    );
}

#[test]
fn bytes_that_are_no_text_are_no_question() {
    let words = read(b"{\"Pod\": \"\xff\"}").unwrap_err().to_string();
    assert!(
        words.starts_with("the body is no JSON: invalid utf-8"),
        "{words}"
    );
}

#[test]
fn depth_ends_nobody() {
    let deep = "[".repeat(100_000);
    for body in [deep.clone(), format!("{{\"Pod\": {{\"spec\": {deep}")] {
        assert!(names(&body).is_err());
    }
}

#[test]
fn nothing_of_a_result_is_left_out() {
    let empty = serde_json::to_value(FilterResult::default()).unwrap();
    let expected = json!({
        "Nodes": null, "NodeNames": [], "FailedNodes": {}, "FailedAndUnresolvableNodes": {}, "Error": "",
    });
    assert_eq!(empty, expected);
    let priority = HostPriority {
        host: "a",
        score: 10,
    };
    assert_eq!(
        serde_json::to_string(&[priority]).unwrap(),
        r#"[{"Host":"a","Score":10}]"#
    );
}

#[test]
fn whole_nodes_go_back_as_they_came() {
    let nodes = r#"{"metadata": {"name": "a", "x": 1.50}},{"metadata":{"name":"b"}}"#;
    let body = format!(r#"{{"Pod": {POD}, "Nodes": {{"items": [{nodes}]}}}}"#);
    let question = read(body.as_bytes()).unwrap();
    let of = |passes: fn(&str) -> bool| serde_json::to_string(&question.nodes_of(passes)).unwrap();
    assert_eq!(of(|_| true), format!(r#"{{"items":[{nodes}]}}"#));
    assert_eq!(
        of(|node| node == "b"),
        r#"{"items":[{"metadata":{"name":"b"}}]}"#
    );
    let by_name = format!(r#"{{"Pod": {POD}, "NodeNames": ["a"]}}"#);
    let question = read(by_name.as_bytes()).unwrap();
    assert!(question.nodes_of(|_| true).is_none());
}

/// As Go's types are written (kube-scheduler, extender/v1/types_test.go).
#[test]
fn pod_is_read_as_kubernetes_writes_it() {
    let body: Value = json!({"Pod": serde_json::from_str::<Value>(POD).unwrap(), "Nodes": null, "NodeNames": null});
    let body = body.to_string();
    let question = read(body.as_bytes()).unwrap();
    let metadata = question.pod.metadata.as_ref().unwrap();
    assert_eq!(metadata.uid.as_deref(), Some("u"));
    assert_eq!(metadata.namespace.as_deref(), Some("n"));
    assert_eq!(question.pod.name(), "p");
}

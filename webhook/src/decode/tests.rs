//! In one pass or in two, the same is read.

use rstest::rstest;
use serde_json::Value;

use super::*;

const POD: &str = r#"{"group": "", "version": "v1", "kind": "Pod"}"#;
const OBJECT: &str = r#"{"metadata": {"name": "p"}, "spec": {}}"#;

fn body(request: &str) -> String {
    format!(
        r#"{{"kind": "AdmissionReview", "apiVersion": "{API_VERSION}", "request": {{{request}}}}}"#
    )
}

fn both(body: &str) -> (String, String) {
    let text = |read: Result<Request<'_>, DecodeError>| format!("{read:?}");
    (
        text(decode_by::<true>(body.as_bytes())),
        text(decode_by::<false>(body.as_bytes())),
    )
}

#[rstest]
#[case::as_the_api_server_writes(format!(r#""uid": "u", "kind": {POD}, "operation": "CREATE", "object": {OBJECT}"#))]
#[case::kind_after_the_object(format!(r#""uid": "u", "object": {OBJECT}, "operation": "CREATE", "kind": {POD}"#))]
#[case::update(format!(r#""uid": "u", "kind": {POD}, "operation": "UPDATE", "object": {OBJECT}, "oldObject": {OBJECT}"#))]
#[case::operation_after_the_objects(format!(r#""uid": "u", "kind": {POD}, "object": {OBJECT}, "oldObject": {OBJECT}, "operation": "UPDATE""#))]
#[case::delete(format!(r#""uid": "u", "kind": {POD}, "operation": "DELETE", "object": null, "oldObject": {OBJECT}"#))]
#[case::old_object_of_a_create(format!(r#""uid": "u", "kind": {POD}, "operation": "CREATE", "object": {OBJECT}, "oldObject": 3"#))]
#[case::subresource(format!(r#""uid": "u", "kind": {POD}, "subResource": "status", "operation": "UPDATE", "object": {OBJECT}, "oldObject": []"#))]
#[case::subresource_after_the_object(format!(r#""uid": "u", "kind": {POD}, "operation": "CREATE", "object": {OBJECT}, "subResource": "binding""#))]
#[case::missing_object(format!(r#""uid": "u", "kind": {POD}, "operation": "CREATE", "object": null"#))]
#[case::two_kinds(format!(r#""uid": "u", "kind": {POD}, "operation": "CREATE", "object": {OBJECT}, "kind": {POD}"#))]
fn order_of_the_fields_does_not_matter(#[case] request: String) {
    let (once, twice) = both(&body(&request));
    assert_eq!(once, twice);
}

#[test]
fn every_fixture_reads_the_same() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/admission");
    for case in std::fs::read_dir(fixtures).unwrap() {
        let file = case.unwrap().path().join("input.json");
        let review: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let (once, twice) = both(&review.to_string());
        assert_eq!(once, twice);
    }
}

#[test]
fn wrong_field_of_an_object_is_told_with_its_path() {
    let request = format!(
        r#""uid": "u", "kind": {POD}, "operation": "CREATE", "object": {{"spec": {{"tolerations": {{}}}}}}"#
    );
    let error = decode(body(&request).as_bytes()).unwrap_err().to_string();
    assert!(
        error.starts_with("request.object.spec.tolerations: "),
        "{error}"
    );
}

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

/// Values that look like what is around them in serde's words, and the word that must not be told.
const SECRETS: [&str; 5] = [
    r#""password: hunter2""#,
    r#""hunter2, expected nothing at line 1 column 2""#,
    r#""a\" at line 5, hunter2""#,
    "1234567890123",
    "-1234567890.125e3",
];

#[rstest]
#[case::list("tolerations", "a list")]
#[case::object("affinity", "")]
#[case::text("schedulerName", "a string")]
#[case::object_of_the_guest("domain", "an object")]
fn refusals_do_not_repeat_values(#[case] field: &str, #[case] expected: &str) {
    let vmi = r#"{"group": "kubevirt.io", "version": "v1", "kind": "VirtualMachineInstance"}"#;
    for secret in SECRETS {
        let wrong = if expected == "a string" {
            format!("[{secret}]")
        } else {
            secret.to_owned()
        };
        let request = format!(
            r#""uid": "u", "kind": {vmi}, "operation": "CREATE", "object": {{"spec": {{"{field}": {wrong}}}}}"#
        );
        let Err(error) = decode(body(&request).as_bytes()) else {
            assert_eq!(expected, "", "{field} is read");
            continue;
        };
        let found = if wrong.starts_with('[') {
            "a list"
        } else if wrong.starts_with('"') {
            "a string"
        } else {
            "a number"
        };
        assert_eq!(
            error.to_string(),
            format!("request.object.spec.{field}: found {found}, expected {expected}")
        );
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn refusals_of_the_envelope_do_not_repeat_values() {
    for secret in SECRETS {
        for body in [
            secret.to_owned(),
            format!(r#"{{"request": {secret}}}"#),
            format!(r#"{{"request": {{"dryRun": {secret}}}}}"#),
            format!(r#"{{"request": {{"kind": {secret}}}}}"#),
        ] {
            let error = decode(body.as_bytes()).unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(told.contains(", expected a"), "{told}");
            assert!(
                !told.contains("hunter2") && !told.contains("1234567890"),
                "{told}"
            );
        }
    }
}

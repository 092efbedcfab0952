//! Every case of tests/fixtures/admission through the whole decision: `input.json` is a review,
//! `expected.json` the answer with its patch decoded, `policy.yaml` a policy that is not the default. After a wanted change of behaviour run with
//! `UPDATE_FIXTURES=1` and read the difference before you commit it.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod common;

use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use serde_json::Value;
use vmberth_decide::policy::Policy;

fn cases() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/admission");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() > 20, "fixtures are missing");
    cases
}

fn policy_of(case: &Path) -> Policy {
    let file = std::fs::read_to_string(case.join("policy.yaml"));
    file.map_or_else(
        |_| Policy::default(),
        |text| Policy::from_yaml(&text).unwrap(),
    )
}

#[tokio::test]
async fn every_case_is_answered_as_expected() {
    let mut wrong = Vec::new();
    for case in cases() {
        let input = std::fs::read_to_string(case.join("input.json")).unwrap();
        let (code, answer) = common::ask_under(policy_of(&case), &input).await;
        assert_eq!(code, StatusCode::OK, "{}: {answer}", case.display());
        let input: Value = serde_json::from_str(&input).unwrap();
        assert_eq!(answer["response"]["uid"], input["request"]["uid"]);
        let actual = format!("{:#}\n", common::readable(answer));
        let expected = case.join("expected.json");
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(&expected, &actual).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != actual {
            wrong.push(format!("{}:\n{actual}", expected.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn patched_object_is_left_alone_the_second_time() {
    for case in cases() {
        let input = std::fs::read_to_string(case.join("input.json")).unwrap();
        let mut input: Value = serde_json::from_str(&input).unwrap();
        let (_, answer) = common::ask_under(policy_of(&case), &input.to_string()).await;
        let answer = common::readable(answer);
        if answer.get("patch").is_none() {
            continue;
        }
        let patch: json_patch::Patch = serde_json::from_value(answer["patch"].clone()).unwrap();
        json_patch::patch(&mut input["request"]["object"], &patch).unwrap();
        let (_, again) = common::ask_under(policy_of(&case), &input.to_string()).await;
        assert!(
            again["response"].get("patch").is_none(),
            "{}: {again}",
            case.display()
        );
    }
}

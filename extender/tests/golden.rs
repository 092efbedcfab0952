//! Calls of the real kube-scheduler (`golden/`, compared with the cluster by tests/e2e/tests/scheduler/calls.rs) are understood, and
//! answered in the same shape.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod common;
#[path = "../../tests/shape.rs"]
mod shape;

use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use rstest::rstest;
use serde_json::Value;

use common::Extender;
use common::fleet::{Has, claim, class, node};

/// The cluster of a call, as far as its answer tells: nodes that passed have plenty, and the others nothing.
fn cluster(question: &Value, answer: &Value) -> Extender {
    let passed = answer["NodeNames"].as_array();
    let nodes = question["NodeNames"].as_array().unwrap().iter();
    let nodes = nodes.flat_map(|name| {
        let passes = passed.is_none_or(|passed| passed.contains(name));
        let has = Has {
            volumes: if passes { 4 } else { 0 },
            functions: 8,
            allocated: if passes { 0 } else { 8 },
        };
        node(name.as_str().unwrap(), has)
    });
    let volumes = question["Pod"]["spec"]["volumes"].as_array();
    let claims = volumes.into_iter().flatten().filter_map(|volume| {
        let name = volume["persistentVolumeClaim"]["claimName"].as_str()?;
        Some(claim(name, None))
    });
    common::of(nodes.chain(claims).chain([class()]))
}

fn golden(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[rstest]
#[case::upload("filter-upload", "placed")]
#[case::refused("filter-refused", "refused")]
#[case::launcher("filter-launcher", "placed")]
#[tokio::test]
async fn golden_calls_are_answered_as_they_were(#[case] name: &str, #[case] outcome: &str) {
    let golden = golden(name);
    let (question, expected) = (&golden["question"], &golden["answer"]);
    let verb = golden["verb"].as_str().unwrap();
    let asked = shape::of_question(question);
    for field in [
        "Pod: object",
        "Nodes: null",
        "NodeNames[]: text",
        "Pod.metadata.uid: text",
    ] {
        assert!(asked.contains(field), "{name}: {field} in {asked:#?}");
    }
    let extender = cluster(question, expected);
    let (status, answer) = extender
        .send(&format!("/{verb}"), question.to_string())
        .await;
    assert_eq!(status, StatusCode::OK);
    let difference = shape::difference(&shape::of_answer(&answer), &shape::of_answer(expected));
    assert!(
        difference.is_empty(),
        "{name}: {difference:#?} in {answer:#}"
    );
    assert_eq!(answer["NodeNames"], expected["NodeNames"]);
    let line = format!("vmberth_extender_calls_total{{outcome=\"{outcome}\",verb=\"{verb}\"}} 1");
    assert!(extender.counted(&line), "{name}: {answer:#}");
}

#[test]
fn every_golden_file_says_where_it_is_from() {
    let files = std::fs::read_dir(folder()).unwrap();
    let files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let source = golden(name)["source"].to_string();
        let known = ["\"recorded from ", "\"made from "];
        assert!(known.iter().any(|it| source.starts_with(it)), "{source}");
    }
}

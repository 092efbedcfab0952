//! No body, however damaged, brings the webhook down: it is answered as a review or refused as none.
#![allow(
    clippy::unwrap_used,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod common;
/// The junk that decide/ is tried on.
#[path = "../../decide/tests/common/json.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "only its junk is wanted here"
)]
mod json;

use std::path::Path;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use tower::ServiceExt;

/// Every review of tests/fixtures.
static REVIEWS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let fixtures = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures"));
    let cases = fixtures.join("admission").read_dir().unwrap();
    let cases = cases.map(|case| case.unwrap().path().join("input.json"));
    let recorded = fixtures.join("recorded").read_dir().unwrap();
    let recorded = recorded.map(|file| file.unwrap().path());
    let files =
        cases.chain(recorded.filter(|file| file.extension().is_some_and(|name| name == "json")));
    let read = |file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    files.map(read).collect()
});

fn reviews() -> impl Strategy<Value = Value> {
    any::<Index>().prop_map(|at| at.get(&REVIEWS).clone())
}

/// The answer to a body; a panic of the handler is one of the test.
fn code(body: Vec<u8>) -> StatusCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let request = Request::post("/mutate").header("content-type", "application/json");
    let request = request.body(Body::from(body)).unwrap();
    let (app, _) = common::webhook();
    runtime.block_on(app.oneshot(request)).unwrap().status()
}

fn is_answered(body: Vec<u8>) -> bool {
    matches!(code(body), StatusCode::OK | StatusCode::BAD_REQUEST)
}

proptest! {
    #[test]
    fn review_with_junk_in_it_is_answered(review in reviews(), at in any::<Index>(), other in json::junk()) {
        prop_assert!(is_answered(json::with_another(&review, at, other).to_string().into_bytes()));
    }

    #[test]
    fn review_with_damaged_bytes_is_answered(
        review in reviews(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<Index>()),
    ) {
        let mut body = review.to_string().into_bytes();
        for (at, byte) in damage {
            *at.get_mut(&mut body) = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len() + 1));
        }
        prop_assert!(is_answered(body));
    }

    #[test]
    fn nesting_does_not_end_us(depth in 0..100_000_usize, open in prop::sample::select(vec!["[", "{\"spec\":"]), review in reviews()) {
        let mut body = review;
        if let Some(object) = body.pointer_mut("/request/object").and_then(Value::as_object_mut) {
            object.insert("spec".to_owned(), "put it here".into());
        }
        let body = body.to_string().replace("\"put it here\"", &open.repeat(depth));
        prop_assert!(is_answered(body.into_bytes()));
    }
}

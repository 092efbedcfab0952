//! Requests that are wrong in one way each, and what is said of them.

use serde_json::{Value, json};
use vmberth_e2e::pod::launcher_like;

pub(crate) const MIB: usize = 1 << 20;

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// One request that is wrong in one way.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) status: u16,
    /// Words that the message must have.
    pub(crate) message: &'static str,
    /// Label of `rejected_bodies_total` that goes up by one.
    pub(crate) reason: &'static str,
}

fn case(name: &'static str, body: impl Into<Vec<u8>>, reason: &'static str) -> Case {
    let body = body.into();
    Case {
        name,
        content_type: JSON.1,
        body,
        status: 400,
        message: "",
        reason,
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let truncated = review(&launcher_like("a")).to_string();
    let truncated = truncated
        .get(..truncated.len() / 2)
        .unwrap_or_default()
        .to_owned();
    let mut labels = review(&launcher_like("a"));
    labels["request"]["object"]["metadata"]["labels"] = json!("MARK");
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = labels.to_string().replace("\"MARK\"", &nested);
    let mut version = review(&launcher_like("a"));
    version["apiVersion"] = json!("admission.k8s.io/v1beta1");
    let no_request = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"});
    vec![
        Case {
            status: 415,
            content_type: "text/plain",
            message: "application/json",
            ..case("wrong content type", "{}", "content_type")
        },
        Case {
            message: "empty",
            ..case("empty body", "", "empty")
        },
        Case {
            status: 413,
            message: "larger than",
            ..case("100 MiB", vec![b' '; 100 * MIB], "too_large")
        },
        Case {
            message: "EOF",
            ..case("truncated JSON", truncated, "malformed")
        },
        Case {
            message: "no AdmissionReview",
            ..case("open brackets", "[".repeat(MIB), "malformed")
        },
        Case {
            message: "request.object",
            ..case("deep nesting", nested, "object")
        },
        Case {
            message: "request: missing",
            ..case(
                "review without request",
                no_request.to_string(),
                "incomplete",
            )
        },
        Case {
            message: "v1beta1",
            ..case("unknown version", version.to_string(), "version")
        },
    ]
}

/// What the API server asks about a new pod.
pub(crate) fn review(pod: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "7d5f1a52-0000-4000-8000-000000000000",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "name": "a",
            "namespace": "default",
            "operation": "CREATE",
            "userInfo": {"username": "test"},
            "object": pod,
            "dryRun": true,
        },
    })
}

//! A verdict into the bytes of an answer.
//!
//! Not through kube's admission types: their patch becomes a list of numbers (kube#1781).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use vmberth_decide::denial::Denial;
use vmberth_decide::mutate::Mutation;

use crate::{decode, patch};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Answer<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
}

/// Kubernetes' Status; on its own it is what the API server expects of a failed call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    status: &'static str,
    message: String,
    reason: &'static str,
    code: u16,
}

/// The answer to a review, as JSON.
///
/// # Errors
/// Never by what a user wrote: an edit that is no JSON is our own bug.
pub fn review(uid: &str, verdict: &Result<Mutation, Denial>) -> Result<Vec<u8>, serde_json::Error> {
    let mut answer = Answer {
        uid,
        allowed: verdict.is_ok(),
        patch_type: None,
        patch: None,
        status: None,
        warnings: &[],
    };
    let warnings: Vec<String>;
    match verdict {
        Ok(mutation) => {
            if !mutation.edits.is_empty() {
                let patch = serde_json::to_vec(&patch::of(&mutation.edits))?;
                answer.patch_type = Some("JSONPatch");
                answer.patch = Some(STANDARD.encode(patch));
            }
            warnings = mutation.warnings.iter().map(ToString::to_string).collect();
            answer.warnings = &warnings;
        }
        Err(denial) => {
            answer.status = Some(Status {
                api_version: None,
                kind: None,
                status: "Failure",
                message: denial.to_string(),
                reason: denial.reason(),
                code: denial.code(),
            });
        }
    }
    let kind = "AdmissionReview";
    serde_json::to_vec(&Envelope {
        api_version: decode::API_VERSION,
        kind,
        response: answer,
    })
}

/// An answer with a body of JSON.
#[must_use]
pub fn json(code: StatusCode, body: Vec<u8>) -> Response {
    (code, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The answer to something that is no review; the webhook's failurePolicy decides what follows.
#[must_use]
pub fn failure(code: StatusCode, message: &str) -> Response {
    let status = Status {
        api_version: Some("v1"),
        kind: Some("Status"),
        status: "Failure",
        message: message.to_owned(),
        reason: match code {
            StatusCode::BAD_REQUEST => "BadRequest",
            StatusCode::PAYLOAD_TOO_LARGE => "RequestEntityTooLarge",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "UnsupportedMediaType",
            StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
            _ => "InternalError",
        },
        code: code.as_u16(),
    };
    let mut response = match serde_json::to_vec(&status) {
        Ok(body) => json(code, body),
        Err(_) => code.into_response(),
    };
    if code == StatusCode::TOO_MANY_REQUESTS {
        // With it the API server tries again within the webhook's timeout, without it the call has failed
        // (client-go, rest/with_retry.go, checkWait).
        let again = HeaderValue::from_static("1");
        response.headers_mut().insert(header::RETRY_AFTER, again);
    }
    response
}

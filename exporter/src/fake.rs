//! An API server for tests: answers what it was given, one after the other, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::body::Body as Answer;
use axum::http::{Request, Response, StatusCode};
use futures::stream;
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tower::BoxError;

/// Status and body; null is a watch without events, which stays open.
pub(crate) type Given = (u16, Value);

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method and path.
    pub(crate) line: String,
    /// The query.
    pub(crate) query: String,
    /// The body, null if there is none.
    pub(crate) body: Value,
}

#[derive(Clone, Default)]
pub(crate) struct ApiServer {
    answers: Arc<Mutex<VecDeque<Given>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl ApiServer {
    /// Answers these, and nothing more.
    pub(crate) fn new(answers: Vec<Given>) -> Self {
        let answers = Arc::new(Mutex::new(answers.into()));
        Self {
            answers,
            ..Self::default()
        }
    }

    /// Never answers.
    pub(crate) fn silent() -> Self {
        Self::default()
    }

    /// Answers this next.
    pub(crate) fn then(&self, given: Given) {
        self.answers.lock().unwrap().push_back(given);
    }

    pub(crate) fn requests(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { server.answer(request).await }
        });
        Client::new(service, "default")
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Answer>, BoxError> {
        let (head, body) = request.into_parts();
        let line = format!("{} {}", head.method, head.uri.path());
        let body = body.collect_bytes().await.unwrap();
        let asked = Asked {
            line,
            query: head.uri.query().unwrap_or_default().to_owned(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        };
        self.asked.lock().unwrap().push(asked);
        let next = self.answers.lock().unwrap().pop_front();
        let Some((code, body)) = next else {
            return std::future::pending().await;
        };
        let body = match body.as_str() {
            _ if body.is_null() => {
                Answer::from_stream(stream::pending::<Result<Vec<u8>, BoxError>>())
            }
            Some(text) => Answer::from(text.to_owned()),
            None => Answer::from(body.to_string()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(code).unwrap();
        Ok(response)
    }
}

//! A stand-in for kube-apiserver: holds objects, knows resource versions, UIDs, merge patches and JSON patches, and loses
//! answers when it is told to. Real ones are asked in the tests of the cluster.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

/// How the next request of a method fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is written.
    BeforeWriting,
    /// It is written, but the answer is an error.
    AfterWriting,
}

#[derive(Debug, Default)]
struct Store {
    /// By resource and name.
    objects: BTreeMap<(String, String), Value>,
    version: u64,
    fault: Option<(String, Fault)>,
    /// Method of the next request that an admission policy refuses.
    forbidden: Option<String>,
    /// Done to the next PersistentVolume that is read, directly afterwards.
    once_read: Option<Value>,
    requests: u64,
}

/// The server.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    store: Arc<Mutex<Store>>,
    url: String,
}

impl Api {
    pub(crate) async fn start() -> Self {
        let store = Arc::new(Mutex::new(Store::default()));
        let app = Router::new().fallback(answer).with_state(store.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { store, url }
    }

    pub(crate) fn client(&self) -> kube::Client {
        let config = kube::Config::new(self.url.parse().unwrap());
        kube::Client::try_from(config).unwrap()
    }

    pub(crate) fn put(&self, resource: &str, object: Value) {
        self.lock().write(resource, object);
    }

    pub(crate) fn change(&self, resource: &str, name: &str, change: &Value) {
        let mut store = self.lock();
        let mut object = store.get(resource, name).unwrap();
        json_patch::merge(&mut object, change);
        store.write(resource, object);
    }

    pub(crate) fn get(&self, resource: &str, name: &str) -> Option<Value> {
        self.lock().get(resource, name)
    }

    pub(crate) fn count(&self, resource: &str) -> usize {
        let store = self.lock();
        store.objects.keys().filter(|key| key.0 == resource).count()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.lock().requests
    }

    pub(crate) fn fail_next(&self, method: &str, fault: Fault) {
        self.lock().fault = Some((method.to_owned(), fault));
    }

    pub(crate) fn forbid_next(&self, method: &str) {
        self.lock().forbidden = Some(method.to_owned());
    }

    pub(crate) fn change_once_read(&self, change: Value) {
        self.lock().once_read = Some(change);
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }
}

impl Store {
    fn get(&self, resource: &str, name: &str) -> Option<Value> {
        let key = (resource.to_owned(), name.to_owned());
        self.objects.get(&key).cloned()
    }

    fn write(&mut self, resource: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{}", self.version));
        }
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let key = (resource.to_owned(), name);
        self.objects.insert(key, object.clone());
        object
    }

    fn handle(&mut self, request: &Asked, body: &[u8]) -> (StatusCode, Value) {
        let is_next = |method: &mut String| *method == request.method.as_str();
        if self.forbidden.take_if(is_next).is_some() {
            return refusal(StatusCode::FORBIDDEN, "a policy says no");
        }
        let resource = request.resource.as_str();
        let found = request.name.as_deref().map(|name| self.get(resource, name));
        match (&request.method, found) {
            (&Method::GET, None) => (StatusCode::OK, self.list(resource)),
            (&Method::GET, Some(Some(object))) => {
                if let Some(change) = self.once_read.take_if(|_| resource == "persistentvolumes") {
                    let mut changed = object.clone();
                    json_patch::merge(&mut changed, &change);
                    self.write(resource, changed);
                }
                (StatusCode::OK, object)
            }
            (&Method::POST, None) => {
                let object: Value = serde_json::from_slice(body).unwrap();
                let name = object["metadata"]["name"].as_str().unwrap();
                match self.get(resource, name) {
                    Some(_) => refusal(StatusCode::CONFLICT, "already exists"),
                    None => (StatusCode::CREATED, self.write(resource, object)),
                }
            }
            (&Method::PATCH, Some(Some(object))) => self.patch(request, &object, body),
            (_, Some(None)) => refusal(StatusCode::NOT_FOUND, "not found"),
            (method, _) => panic!("{method} {request:?}"),
        }
    }

    fn patch(&mut self, request: &Asked, before: &Value, body: &[u8]) -> (StatusCode, Value) {
        let mut after = before.clone();
        match request.content_type.as_str() {
            "application/merge-patch+json" => {
                json_patch::merge(&mut after, &serde_json::from_slice(body).unwrap());
            }
            "application/json-patch+json" => {
                let patch: json_patch::Patch = serde_json::from_slice(body).unwrap();
                if let Err(error) = json_patch::patch(&mut after, &patch) {
                    return refusal(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string());
                }
            }
            other => panic!("content type {other}"),
        }
        for key in ["uid", "resourceVersion"] {
            if after["metadata"][key] != before["metadata"][key] {
                return refusal(StatusCode::CONFLICT, "precondition failed");
            }
        }
        (StatusCode::OK, self.write(&request.resource, after))
    }

    fn list(&self, resource: &str) -> Value {
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(key, _)| key.0 == resource)
            .map(|(_, object)| object)
            .collect();
        json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items})
    }
}

/// What was asked for; namespaces are one, as tests have only one.
#[derive(Debug)]
struct Asked {
    method: Method,
    resource: String,
    name: Option<String>,
    content_type: String,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let path = request.uri().path().trim_start_matches("/api/v1/");
        let path = path.strip_prefix("namespaces/default/").unwrap_or(path);
        let (resource, name) = match path.split_once('/') {
            Some((resource, name)) => (resource, Some(name.to_owned())),
            None => (path, None),
        };
        if resource == "pods" {
            let query = request.uri().query().unwrap_or_default();
            assert!(
                query.contains("fieldSelector=spec.nodeName%3Dnode-a"),
                "{query}"
            );
        }
        let content_type = request.headers().get("content-type");
        Self {
            method: request.method().clone(),
            resource: resource.to_owned(),
            name,
            content_type: content_type
                .map_or("", |value| value.to_str().unwrap())
                .to_owned(),
        }
    }
}

async fn answer(State(store): State<Arc<Mutex<Store>>>, request: Request) -> Response {
    let asked = Asked::of(&request);
    let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let (code, value) = {
        let mut store = store.lock().unwrap();
        store.requests += 1;
        let fault = store
            .fault
            .take_if(|(method, _)| *method == asked.method.as_str());
        let lost = refusal(StatusCode::INTERNAL_SERVER_ERROR, "the answer is lost");
        match fault {
            Some((_, Fault::BeforeWriting)) => lost,
            Some((_, Fault::AfterWriting)) => {
                store.handle(&asked, &body);
                lost
            }
            None => store.handle(&asked, &body),
        }
    };
    Response::builder()
        .status(code)
        .header("content-type", "application/json")
        .body(Body::from(value.to_string()))
        .unwrap()
}

fn refusal(code: StatusCode, message: &str) -> (StatusCode, Value) {
    let reason = match code {
        StatusCode::NOT_FOUND => "NotFound",
        StatusCode::CONFLICT if message == "already exists" => "AlreadyExists",
        StatusCode::CONFLICT => "Conflict",
        StatusCode::UNPROCESSABLE_ENTITY => "Invalid",
        StatusCode::FORBIDDEN => "Forbidden",
        _ => "InternalError",
    };
    let value = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure",
        "reason": reason, "message": message, "code": code.as_u16(),
    });
    (code, value)
}

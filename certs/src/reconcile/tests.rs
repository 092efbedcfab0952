use std::sync::{Arc, Mutex};

use axum::http::{Method, Request, Response, StatusCode};
use kube::client::Body;
use kube::{Api, Client};
use prometheus::Registry;
use serde_json::{Value, json};
use vmberth_serve::ready::Ready;

use super::*;
use crate::store::Stored;

/// A cluster without Secrets, in which the Deployment `certs` is this one.
struct Cluster {
    deployment: Value,
    written: Arc<Mutex<Vec<String>>>,
}

impl Cluster {
    fn with(deployment: Value) -> Self {
        Self {
            deployment,
            written: Arc::default(),
        }
    }

    fn client(&self) -> Client {
        let (deployment, written) = (self.deployment.clone(), Arc::clone(&self.written));
        let answer = move |request: Request<Body>| {
            let path = request.uri().path().to_owned();
            let found = if *request.method() == Method::GET {
                match path.rsplit('/').nth(1) {
                    Some("deployments") => Some(deployment.clone()).filter(|it| !it.is_null()),
                    Some("secrets") => None,
                    _ => Some(json!({"metadata": {"name": "webhook"}})),
                }
            } else {
                let line = format!("{} {path}", request.method());
                written.lock().unwrap().push(line);
                Some(json!({"metadata": {"name": "written"}}))
            };
            let missing = || json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "no", "code": 404});
            let code = if found.is_some() { 200 } else { 404 };
            let body = found.unwrap_or_else(missing).to_string();
            let mut response = Response::new(Body::from(body.into_bytes()));
            *response.status_mut() = StatusCode::from_u16(code).unwrap();
            std::future::ready(Ok::<_, tower::BoxError>(response))
        };
        Client::new(tower::service_fn(answer), "vmberth")
    }

    /// A pod whose Deployment had this UID when it began; `None` belongs to nobody.
    fn pod(&self, uid: Option<&str>) -> Reconciler {
        let client = self.client();
        let owner = uid.map(|uid| Owner::of(&client, "vmberth", "certs", uid));
        let reference = owner.as_ref().map(|owner| owner.reference.clone());
        Reconciler {
            store: Store {
                secrets: Api::namespaced(client.clone(), "vmberth"),
                serving: "tls".to_owned(),
                authorities: "ca".to_owned(),
                owner: reference.clone(),
            },
            configurations: Configurations {
                api: Api::all(client.clone()),
                names: vec!["webhook".to_owned()],
            },
            settings: Settings {
                names: vec!["vmberth-webhook.vmberth.svc".to_owned()],
                authority_lifetime: SignedDuration::from_hours(24),
                leaf_lifetime: SignedDuration::from_hours(12),
                overlap: SignedDuration::from_hours(1),
                settle: SignedDuration::from_secs(5),
            },
            owner,
            candidate: Candidate::new(
                Api::namespaced(client, "vmberth"),
                "lease".to_owned(),
                "pod".to_owned(),
                reference,
            ),
            metrics: Metrics::register(&Registry::new()).unwrap(),
            ready: Ready::default().condition("reconciled"),
        }
    }

    fn written(&self) -> Vec<String> {
        self.written.lock().unwrap().clone()
    }
}

const FOUNDED: &str = "POST /api/v1/namespaces/vmberth/secrets";

fn certs(uid: &str) -> Value {
    json!({"metadata": {"name": "certs", "uid": uid}})
}

#[tokio::test]
async fn a_ca_is_founded_for_the_deployment_that_is_there_or_for_nobody() {
    for (deployment, uid) in [(certs("u1"), Some("u1")), (Value::Null, None)] {
        let cluster = Cluster::with(deployment);
        let did = cluster.pod(uid).step(false).await;
        assert!(matches!(did, Ok(Looked::Did(Step::Found))));
        assert_eq!(cluster.written(), [FOUNDED]);
    }
}

/// Removed, being removed, or removed and installed again.
#[tokio::test]
async fn nothing_is_written_for_a_deployment_that_is_gone() {
    let going = json!({"name": "certs", "uid": "u1", "deletionTimestamp": "2026-01-01T00:00:00Z"});
    for deployment in [Value::Null, json!({"metadata": going}), certs("u2")] {
        let cluster = Cluster::with(deployment.clone());
        let failure = cluster.pod(Some("u1")).step(false).await.err().unwrap();
        assert!(
            matches!(failure, Failure::Orphaned(_)),
            "{deployment}: {failure}"
        );
        assert_eq!(cluster.written(), [] as [String; 0]);
    }
}

/// The Secrets of the next installation would go with what is left of ours.
#[tokio::test]
async fn what_belongs_to_the_next_installation_is_not_adopted() {
    let owner =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "certs", "uid": "u2"});
    let secret =
        json!({"metadata": {"name": "s", "resourceVersion": "1", "ownerReferences": [owner]}});
    let (ours, theirs) = (Cluster::with(certs("u1")), Cluster::with(certs("u2")));
    let stored = || Stored {
        serving: Some(serde_json::from_value(secret.clone()).unwrap()),
        authorities: None,
    };
    assert_eq!(ours.pod(Some("u1")).store.not_ours(stored()).len(), 1);
    assert_eq!(theirs.pod(Some("u2")).store.not_ours(stored()).len(), 0);
    let asked = theirs.pod(Some("u1")).belongs_to_somebody().await;
    assert!(matches!(asked, Err(Failure::Orphaned(_))));
    assert!(ours.pod(Some("u1")).belongs_to_somebody().await.is_ok());
}

#[tokio::test]
async fn second_ca_in_a_row_has_to_wait() {
    let cluster = Cluster::with(certs("u1"));
    let failure = cluster.pod(Some("u1")).step(true).await.err().unwrap();
    assert!(matches!(failure, Failure::Removed), "{failure}");
    assert_eq!(cluster.written(), [] as [String; 0]);
}

#[test]
fn waits_until_just_after_the_date_but_never_long() {
    let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    let in_seconds = |seconds| now + SignedDuration::from_secs(seconds);
    assert_eq!(wait(now, in_seconds(2)), Duration::from_millis(2050));
    assert_eq!(wait(now, in_seconds(86_400)), RESYNC);
    assert_eq!(wait(now, in_seconds(-9)), PAUSE.0);
    assert_eq!(wait(now, Timestamp::MAX), RESYNC);
}

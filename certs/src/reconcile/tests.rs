use std::sync::{Arc, Mutex};

use axum::http::{Method, Request, Response, StatusCode};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::client::Body;
use kube::{Api, Client};
use prometheus::Registry;
use serde_json::{Value, json};
use vmberth_serve::ready::Ready;

use super::*;

/// A cluster without Secrets, in which the Deployment `certs` is this one; what is made there goes at once, as the garbage
/// collector has it.
struct Cluster {
    deployment: Value,
    made: Arc<Mutex<Vec<String>>>,
}

impl Cluster {
    fn with(deployment: Value) -> Self {
        Self {
            deployment,
            made: Arc::default(),
        }
    }

    fn client(&self) -> Client {
        let (deployment, made) = (self.deployment.clone(), Arc::clone(&self.made));
        let answer = move |request: Request<Body>| {
            let path = request.uri().path().to_owned();
            let (code, body) = match *request.method() {
                Method::POST => {
                    made.lock().unwrap().push(path);
                    (201, json!({"metadata": {"name": "made"}}))
                }
                _ if path.contains("/deployments/") && !deployment.is_null() => {
                    (200, deployment.clone())
                }
                _ if path.contains("/mutatingwebhookconfigurations/") => {
                    (200, json!({"metadata": {"name": "webhook"}}))
                }
                _ => {
                    let status = json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "no", "code": 404});
                    (404, status)
                }
            };
            let mut response = Response::new(Body::from(body.to_string().into_bytes()));
            *response.status_mut() = StatusCode::from_u16(code).unwrap();
            std::future::ready(Ok::<_, tower::BoxError>(response))
        };
        Client::new(tower::service_fn(answer), "vmberth")
    }

    /// One step of a pod whose Deployment had this UID when it began.
    async fn step(&self, uid: &str) -> Result<Looked, Failure> {
        let owner = Owner::of(&self.client(), "vmberth", "certs", uid);
        let reference = OwnerReference::clone(&owner.reference);
        let client = self.client();
        let reconciler = Reconciler {
            store: Store {
                secrets: Api::namespaced(client.clone(), "vmberth"),
                serving: "tls".to_owned(),
                authorities: "ca".to_owned(),
                owner: Some(reference.clone()),
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
            owner: Some(owner),
            candidate: Candidate::new(
                Api::namespaced(client, "vmberth"),
                "lease".to_owned(),
                "pod".to_owned(),
                Some(reference),
            ),
            metrics: Metrics::register(&Registry::new()).unwrap(),
            ready: Ready::default().condition("reconciled"),
        };
        reconciler.step().await
    }

    fn made(&self) -> Vec<String> {
        self.made.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_ca_is_founded_for_the_deployment_that_is_there() {
    let cluster = Cluster::with(json!({"metadata": {"name": "certs", "uid": "u1"}}));
    assert!(matches!(cluster.step("u1").await, Ok(Looked::Did)));
    assert_eq!(cluster.made(), ["/api/v1/namespaces/vmberth/secrets"]);
}

/// Removed, being removed, or removed and installed again.
#[tokio::test]
async fn no_ca_is_founded_for_a_deployment_that_is_gone() {
    let going = json!({"name": "certs", "uid": "u1", "deletionTimestamp": "2026-01-01T00:00:00Z"});
    for deployment in [
        Value::Null,
        json!({"metadata": going}),
        json!({"metadata": {"name": "certs", "uid": "u2"}}),
    ] {
        let cluster = Cluster::with(deployment.clone());
        let failure = cluster.step("u1").await.err().unwrap();
        assert!(
            matches!(failure, Failure::Orphaned(_)),
            "{deployment}: {failure}"
        );
        assert_eq!(cluster.made(), [] as [String; 0]);
    }
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

//! Restarts the device plugin of the node, by deleting its pod: its DaemonSet makes a new one, which discovers again.
//!
//! Whether and when is decided in [`vmberth_decide::node::device_plugin`].

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, Client};
use vmberth_decide::node::device_plugin::Decision;

use crate::metrics::{Metrics, Object, Outcome};

/// Longest time of one attempt: a round must not wait for an API server that is away.
const DEADLINE: Duration = Duration::from_secs(5);

/// Does what was decided. With a time, it is to be decided again after so long, even if nothing changes.
pub async fn execute(decision: &Decision, client: &Client, metrics: &Metrics) -> Option<Duration> {
    match decision {
        Decision::Nothing => None,
        Decision::Wait(time) => Some(*time),
        Decision::Restart {
            namespace,
            pod,
            uid,
        } => {
            let outcome = delete(client, namespace, pod, uid).await;
            metrics.wrote(Object::Pod, outcome);
            None
        }
    }
}

async fn delete(client: &Client, namespace: &str, pod: &str, uid: &str) -> Outcome {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    // By then, somebody else may have restarted it: the new one is not to blame.
    let params = DeleteParams::default().preconditions(Preconditions {
        uid: Some(uid.to_owned()),
        resource_version: None,
    });
    let error = match tokio::time::timeout(DEADLINE, pods.delete(pod, &params)).await {
        Ok(Ok(_)) => {
            tracing::info!(
                namespace,
                pod,
                "device plugin restarted: it does not advertise what is there"
            );
            return Outcome::Ok;
        }
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => {
            tracing::info!(
                namespace,
                pod,
                "device plugin is another one already; left alone"
            );
            return Outcome::Refused;
        }
        Ok(Err(error)) => error.to_string(),
        Err(late) => late.to_string(),
    };
    tracing::warn!(namespace, pod, error, "device plugin not restarted");
    Outcome::Failed
}

#[cfg(test)]
mod tests {
    use prometheus::{Registry, TextEncoder};
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::fake::ApiServer;

    fn restart() -> Decision {
        Decision::Restart {
            namespace: "kube-system".to_owned(),
            pod: "sriovdp-x".to_owned(),
            uid: "u1".to_owned(),
        }
    }

    #[rstest]
    #[case::deleted(200, "ok")]
    #[case::gone(404, "refused")]
    #[case::replaced(409, "refused")]
    #[case::forbidden(403, "failed")]
    #[tokio::test]
    async fn pod_is_deleted_only_if_it_is_still_that_one(#[case] code: u16, #[case] result: &str) {
        let api = ApiServer::new(vec![(code, json!({"kind": "Status", "code": code}))]);
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        assert_eq!(execute(&restart(), &api.client(), &metrics).await, None);
        let asked = api.requests();
        assert_eq!(asked.len(), 1);
        assert_eq!(
            asked[0].line,
            "DELETE /api/v1/namespaces/kube-system/pods/sriovdp-x"
        );
        assert_eq!(asked[0].body["preconditions"], json!({"uid": "u1"}));
        let page = TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        let line = format!("writes_total{{object=\"pod\",result=\"{result}\"}} 1\n");
        assert!(page.contains(&line), "{page}");
    }

    #[tokio::test]
    async fn nothing_is_asked_without_need() {
        let api = ApiServer::new(vec![]);
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let wait = Decision::Wait(Duration::from_secs(7));
        assert_eq!(
            execute(&Decision::Nothing, &api.client(), &metrics).await,
            None
        );
        assert_eq!(
            execute(&wait, &api.client(), &metrics).await,
            Some(Duration::from_secs(7))
        );
        assert!(api.requests().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn api_server_that_is_away_is_not_waited_for() {
        let api = ApiServer::silent();
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let before = tokio::time::Instant::now();
        execute(&restart(), &api.client(), &metrics).await;
        assert_eq!(before.elapsed(), DEADLINE);
    }
}

//! Restarts the device plugin of the node, by deleting its pod: its DaemonSet makes a new one, which discovers again.
//!
//! Whether and when is decided in [`vmberth_decide::node::device_plugin`].

use std::time::Duration;

use kube::api::{DeleteParams, Preconditions};
use kube::{Api, Client};
use tokio::time::Instant;
use vmberth_cluster::objects::Pod;
use vmberth_decide::node::Assessment;
use vmberth_decide::node::cluster::Cluster;
use vmberth_decide::node::config::Config;
use vmberth_decide::node::device_plugin::{self, Decision, Restarts};

use crate::metrics::{Metrics, Object, Outcome};

/// Longest time of one attempt: a round must not wait for an API server that is away.
const DEADLINE: Duration = Duration::from_secs(5);

/// Restarts the device plugin of one node, and remembers what came of it.
pub struct Restarter {
    client: Client,
    metrics: Metrics,
    memory: Restarts,
    started: Instant,
}

impl Restarter {
    /// Nothing was restarted yet.
    #[must_use]
    pub fn new(client: Client, metrics: Metrics) -> Self {
        Self {
            client,
            metrics,
            memory: Restarts::default(),
            started: Instant::now(),
        }
    }

    /// What is to be done; said in the assessment's advice, too, before it is done.
    pub fn decide(
        &mut self,
        assessment: &mut Assessment,
        cluster: &Cluster,
        config: &Config,
    ) -> Decision {
        let now = self.started.elapsed();
        let decision = device_plugin::decide(assessment, cluster, config, &mut self.memory, now);
        device_plugin::tell(&mut assessment.advice, &decision, cluster, config);
        decision
    }

    /// Does what was decided. With a time, it is to be decided again after so long, even if nothing changes.
    pub async fn execute(&mut self, decision: &Decision) -> Option<Duration> {
        match decision {
            Decision::Nothing | Decision::GiveUp => None,
            Decision::Wait(time, _) => Some(*time),
            Decision::Restart {
                namespace,
                pod,
                uid,
            } => {
                let outcome = delete(&self.client, namespace, pod, uid).await;
                self.metrics.wrote(Object::Pod, outcome);
                if outcome == Outcome::Failed {
                    self.memory.failed();
                }
                None
            }
        }
    }
}

impl std::fmt::Debug for Restarter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Restarter")
            .field("memory", &self.memory)
            .finish_non_exhaustive()
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
mod tests;

//! KubeVirt's feature gates.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::kind;
use crate::seen::{self, text};
use crate::story::Scene;
use crate::wait::{self, Look};

/// Namespace and name of KubeVirt's own object.
const KUBEVIRT: &str = "kubevirt";

impl Scene {
    /// Turns a gate on that is off, and off again when the body has ended. KubeVirt's controllers
    /// follow within a second. Its operator may begin to install KubeVirt anew, which on tainted
    /// nodes it can't, and is waited for until it has thought better of it.
    ///
    /// # Errors
    /// Those of the body, or how far KubeVirt came.
    pub async fn with_gate(
        &self,
        gate: &str,
        body: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<()> {
        self.wait_kubevirt().await?;
        let before = self.kubevirt().await?;
        let before = &before["spec"]["configuration"]["developerConfiguration"]["featureGates"];
        let mut with = before.clone();
        if let Value::Array(list) = &mut with {
            list.push(gate.into());
        }
        self.set_gates(&with).await?;
        self.say(&format!("gate {gate} is on"));
        let result = body().await;
        self.set_gates(before).await?;
        self.say(&format!("gate {gate} is off"));
        let settled = self.wait_kubevirt().await;
        result.and(settled)
    }

    async fn kubevirt(&self) -> Result<Value> {
        self.cluster.get(kind::KUBEVIRT, KUBEVIRT, KUBEVIRT).await
    }

    async fn set_gates(&self, gates: &Value) -> Result<()> {
        let gates = json!({"developerConfiguration": {"featureGates": gates}});
        let patch = json!({"spec": {"configuration": gates}});
        let patched = self
            .cluster
            .merge(kind::KUBEVIRT, KUBEVIRT, KUBEVIRT, &patch);
        patched.await.map(drop)
    }

    /// What its operator has installed is what it wants to. Not that it is Available: its DaemonSet
    /// does not tolerate the taint, so the operator waits for it whenever it looks again.
    async fn wait_kubevirt(&self) -> Result<()> {
        let limit = Duration::from_secs(60);
        wait::until("KubeVirt to have settled", limit, async || {
            let kubevirt = self.kubevirt().await?;
            let status = &kubevirt["status"];
            let (is, wanted) = (
                &status["observedDeploymentID"],
                &status["targetDeploymentID"],
            );
            let settled = is == wanted && text(&status["phase"]) == "Deployed";
            Ok(Look::of(settled.then_some(()), || {
                format!("{is} of {wanted}, {}", seen::line(&kubevirt))
            }))
        })
        .await
    }
}

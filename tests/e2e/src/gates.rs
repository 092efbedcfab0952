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
    /// follow within a second; its operator may want to roll them too, and is waited for at the end.
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

    /// Its operator has done what the object says, and everything of it is there.
    async fn wait_kubevirt(&self) -> Result<()> {
        let limit = Duration::from_secs(240);
        wait::until("KubeVirt to have settled", limit, async || {
            let kubevirt = self.kubevirt().await?;
            let status = &kubevirt["status"];
            let seen = status["observedGeneration"] == kubevirt["metadata"]["generation"];
            let rolled = status["observedDeploymentID"] == status["targetDeploymentID"];
            let well = text(&status["phase"]) == "Deployed" && seen::is(&kubevirt, "Available");
            let settled = seen && rolled && well;
            Ok(Look::of(settled.then_some(()), || {
                format!("{seen} {rolled} {}", seen::line(&kubevirt))
            }))
        })
        .await
    }
}

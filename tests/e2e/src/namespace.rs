//! A namespace beside the story's own.

use anyhow::Result;
use serde_json::json;

use crate::kind;
use crate::seen;
use crate::story::Scene;

impl Scene {
    /// Makes a namespace that vmberth is kept away from by its label. It goes with the story's own,
    /// which owns it.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn namespace_kept_away(&self) -> Result<String> {
        let namespace = json!({"metadata": {
            "generateName": "e2e-kept-away-",
            "labels": {"vmberth.io/inject": "false"},
            "ownerReferences": [self.own_reference().await?],
        }});
        let namespace = self.cluster.create(kind::NAMESPACE, "", &namespace).await?;
        Ok(seen::name(&namespace).to_owned())
    }

    /// What makes an object without namespace go with the story's own namespace.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn own_reference(&self) -> Result<serde_json::Value> {
        let own = self
            .cluster
            .get(kind::NAMESPACE, "", &self.namespace)
            .await?;
        let uid = &own["metadata"]["uid"];
        Ok(json!({"apiVersion": "v1", "kind": "Namespace", "name": self.namespace, "uid": uid}))
    }
}

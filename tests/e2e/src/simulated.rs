//! Simulated nodes: machines on them are scheduled and said to run, but nothing runs.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::kind;
use crate::seen::name;
use crate::story::Scene;

/// The label that the plane gives to them.
const LABEL: (&str, &str) = ("type", "simulated");

/// The taint that the plane gives to them.
const TAINT: &str = "kwok.x-k8s.io/node";

impl Scene {
    /// Names of the simulated nodes.
    ///
    /// # Errors
    /// How to get some, if there is none.
    pub async fn simulated_nodes(&self) -> Result<BTreeSet<String>> {
        let (key, value) = LABEL;
        let labels = format!("{key}={value}");
        let nodes = self.cluster.list(kind::NODE, "", &labels).await?;
        ensure!(
            !nodes.is_empty(),
            "the cluster has no simulated nodes: `plane down`, then `plane up --simulated-nodes 20`"
        );
        Ok(nodes.iter().map(|node| name(node).to_owned()).collect())
    }
}

/// The VM wants a simulated node, and tolerates what they all have; of the other taints, as a user's
/// VM does, it knows nothing.
#[must_use]
pub fn on_simulated_node(mut vm: Value) -> Value {
    let (key, value) = LABEL;
    let spec = &mut vm["spec"]["template"]["spec"];
    spec["nodeSelector"] = json!({key: value});
    spec["tolerations"] = json!([{"key": TAINT, "operator": "Exists"}]);
    vm
}

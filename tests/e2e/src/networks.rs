//! Networks of virtual functions, and the functions that a pod gets for them.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::kind;
use crate::seen::{self, items};
use crate::story::Scene;

/// The network of the first pool in the stories' policy, in the VM's own namespace.
pub const NETWORK: &str = "sriov-openness-vm";

/// The resource of that pool.
pub const FUNCTION: &str = "intel.com/intel_sriov_vm";

/// Says on a network which resource its pods need.
const RESOURCE_NAME: &str = "k8s.v1.cni.cncf.io/resourceName";

/// The container that runs the guest.
const COMPUTE: &str = "compute";

impl Scene {
    /// Makes a NetworkAttachmentDefinition whose pods need this resource.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn network(&self, name: &str, resource: Option<&str>) -> Result<()> {
        let object = json!({
            "apiVersion": "k8s.cni.cncf.io/v1",
            "kind": "NetworkAttachmentDefinition",
            "metadata": {"name": name, "annotations": {RESOURCE_NAME: resource}},
            "spec": {"config": json!({"cniVersion": "0.3.1", "type": "sriov"}).to_string()},
        });
        self.cluster
            .create(kind::NETWORK, &self.namespace, &object)
            .await
            .map(drop)
    }
}

/// The container `compute` asks for exactly this many virtual functions, in requests and in limits,
/// and no other container for any.
///
/// # Errors
/// What each container asks for.
pub fn assert_functions(pod: &Value, wanted: u64) -> Result<()> {
    let spec = &pod["spec"];
    let containers = items(&spec["containers"])
        .iter()
        .chain(items(&spec["initContainers"]));
    let asks = |container: &Value| {
        let of = |list: &str| &container["resources"][list][FUNCTION];
        let (requests, limits) = (of("requests"), of("limits"));
        let any = !requests.is_null() || !limits.is_null();
        any.then(|| format!("{} {requests} of {limits}", container["name"]))
    };
    let found: Vec<_> = containers.filter_map(asks).collect();
    let expected = (wanted > 0).then(|| format!(r#""{COMPUTE}" "{wanted}" of "{wanted}""#));
    ensure!(
        found == Vec::from_iter(expected),
        "{} asks for {FUNCTION} by {found:?}, wanted {wanted} on {COMPUTE}",
        seen::line(pod)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(containers: &Value) -> Value {
        json!({"metadata": {"name": "a"}, "spec": {"containers": containers}})
    }

    fn asks(name: &str, requests: &str, limits: &str) -> Value {
        json!({"name": name, "resources": {
            "requests": {FUNCTION: requests}, "limits": {FUNCTION: limits}}})
    }

    #[test]
    fn only_the_right_number_in_the_right_place_counts() {
        let right = pod(&json!([asks("compute", "2", "2"), {"name": "other"}]));
        assert_functions(&right, 2).unwrap();
        assert!(assert_functions(&right, 1).is_err() && assert_functions(&right, 0).is_err());
        assert_functions(&pod(&json!([{"name": "compute"}])), 0).unwrap();
        for wrong in [
            json!([asks("compute", "2", "4")]),
            json!([asks("compute", "2", "2"), asks("other", "2", "2")]),
            json!([asks("other", "2", "2")]),
            json!([{"name": "compute"}]),
        ] {
            assert!(assert_functions(&pod(&wrong), 2).is_err(), "{wrong}");
        }
    }
}

//! What network-resources-injector (Network Plumbing Working Group, pkg/webhook/webhook.go) does to
//! a pod, as far as resources go (facts: kubevirt-cdi 2).
//!
//! It counts the resources of the pod's networks, leaves those alone that any container names
//! already, and gives the rest to the first container, as much in requests as in limits. The volume
//! by which the real one tells a pod about its devices is left out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::seen::{items, text};

/// Names of the pod's networks, as namespace and name.
#[must_use]
pub fn networks(pod: &Value, namespace: &str) -> Vec<(String, String)> {
    let annotation = text(&pod["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"]);
    let list: Value = serde_json::from_str(annotation).unwrap_or_default();
    let network = |one: &Value| {
        let own = match text(&one["namespace"]) {
            "" => namespace,
            other => other,
        };
        (own.to_owned(), text(&one["name"]).to_owned())
    };
    items(&list).iter().map(network).collect()
}

/// The patch that gives these resources, each named once for every network, to the pod.
#[must_use]
pub fn patch(pod: &Value, resources: &[String]) -> Vec<Value> {
    let containers = items(&pod["spec"]["containers"]);
    let named = |resource: &str| {
        containers.iter().any(|container| {
            ["requests", "limits"]
                .iter()
                .any(|list| !container["resources"][list][resource].is_null())
        })
    };
    let mut counts = BTreeMap::new();
    for resource in resources.iter().filter(|resource| !named(resource)) {
        *counts.entry(resource).or_insert(0_u32) += 1;
    }
    let mut patch = Vec::new();
    if counts.is_empty() {
        return patch;
    }
    let path = "/spec/containers/0/resources";
    let own = containers.first().map(|first| &first["resources"]);
    if own.is_none_or(Value::is_null) {
        patch.push(json!({"op": "add", "path": path, "value": {}}));
    }
    for list in ["requests", "limits"] {
        if own.is_none_or(|own| own[list].is_null()) {
            patch.push(json!({"op": "add", "path": format!("{path}/{list}"), "value": {}}));
        }
        for (resource, count) in &counts {
            let name = resource.replace('~', "~0").replace('/', "~1");
            let path = format!("{path}/{list}/{name}");
            patch.push(json!({"op": "add", "path": path, "value": count.to_string()}));
        }
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_without_namespace_is_in_the_pods_own() {
        let list = json!([{"name": "a"}, {"name": "b", "namespace": "other"}]).to_string();
        let pod = json!({"metadata": {"annotations": {"k8s.v1.cni.cncf.io/networks": list}}});
        let names = networks(&pod, "own");
        let expected = [("own", "a"), ("other", "b")].map(|(n, m)| (n.to_owned(), m.to_owned()));
        assert_eq!(names, expected);
    }

    #[test]
    fn a_resource_that_is_named_is_left_alone() {
        let wanted = ["x/y".to_owned(), "x/y".to_owned()];
        let pod = |resources: Value| json!({"spec": {"containers": [{"resources": resources}]}});
        let paths = |pod: &Value| -> Vec<String> {
            let all = patch(pod, &wanted);
            all.iter().map(|op| text(&op["path"]).to_owned()).collect()
        };
        let there = pod(json!({"limits": {"x/y": "2"}}));
        assert!(paths(&there).is_empty());
        let own = "/spec/containers/0/resources";
        let some = pod(json!({"limits": {"cpu": "1"}}));
        let expected = ["/requests", "/requests/x~1y", "/limits/x~1y"];
        assert_eq!(paths(&some), expected.map(|end| format!("{own}{end}")));
        assert_eq!(patch(&some, &wanted)[2]["value"], "2");
    }
}

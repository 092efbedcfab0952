//! What pods and VMs ask for, and when things happened, in JSON of the API server.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;
use vmberth_decide::quantity::parse_bytes;
use vmberth_e2e::networks::FUNCTION;
use vmberth_e2e::pod::node_of;
use vmberth_e2e::seen::{items, text};

/// Resources that are counted.
pub(crate) const COUNTED: [&str; 2] = [FUNCTION, "hugepages-2Mi"];

/// Node and resource, and how much.
pub(crate) type Amounts = BTreeMap<(String, String), u64>;

/// What pods that have not ended ask of their nodes.
pub(crate) fn requests_by_node(pods: &[Value]) -> Amounts {
    let mut sums = Amounts::new();
    for pod in pods
        .iter()
        .filter(|pod| is_live(pod) && !node_of(pod).is_empty())
    {
        for container in items(&pod["spec"]["containers"]) {
            for resource in COUNTED {
                let asked = amount(&container["resources"]["requests"][resource]);
                if asked > 0 {
                    let of = (node_of(pod).to_owned(), resource.to_owned());
                    let sum = sums.entry(of).or_default();
                    *sum = sum.saturating_add(asked);
                }
            }
        }
    }
    sums
}

/// What the VM will ask of its node.
pub(crate) fn needs(vm: &Value) -> Vec<(String, u64)> {
    let spec = &vm["spec"]["template"]["spec"];
    let functions = items(&spec["domain"]["devices"]["interfaces"]).iter();
    let functions = functions.filter(|one| !one["sriov"].is_null()).count() as u64;
    let pages = if spec["domain"]["memory"]["hugepages"].is_null() {
        0
    } else {
        amount(&spec["domain"]["memory"]["guest"])
    };
    COUNTED
        .map(str::to_owned)
        .into_iter()
        .zip([functions, pages])
        .collect()
}

/// Whether it has not ended.
pub(crate) fn is_live(pod: &Value) -> bool {
    !["Succeeded", "Failed"].contains(&text(&pod["status"]["phase"]))
}

/// A quantity, as a number.
pub(crate) fn amount(quantity: &Value) -> u64 {
    parse_bytes(text(quantity)).unwrap_or(0)
}

/// A time of the API server, in seconds since 1970.
pub(crate) fn at(time: &Value) -> Option<i64> {
    let time: Time = serde_json::from_value(time.clone()).ok()?;
    Some(time.0.as_second())
}

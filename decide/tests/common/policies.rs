//! Policies that a cluster could have, read from their file as in the cluster.

use proptest::prelude::*;
use serde_json::{Value, json};
use vmberth_decide::names;
use vmberth_decide::policy::Policy;

use super::json::{Part, list, map, one_of, only};
use super::{Cluster, World};

/// A policy and what is known of the cluster.
pub fn worlds() -> impl Strategy<Value = World> {
    let cluster = prop_oneof![Just(Cluster::Watched), Just(Cluster::Unwatched)];
    (policies(), cluster).prop_map(|(policy, cluster)| World { policy, cluster })
}

fn policies() -> impl Strategy<Value = Policy> {
    let fields = map(
        vec![
            ("tolerations", tolerations()),
            ("storageClasses", classes()),
            ("profiles", profiles()),
        ],
        vec![
            ("hugepages", one_of(&["none", "2Mi", "1Gi"])),
            ("vfPools", pools()),
            ("podInterface", one_of(&["bridge", "masquerade"])),
            ("daemonSets", only(json!(["edge/sriov-device-plugin"]))),
            ("schedulerName", one_of(&["", "vmberth-scheduler"])),
            ("requestBerth", any::<bool>().prop_map(Value::from).boxed()),
            ("plainPasswords", one_of(&["ignore", "warn", "deny"])),
            ("infeasible", one_of(&["ignore", "warn", "deny"])),
        ],
    );
    fields.prop_map(|mut file| {
        file["apiVersion"] = names::POLICY_API_VERSION.into();
        file["kind"] = names::POLICY_KIND.into();
        Policy::from_yaml(&file.to_string()).expect("the policy is valid")
    })
}

fn tolerations() -> Part {
    let form = prop::sample::select(vec![
        json!({"operator": "Exists"}),
        json!({"value": "true"}),
        json!({"operator": "Exists", "effect": "NoSchedule"}),
        json!({"operator": "Equal", "value": "x", "effect": "NoExecute", "tolerationSeconds": 3}),
    ]);
    let one = (one_of(&["cmk", "a", "b"]), form).prop_map(|(key, mut toleration)| {
        toleration["key"] = key;
        toleration
    });
    list(one.boxed(), 3)
}

fn pools() -> Part {
    let pools = json!([
        {"resource": super::VFS, "network": "default/sriov-openness-vm"},
        {"resource": "intel.com/slow", "network": "slow"},
    ]);
    let pools = pools.as_array().cloned().unwrap_or_default();
    prop::sample::subsequence(pools, 0..=2)
        .prop_map(Value::from)
        .boxed()
}

fn classes() -> Part {
    let settings = (
        prop::sample::select(vec!["WaitForFirstConsumer", "Immediate"]),
        prop::sample::select(vec!["0", "0.06", "0.055", "0.999999"]),
        any::<bool>(),
        any::<bool>(),
    );
    let class = settings.prop_map(|(mode, overhead, fit, scratch)| {
        json!({
            "bindingMode": mode,
            "filesystemOverhead": overhead,
            "fitOverhead": fit,
            "requireScratch": scratch,
        })
    });
    (prop::collection::vec(class, 0..=2), 0..3_usize)
        .prop_map(|(mut classes, default)| {
            for (at, class) in classes.iter_mut().enumerate() {
                class["name"] = ["local-vd", "fast-vd"][at].into();
                class["default"] = (at == default).into();
            }
            Value::from(classes)
        })
        .boxed()
}

/// Named sets of wishes; they never rely on a pool, since there may be none.
fn profiles() -> Part {
    let selector = prop::sample::select(vec![
        json!({}),
        json!({"matchLabels": {"size": "large"}}),
        json!({"matchExpressions": [{"key": "size", "operator": "NotIn", "values": ["small"]}]}),
        json!({"matchExpressions": [{"key": "size", "operator": "Exists"}]}),
        json!({"matchLabels": {"size": "none-has-this"}}),
    ]);
    let profile = map(
        vec![],
        vec![
            ("selector", selector.boxed()),
            ("hugepages", one_of(&["2Mi", "1Gi", "none"])),
            ("vfs", one_of(&["fast=2", "edge/slow=1", "0"])),
            ("sshKeys", one_of(&["my-keys", "other-keys"])),
        ],
    );
    prop::collection::vec(profile, 0..=3)
        .prop_map(|mut profiles| {
            for (at, profile) in profiles.iter_mut().enumerate() {
                profile["name"] = ["fast", "slow", "gold"][at].into();
            }
            Value::from(profiles)
        })
        .boxed()
}

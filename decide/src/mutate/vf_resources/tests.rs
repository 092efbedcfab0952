use rstest::rstest;
use serde_json::{Value, json};

use crate::mutate::testing::{Cluster, admitted, quiet};
use crate::subject::Kind;

const TWO: &str = r#"[{"name": "fast", "namespace": "sriov", "interface": "a"}, {"name": "fast", "namespace": "sriov"}]"#;

fn cluster() -> Cluster {
    Cluster {
        networks: [
            ("sriov/fast", Some("intel.com/vm")),
            ("edge/slow", Some("intel.com/slow")),
            ("edge/bare", None),
        ]
        .into(),
        ..Cluster::default()
    }
}

fn launcher(networks: &str, containers: &Value) -> (Value, String) {
    let pod = json!({
        "metadata": {
            "labels": {"kubevirt.io": "virt-launcher"},
            "annotations": {"k8s.v1.cni.cncf.io/networks": networks},
        },
        "spec": {"containers": containers},
    });
    let (after, told) = admitted(Kind::Pod, &pod, &quiet(), &cluster());
    (after["spec"]["containers"].clone(), told)
}

fn both(count: &str) -> Value {
    json!({"requests": {"intel.com/vm": count}, "limits": {"intel.com/vm": count}})
}

#[rstest]
#[case::no_resources(json!([{"name": "compute"}]))]
#[case::resources_null(json!([{"name": "compute", "resources": null}]))]
#[case::empty_resources(json!([{"name": "compute", "resources": {}}]))]
#[case::kubevirt_has_put_them_there(json!([{"name": "compute", "resources": both("2")}]))]
#[case::one_explicit_number_hides_a_second_network(json!([{"name": "compute", "resources": both("1")}]))]
#[case::request_without_limit(json!([{"name": "compute", "resources": {"requests": {"intel.com/vm": "2"}}}]))]
#[case::as_numbers(json!([{"name": "compute", "resources": {"requests": {"intel.com/vm": 1}, "limits": {}}}]))]
fn compute_has_as_many_as_there_are_networks(#[case] containers: Value) {
    let (after, _) = launcher(TWO, &containers);
    assert_eq!(after[0]["resources"], both("2"));
}

#[test]
fn other_resources_of_compute_stay() {
    let resources = json!({"requests": {"cpu": "100m"}, "limits": {"devices.kubevirt.io/tun": "1"}, "claims": []});
    let (after, _) = launcher(
        TWO,
        &json!([{"name": "log"}, {"name": "compute", "resources": resources}]),
    );
    assert_eq!(
        after[1]["resources"],
        json!({
            "requests": {"cpu": "100m", "intel.com/vm": "2"},
            "limits": {"devices.kubevirt.io/tun": "1", "intel.com/vm": "2"},
            "claims": [],
        })
    );
    assert_eq!(after[0], json!({"name": "log"}));
}

#[test]
fn what_an_injector_put_into_another_container_counts() {
    let containers =
        json!([{"name": "hook", "resources": both("2")}, {"name": "compute", "resources": {}}]);
    let (after, told) = launcher(TWO, &containers);
    assert_eq!(after, containers);
    assert_eq!(told, "left alone: everything is there already");
}

#[test]
fn more_than_needed_is_left_as_it_is() {
    let containers = json!([{"name": "compute", "resources": both("3")}]);
    assert_eq!(launcher(TWO, &containers).0, containers);
}

#[test]
fn each_resource_is_counted_for_itself() {
    let networks = "sriov/fast@net1, slow, bare";
    let (after, _) = launcher(networks, &json!([{"name": "compute"}]));
    let counts = json!({"intel.com/slow": "1", "intel.com/vm": "1"});
    assert_eq!(
        after[0]["resources"],
        json!({"requests": counts, "limits": counts})
    );
}

#[rstest]
#[case::unknown_network("gone,sriov/fast", "note: network edge/gone: no such")]
#[case::broken_list("[{]", "note: annotation k8s.v1.cni.cncf.io/networks cannot be read")]
#[case::list_of_numbers("[1]", "note: annotation k8s.v1.cni.cncf.io/networks cannot be read")]
fn what_is_not_understood_leaves_the_pod_alone(#[case] networks: &str, #[case] words: &str) {
    let containers = json!([{"name": "compute"}]);
    let (after, told) = launcher(networks, &containers);
    assert_eq!(after, containers);
    assert!(told.contains(words), "{told}");
}

#[test]
fn pod_without_compute_is_left_alone() {
    let containers = json!([{"name": "other"}]);
    let (after, told) = launcher(TWO, &containers);
    assert_eq!(after, containers);
    assert!(told.contains("note: no container compute"), "{told}");
}

#[test]
fn network_instead_of_the_clusters_default_counts() {
    let pod = json!({
        "metadata": {
            "labels": {"kubevirt.io": "virt-launcher"},
            "annotations": {"v1.multus-cni.io/default-network": "sriov/fast"},
        },
        "spec": {"containers": [{"name": "compute"}]},
    });
    let (after, _) = admitted(Kind::Pod, &pod, &quiet(), &cluster());
    assert_eq!(after["spec"]["containers"][0]["resources"], both("1"));
}

use rstest::rstest;
use serde_json::{Value, json};

use crate::mutate::testing::{Cluster, admitted, quiet};
use crate::policy::Policy;
use crate::subject::Kind;

const VFS: &str = "intel.com/vm";

fn policy() -> Policy {
    let text = "
apiVersion: vmberth.io/v1alpha1
kind: Policy
requestBerth: true
tolerations: []
storageClasses: [{name: local, bindingMode: WaitForFirstConsumer}]
";
    Policy::from_yaml(text).unwrap()
}

fn cluster() -> Cluster {
    Cluster {
        networks: [("sriov/fast", Some(VFS))].into(),
        claims: [("edge/disk", "local"), ("edge/other", "ceph")].into(),
    }
}

fn launcher(containers: &Value) -> Value {
    json!({
        "metadata": {"labels": {"kubevirt.io": "virt-launcher"}},
        "spec": {"schedulerName": "default-scheduler", "containers": containers},
    })
}

fn worker(component: &str, claim: &str) -> Value {
    json!({
        "metadata": {
            "labels": {"app": "containerized-data-importer", "cdi.kubevirt.io": component},
            "ownerReferences": [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": claim, "controller": true}],
        },
        "spec": {"schedulerName": "default-scheduler", "containers": [{"name": "work"}, {"name": "server"}]},
    })
}

fn containers(pod: &Value, policy: &Policy) -> (Value, String) {
    let (after, told) = admitted(Kind::Pod, pod, policy, &cluster());
    (after["spec"]["containers"].clone(), told)
}

fn berth() -> Value {
    json!({"requests": {"vmberth.io/berth": "1"}, "limits": {"vmberth.io/berth": "1"}})
}

#[rstest]
#[case::no_resources(json!({"name": "compute"}))]
#[case::null(json!({"name": "compute", "resources": null}))]
#[case::empty(json!({"name": "compute", "resources": {}}))]
#[case::request_without_limit(json!({"name": "compute", "resources": {"requests": {"vmberth.io/berth": "1"}}}))]
#[case::there_already(json!({"name": "compute", "resources": berth()}))]
fn launchers_have_one_on_the_container_of_the_guest(#[case] compute: Value) {
    let pod = launcher(&json!([{"name": "log"}, compute]));
    let (after, _) = containers(&pod, &policy());
    assert_eq!(after[0], json!({"name": "log"}));
    assert_eq!(after[1]["resources"], berth());
}

#[test]
fn it_is_told_with_its_reason() {
    let (_, told) = containers(&launcher(&json!([{"name": "compute"}])), &policy());
    assert!(
        told.contains("resources.limits=1 vmberth.io/berth (policy requestBerth)"),
        "{told}"
    );
}

/// Both injections write into the same maps.
#[rstest]
#[case::no_resources(json!({"name": "compute"}))]
#[case::requests_only(json!({"name": "compute", "resources": {"requests": {}}}))]
#[case::both(json!({"name": "compute", "resources": {"requests": {}, "limits": {}}}))]
#[case::functions_are_there(json!({"name": "compute", "resources": {"requests": {VFS: "1"}, "limits": {VFS: "1"}}}))]
fn it_stands_beside_virtual_functions(#[case] compute: Value) {
    let mut pod = launcher(&json!([compute]));
    pod["metadata"]["annotations"] = json!({"k8s.v1.cni.cncf.io/networks": "sriov/fast"});
    let (after, _) = containers(&pod, &policy());
    let both = json!({VFS: "1", "vmberth.io/berth": "1"});
    assert_eq!(
        after[0]["resources"],
        json!({"requests": both, "limits": both})
    );
}

#[rstest]
#[case::import("importer", "disk", true)]
#[case::upload("cdi-upload-server", "disk", true)]
#[case::preparation("cdi-populator-prep", "disk", true)]
#[case::clone_source("cdi-clone-source", "disk", false)]
#[case::other_class("importer", "other", false)]
fn pods_of_cdi_by_class(#[case] component: &str, #[case] claim: &str, #[case] expected: bool) {
    let (after, told) = containers(&worker(component, claim), &policy());
    let expected = if expected { berth() } else { Value::Null };
    assert_eq!(after[0]["resources"], expected, "{told}");
    assert_eq!(after[1], json!({"name": "server"}));
}

#[test]
fn claim_that_nobody_knows_is_noted_once() {
    let policy = Policy {
        scheduler_name: Some("mine".to_owned()),
        ..policy()
    };
    let (after, told) = containers(&worker("importer", "gone"), &policy);
    assert_eq!(after[0], json!({"name": "work"}));
    assert_eq!(told.matches("no such claim is known").count(), 1, "{told}");
}

#[rstest]
#[case::of_the_cluster("default-scheduler", None, true)]
#[case::empty("", None, true)]
#[case::of_the_policy("mine", Some("mine"), true)]
#[case::foreign("other", Some("mine"), false)]
#[case::before("vmberth-scheduler", None, false)]
fn other_schedulers_would_look_for_a_node_that_has_it(
    #[case] name: &str,
    #[case] of_policy: Option<&str>,
    #[case] expected: bool,
) {
    let policy = Policy {
        scheduler_name: of_policy.map(str::to_owned),
        ..policy()
    };
    let mut pod = launcher(&json!([{"name": "compute"}]));
    pod["spec"]["schedulerName"] = name.into();
    let (after, told) = containers(&pod, &policy);
    let expected = if expected { berth() } else { Value::Null };
    assert_eq!(after[0]["resources"], expected, "{told}");
}

#[test]
fn a_pod_gets_a_scheduler_and_a_berth_at_once() {
    let policy = Policy {
        scheduler_name: Some("mine".to_owned()),
        ..policy()
    };
    let pod = worker("importer", "disk");
    let (after, _) = admitted(Kind::Pod, &pod, &policy, &cluster());
    assert_eq!(after["spec"]["schedulerName"], "mine");
    assert_eq!(after["spec"]["containers"][0]["resources"], berth());
}

#[rstest]
#[case::export(json!({"kubevirt.io": "virt-exporter"}))]
#[case::poller(json!({"cdi.kubevirt.io/dataImportCronPoller": ""}))]
#[case::foreign(json!({"app": "web"}))]
fn pods_that_no_volume_is_chosen_for(#[case] labels: Value) {
    let mut pod = launcher(&json!([{"name": "compute"}]));
    pod["metadata"]["labels"] = labels;
    assert_eq!(containers(&pod, &policy()).0, json!([{"name": "compute"}]));
}

#[test]
fn without_the_policys_word_nothing_is_requested() {
    let pod = launcher(&json!([{"name": "compute"}]));
    let (after, told) = containers(&pod, &quiet());
    assert_eq!(after, json!([{"name": "compute"}]));
    assert_eq!(told, "left alone: everything is there already");
}

use rstest::rstest;
use serde_json::{Value, json};

use crate::mutate::testing::{Cluster, admitted, applied, decide, one_function_for_all, quiet, vm};
use crate::policy::{Policy, VfPool};
use crate::subject::Kind;

fn policy() -> Policy {
    let pool = VfPool {
        resource: "intel.com/vm".to_owned(),
        network: "sriov/fast".to_owned(),
    };
    Policy {
        vf_pools: vec![pool],
        ..quiet()
    }
}

fn spec(cloud_init: &Value) -> Value {
    json!({"domain": {}, "volumes": [{"name": "root"}, cloud_init]})
}

fn no_cloud() -> Value {
    json!({"name": "seed", "cloudInitNoCloud": {"userData": "#cloud-config\n"}})
}

fn machine(addresses: &str, spec: &Value) -> Value {
    vm(
        &json!({"vmberth.io/vfs": "2", "vmberth.io/addresses": addresses}),
        spec,
    )
}

fn told(object: &Value) -> String {
    admitted(Kind::VirtualMachine, object, &policy(), &Cluster::default()).1
}

#[rstest]
#[case::no_cloud("cloudInitNoCloud")]
#[case::config_drive("cloudInitConfigDrive")]
fn addresses_are_matched_by_mac_beside_the_pods_dhcp(#[case] field: &str) {
    let seed = json!({"name": "seed", field: {"userData": "#cloud-config\n"}});
    let object = machine("vf1=192.168.20.5/24,vf1=fd00::5/64", &spec(&seed));
    let (after, _) = admitted(
        Kind::VirtualMachine,
        &object,
        &policy(),
        &Cluster::default(),
    );
    let spec = &after["spec"]["template"]["spec"];
    let interfaces = &spec["domain"]["devices"]["interfaces"];
    let mac = |at: usize| interfaces[at]["macAddress"].as_str().unwrap_or("none");
    assert_eq!(mac(1), "none", "vf0 has no address");
    let data = format!(
        "# by vmberth, from annotation vmberth.io/addresses\nversion: 2\nethernets:\n  \
         \"default\":\n    match: {{macaddress: \"{}\"}}\n    dhcp4: true\n  \
         \"vf1\":\n    match: {{macaddress: \"{}\"}}\n    \
         addresses: [\"192.168.20.5/24\", \"fd00::5/64\"]\n",
        mac(0),
        mac(2),
    );
    assert_eq!(spec["volumes"][1][field]["networkData"], data);
    assert_eq!(spec["volumes"][1][field]["userData"], "#cloud-config\n");
    assert!(mac(2).starts_with("02:") && mac(2).len() == 17 && mac(0) != mac(2));
}

#[test]
fn mac_of_the_user_stays() {
    let mut object = machine("mine=10.0.0.5/8", &spec(&no_cloud()));
    object["spec"]["template"]["spec"]["networks"] =
        json!([{"name": "mine", "multus": {"networkName": "sriov/fast"}}]);
    object["spec"]["template"]["spec"]["domain"]["devices"] =
        json!({"interfaces": [{"name": "mine", "sriov": {}, "macAddress": "02-AA-00-00-00-01"}]});
    let (after, _) = admitted(
        Kind::VirtualMachine,
        &object,
        &policy(),
        &Cluster::default(),
    );
    let spec = &after["spec"]["template"]["spec"];
    assert_eq!(
        spec["domain"]["devices"]["interfaces"][0]["macAddress"],
        "02-AA-00-00-00-01"
    );
    let data = spec["volumes"][1]["cloudInitNoCloud"]["networkData"]
        .as_str()
        .unwrap();
    assert!(data.contains("macaddress: \"02:aa:00:00:00:01\""), "{data}");
}

#[test]
fn empty_mac_of_the_user_is_none() {
    let mut object = machine("mine=10.0.0.5/8", &spec(&no_cloud()));
    object["spec"]["template"]["spec"]["networks"] =
        json!([{"name": "mine", "multus": {"networkName": "sriov/fast"}}]);
    object["spec"]["template"]["spec"]["domain"]["devices"] =
        json!({"interfaces": [{"name": "mine", "sriov": {}, "macAddress": ""}]});
    let cluster = Cluster::default();
    let (after, _) = admitted(Kind::VirtualMachine, &object, &policy(), &cluster);
    let spec = &after["spec"]["template"]["spec"];
    let mac = &spec["domain"]["devices"]["interfaces"][0]["macAddress"];
    let data = &spec["volumes"][1]["cloudInitNoCloud"]["networkData"];
    assert!(mac.as_str().is_some_and(|mac| mac.len() == 17), "{mac}");
    assert!(
        data.as_str()
            .is_some_and(|data| data.contains(&mac.to_string())),
        "{data}"
    );
}

#[rstest]
#[case::own_network_data(json!({"userData": "x", "networkData": "version: 2"}), "found networkData of the user")]
#[case::own_in_base64(json!({"networkDataBase64": "eA=="}), "found networkDataBase64 of the user")]
#[case::own_in_a_secret(json!({"networkDataSecretRef": {"name": "x"}}), "can't read Secrets")]
#[case::user_data_in_a_secret(json!({"secretRef": {"name": "x"}}), "found secretRef of the user")]
fn what_the_user_wrote_is_never_overwritten(#[case] seed: Value, #[case] words: &str) {
    let seed = json!({"name": "seed", "cloudInitNoCloud": seed});
    let told = told(&machine("vf0=10.0.0.5/8", &spec(&seed)));
    let path = "denied (422): spec.template.spec.volumes[1].cloudInitNoCloud: ";
    assert!(told.starts_with(path) && told.contains(words), "{told}");
}

#[rstest]
#[case::no_such_interface("vf7=10.0.0.5/8", spec(&no_cloud()), "one of the VM's interfaces: default, vf0, vf1")]
#[case::pods_own("default=10.0.0.5/8", spec(&no_cloud()), "an interface of another network")]
#[case::no_cloud_init("vf0=10.0.0.5/8", json!({"domain": {}}), "a volume with cloudInitNoCloud")]
fn impossible_wishes_say_what_would_do(
    #[case] wish: &str,
    #[case] spec: Value,
    #[case] words: &str,
) {
    let told = told(&machine(wish, &spec));
    let path = "denied (422): spec.template.metadata.annotations[vmberth.io/addresses]: found ";
    assert!(told.starts_with(path) && told.contains(words), "{told}");
}

#[test]
fn name_to_be_generated_gives_no_mac() {
    let mut object = machine("vf0=10.0.0.5/8", &spec(&no_cloud()));
    object["metadata"] = json!({"generateName": "vm-"});
    assert!(told(&object).contains("expected metadata.name instead of generateName"));
}

#[test]
fn template_of_many_cannot_have_one_address() {
    let object = machine("vf0=10.0.0.5/8", &spec(&no_cloud()));
    let (_, told) = admitted(Kind::ReplicaSet, &object, &policy(), &Cluster::default());
    assert!(
        told.contains("every instance would get the same ones"),
        "{told}"
    );
}

#[test]
fn changed_annotation_changes_what_is_ours() {
    let old = machine("vf0=10.0.0.5/8", &spec(&no_cloud()));
    let (old, _) = admitted(Kind::VirtualMachine, &old, &policy(), &Cluster::default());
    let mut new = old.clone();
    new["spec"]["template"]["metadata"]["annotations"]["vmberth.io/addresses"] =
        "vf0=10.0.0.6/8".into();
    let decision = decide(
        Kind::VirtualMachine,
        &new,
        Some(&old),
        &policy(),
        &Cluster::default(),
    )
    .unwrap();
    let after = applied(&new, &decision.edits);
    let data = &after["spec"]["template"]["spec"]["volumes"][1]["cloudInitNoCloud"]["networkData"];
    assert!(data.as_str().unwrap().contains("10.0.0.6/8"), "{data}");
}

#[rstest]
#[case::interfaces_of_vmberth(json!({"domain": {}}))]
#[case::interfaces_of_the_user(json!({
    "domain": {"devices": {"interfaces": [{"name": "lan", "masquerade": {}}, {"name": "vf0", "sriov": {}}]}},
    "networks": [{"name": "lan", "pod": {}}, {"name": "vf0", "multus": {"networkName": "sriov/fast"}}],
}))]
fn manifest_that_is_applied_again_gives_the_same_object(#[case] mut spec: Value) {
    spec["volumes"] = json!([{"name": "root"}, no_cloud()]);
    let manifest = machine("vf0=10.0.0.5/8", &spec);
    let cluster = Cluster::default();
    let (stored, _) = admitted(Kind::VirtualMachine, &manifest, &policy(), &cluster);
    // kubectl's merge patch and server-side apply replace lists as a whole, and keep other fields.
    let mut again = stored.clone();
    let place = "/spec/template/spec";
    for list in ["/volumes", "/networks", "/domain/devices/interfaces"] {
        if let Some(written) = manifest.pointer(&format!("{place}{list}")) {
            *again.pointer_mut(&format!("{place}{list}")).unwrap() = written.clone();
        }
    }
    assert_ne!(again, stored);
    let decision = decide(
        Kind::VirtualMachine,
        &again,
        Some(&stored),
        &policy(),
        &cluster,
    )
    .unwrap();
    assert_eq!(applied(&again, &decision.edits), stored);
}

#[test]
fn addresses_bring_no_functions_of_a_newer_policy() {
    let spec = json!({
        "domain": {"devices": {"interfaces": [{"name": "mine", "bridge": {}}]}},
        "networks": [{"name": "mine", "multus": {"networkName": "plain"}}],
        "volumes": [no_cloud()],
    });
    let policy = Policy {
        profiles: vec![one_function_for_all()],
        ..policy()
    };
    let old = vm(&json!({}), &spec);
    let new = vm(&json!({"vmberth.io/addresses": "mine=10.0.0.5/8"}), &spec);
    let decision = decide(
        Kind::VirtualMachine,
        &new,
        Some(&old),
        &policy,
        &Cluster::default(),
    );
    let after = applied(&new, &decision.unwrap().edits);
    let spec = &after["spec"]["template"]["spec"];
    assert_eq!(
        spec["networks"],
        json!([{"name": "mine", "multus": {"networkName": "plain"}}])
    );
    assert!(spec["volumes"][0]["cloudInitNoCloud"]["networkData"].is_string());
    // Named by the VM itself, the same profile is its own wish.
    let named = vm(&json!({"vmberth.io/profile": "new"}), &spec_without_data());
    let decision = decide(
        Kind::VirtualMachine,
        &named,
        Some(&vm(&json!({}), &spec_without_data())),
        &policy,
        &Cluster::default(),
    );
    assert!(!decision.unwrap().edits.is_empty());
}

fn spec_without_data() -> Value {
    json!({"domain": {}})
}

mod profiles;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::event::{Claim, Event, Network, Node, Pod as PodEvent, Volume};
use crate::guest::Guest;
use crate::inventory::{NodeInventoryStatus, VfPool};
use crate::pages::PageSize;
use crate::policy::Policy;
use crate::view;

const POOL: &str = "intel.com/intel_sriov_vm";
const GI: u64 = 1 << 30;

fn name(name: &str) -> ObjectName {
    ("edge".into(), name.into())
}

fn claim(bytes: u64, volume: Option<&str>, needs_scratch: bool) -> Claim {
    Claim {
        class: "local-vd".into(),
        bytes,
        volume: volume.map(Into::into),
        needs_scratch,
        ..Claim::default()
    }
}

/// `vm` has the disks `root` and `data`, one function, 32 pages, and a selector.
fn vm() -> Event {
    let volumes = ["root", "data"].map(|disk| json!({"name": disk, "dataVolume": {"name": disk}}));
    let spec = json!({
        "volumes": volumes,
        "nodeSelector": {"rack": "a"},
        "domain": {
            "memory": {"guest": "64Mi", "hugepages": {"pageSize": "2Mi"}},
            "devices": {"interfaces": [{"name": "vf", "sriov": {}}]},
            "resources": {"requests": {"nvidia.com/gpu": "1"}},
        },
        "networks": [{"name": "vf", "multus": {"networkName": "net"}}],
    });
    let template = json!({
        "metadata": {"name": "data"},
        "spec": {"source": {"blank": {}}, "pvc": {"storageClassName": "local-vd", "resources": {"requests": {"storage": "5Gi"}}}},
    });
    let machine = json!({"spec": {"running": true, "template": {"spec": spec}, "dataVolumeTemplates": [template]}});
    let text = machine.to_string();
    let machine: view::placed::Machine<'_> = serde_json::from_str(&text).unwrap();
    Event::Machine(
        name("vm"),
        Some(Box::new(Guest::of_machine(&machine, "edge"))),
    )
}

fn cluster() -> Index {
    let inventory = NodeInventoryStatus {
        vf_pools: vec![VfPool {
            resource: POOL.to_owned(),
            ..VfPool::default()
        }],
        ..NodeInventoryStatus::default()
    };
    let network = Network {
        resource: Some(POOL.into()),
    };
    let mut index = Index::default();
    for event in [
        Event::Node("edge-1".into(), Some(Node::default())),
        Event::Inventory("edge-1".into(), Some(Box::new(inventory))),
        Event::Network(name("net"), Some(network)),
        vm(),
        Event::Claim(name("root"), Some(claim(15 * GI, None, true))),
        Event::Claim(name("root-scratch"), Some(claim(15 * GI, None, false))),
    ] {
        index.apply(event);
    }
    index
}

fn pod(labels: &Value, owner: (&str, &str), claims: &[&str], requests: &Value) -> Value {
    let volumes: Vec<Value> = claims
        .iter()
        .map(|claim| json!({"name": claim, "persistentVolumeClaim": {"claimName": claim}}))
        .collect();
    json!({
        "metadata": {
            "namespace": "edge", "name": "pod", "labels": labels,
            "ownerReferences": [{"apiVersion": "v1", "kind": owner.0, "name": owner.1, "controller": true}],
        },
        "spec": {"volumes": volumes, "containers": [{"name": "c", "resources": {"requests": requests}}]},
    })
}

fn launcher_of(vm: &str, claims: &[&str]) -> Value {
    let labels = json!({"kubevirt.io": "virt-launcher"});
    let requests = json!({POOL: "1", "hugepages-2Mi": "64Mi", "devices.kubevirt.io/kvm": "1", "nvidia.com/gpu": "1", "cpu": "100m"});
    pod(&labels, ("VirtualMachineInstance", vm), claims, &requests)
}

fn upload(claim: &str) -> Value {
    let labels =
        json!({"app": "containerized-data-importer", "cdi.kubevirt.io": "cdi-upload-server"});
    let scratch = format!("{claim}-scratch");
    let claims = [claim, &scratch];
    pod(
        &labels,
        ("PersistentVolumeClaim", claim),
        &claims,
        &json!({"cpu": "100m"}),
    )
}

fn ask(index: &Index, pod: &Value) -> Asked {
    let text = pod.to_string();
    asked(index, &serde_json::from_str(&text).unwrap())
}

fn ours(index: &Index, pod: &Value) -> Demand {
    match ask(index, pod) {
        Asked::Ours(demand) => *demand,
        other @ (Asked::Foreign | Asked::Unclear(_)) => panic!("{other:?}"),
    }
}

fn claims(demand: &Demand) -> Vec<(&str, u64)> {
    let claims = demand.claims.iter();
    claims.map(|it| (it.name.as_str(), it.bytes / GI)).collect()
}

fn all(when: When) -> Amounts {
    [
        (Counted::Vfs(POOL.into()), (1, when)),
        (Counted::Pages(PageSize::Mi2), (32, when)),
    ]
    .into()
}

/// The case that matters most: a pod that asks for a tenth of a processor decides where the VM will run.
#[test]
fn upload_of_a_disk_needs_all_that_its_vm_needs() {
    let demand = ours(&cluster(), &upload("root"));
    assert_eq!(demand.vm, Some(name("vm")));
    // Its scratch space is among the pod's claims; the other disk will be made from a template.
    assert_eq!(
        claims(&demand),
        [("root", 15), ("root-scratch", 15), ("data", 5)]
    );
    assert_eq!(demand.own, 2);
    assert_eq!(demand.counted, all(When::Later));
    let schedulable = (names::SCHEDULABLE_LABEL.to_owned(), "true".to_owned());
    let node = Node {
        labels: Arc::new([schedulable].into()),
        ..Node::default()
    };
    let tie = demand.ties.allow("edge-1", &node).unwrap_err();
    assert_eq!(tie.to_string(), "the VM's nodeSelector asks for rack=a");
}

/// Its launcher pod would ask for a label that the VM does not show.
#[test]
fn upload_of_a_disk_goes_where_its_vms_hardware_is_there() {
    let mut index = cluster();
    let cpu = json!({"model": "Haswell", "dedicatedCpuPlacement": true, "numa": {"guestMappingPassthrough": {}}});
    let spec = json!({"volumes": [{"name": "root", "dataVolume": {"name": "root"}}], "domain": {"cpu": cpu}});
    let machine = json!({"spec": {"running": true, "template": {"spec": spec}}}).to_string();
    let guest = Guest::of_machine(&serde_json::from_str(&machine).unwrap(), "edge");
    index.apply(Event::Machine(name("vm"), Some(Box::new(guest))));
    let demand = ours(&index, &upload("root"));
    assert!(demand.cells.dedicated && demand.cells.passthrough);
    let own = [names::SCHEDULABLE_LABEL, names::CPU_MANAGER_LABEL];
    let allowed = |labels: &[&str]| {
        let labels = labels.iter().map(|label| (*label, "true"));
        let (labels, offered) = crate::placing::kept(labels);
        let node = Node {
            labels: labels.into(),
            offered,
            ..Node::default()
        };
        let allowed = demand.ties.allow("edge-1", &node);
        allowed.map_err(|tie| tie.to_string())
    };
    let haswell = "cpu-model.node.kubevirt.io/Haswell";
    assert_eq!(allowed(&[own[0], own[1], haswell]), Ok(()));
    let words =
        format!("the VM's CPU model Haswell is not offered there (no label {haswell}=true)");
    assert_eq!(allowed(&own), Err(words));
    // kube-scheduler reads it in the launcher pod itself.
    let launcher = ours(&index, &launcher_of("vm", &["root"]));
    assert!(launcher.ties.placing.is_none() && launcher.cells.passthrough);
}

#[test]
fn disk_without_a_vm_needs_its_volumes() {
    let mut index = cluster();
    index.apply(Event::Machine(name("vm"), None));
    let demand = ours(&index, &upload("root"));
    assert_eq!(claims(&demand), [("root", 15), ("root-scratch", 15)]);
    assert!(demand.counted.is_empty() && demand.ties.are_none() && demand.vm.is_none());
}

/// What its VM will be is said by an annotation, or by the policy.
#[rstest]
#[case::own(Some("fast"), None, all_of_profile(2))]
#[case::of_the_policy(None, Some("fast"), all_of_profile(2))]
#[case::own_first(Some("slow"), Some("fast"), Amounts::new())]
fn disk_without_a_vm_stands_for_a_profile(
    #[case] own: Option<&str>,
    #[case] of_policy: Option<&str>,
    #[case] expected: Amounts,
) {
    let index = profiles::disk(own, None, of_policy);
    let demand = ours(&index, &upload("root"));
    assert_eq!(demand.counted, expected);
    assert!(demand.vm.is_none());
}

#[test]
fn profile_that_nobody_knows_is_named() {
    let mut index = cluster();
    index.apply(Event::Machine(name("vm"), None));
    let disk = Claim {
        profile: Some("fats".into()),
        ..claim(15 * GI, None, true)
    };
    index.apply(Event::Claim(name("root"), Some(disk)));
    let unclear = ask(&index, &upload("root"));
    assert_eq!(unclear, Asked::Unclear(Unclear::Profile("fats".to_owned())));
}

fn policy(disk_profile: Option<&str>) -> Policy {
    let text = "
apiVersion: vmberth.io/v1alpha1
kind: Policy
vfPools: [{resource: intel.com/intel_sriov_vm, network: net}]
profiles: [{name: fast, hugepages: 2Mi, vfs: '2'}, {name: slow}]
";
    Policy {
        disk_profile: disk_profile.map(str::to_owned),
        ..Policy::from_yaml(text).unwrap()
    }
}

fn all_of_profile(vfs: u64) -> Amounts {
    [
        (Counted::Vfs(POOL.into()), (vfs, When::Later)),
        (Counted::Pages(PageSize::Mi2), (1, When::Later)),
    ]
    .into()
}

#[test]
fn launcher_needs_what_it_says_now_and_volumes_for_all_disks_and_scratch() {
    let mut index = cluster();
    index.apply(Event::Claim(name("root-scratch"), None));
    index.apply(Event::Claim(name("data"), Some(claim(5 * GI, None, false))));
    let demand = ours(&index, &launcher_of("vm", &["root", "data"]));
    assert_eq!(
        claims(&demand),
        [("root", 15), ("data", 5), ("root-scratch", 15)]
    );
    assert_eq!(demand.own, 2);
    assert_eq!(demand.counted, all(When::Now));
    assert!(demand.ties.placing.is_none());
}

#[test]
fn scratch_may_be_of_a_class_of_its_own() {
    let mut index = cluster();
    let class = crate::event::Class { is_static: false };
    index.apply(Event::ScratchClass(Some("ceph".into())));
    index.apply(Event::Class("ceph".into(), Some(class)));
    index.apply(Event::Claim(name("root-scratch"), None));
    let demand = ours(&index, &launcher_of("vm", &["root"]));
    assert_eq!(claims(&demand), [("root", 15), ("data", 5)]);
}

#[test]
fn scratch_that_is_there_is_not_asked_for_again() {
    let mut index = cluster();
    let scratch = claim(15 * GI, Some("b"), false);
    index.apply(Event::Claim(name("root-scratch"), Some(scratch)));
    let demand = ours(&index, &launcher_of("vm", &["root"]));
    assert_eq!(claims(&demand), [("root", 15), ("data", 5)]);
}

/// CDI fills one disk after the other; what was scratch space is there again for the next one, or it is not.
#[rstest]
#[case::wiped("wipe", &[("root-scratch", 15)])]
#[case::kept("retain", &[("data-scratch", 5), ("root-scratch", 15)])]
fn scratch_that_is_kept_is_needed_once_for_each_disk(
    #[case] reclaim: &str,
    #[case] expected: &[(&str, u64)],
) {
    let class = format!(
        "storageClasses: [{{name: local-vd, bindingMode: WaitForFirstConsumer, scratchReclaim: {reclaim}}}]"
    );
    let text = format!("apiVersion: vmberth.io/v1alpha1\nkind: Policy\n{class}\n");
    let mut index = cluster();
    index.apply(Event::Policy(Arc::new(Policy::from_yaml(&text).unwrap())));
    index.apply(Event::Claim(name("root-scratch"), None));
    index.apply(Event::Claim(name("data"), Some(claim(5 * GI, None, true))));
    let demand = ours(&index, &launcher_of("vm", &["root", "data"]));
    let mut all = vec![("root", 15), ("data", 5)];
    all.extend(expected);
    assert_eq!(claims(&demand), all);
    // The scratch space of the disk in hand is the pod's own.
    index.apply(Event::Claim(
        name("root-scratch"),
        Some(claim(15 * GI, None, false)),
    ));
    let demand = ours(&index, &upload("root"));
    let mut all = vec![("root", 15), ("root-scratch", 15), ("data", 5)];
    all.extend(expected.iter().filter(|it| it.0 != "root-scratch"));
    assert_eq!((claims(&demand), demand.own), (all, 2));
    // With the other disk filled, one is enough.
    index.apply(Event::Claim(
        name("data"),
        Some(claim(5 * GI, Some("b"), false)),
    ));
    let demand = ours(&index, &upload("root"));
    assert_eq!(claims(&demand), [("root", 15), ("root-scratch", 15)]);
}

#[test]
fn disk_of_a_vm_that_runs_goes_where_it_runs() {
    let mut index = cluster();
    let launcher = PodEvent {
        node: Some("edge-2".into()),
        vm: Some("vm".into()),
        ..PodEvent::default()
    };
    index.apply(Event::Pod(name("launcher"), Some(launcher)));
    let demand = ours(&index, &upload("root"));
    assert_eq!(claims(&demand), [("root", 15), ("root-scratch", 15)]);
    assert!(demand.counted.is_empty());
    let tie = demand.ties.allow("edge-1", &Node::default()).unwrap_err();
    assert_eq!(tie.to_string(), "the VM runs on edge-2");
}

#[test]
fn other_disk_that_lies_somewhere_ties_this_one() {
    let mut index = cluster();
    index.apply(Event::Claim(name("data"), Some(claim(5 * GI, None, false))));
    // The claim does not say so yet; the volume does.
    let volume = Volume {
        class: "local-vd".into(),
        hostnames: ["edge-2".into()].into(),
        claim: Some(name("data")),
        ..Volume::default()
    };
    index.apply(Event::Volume("a".into(), Some(volume)));
    let demand = ours(&index, &upload("root"));
    assert_eq!(claims(&demand), [("root", 15), ("root-scratch", 15)]);
    let tie = demand.ties.allow("edge-1", &Node::default()).unwrap_err();
    assert_eq!(tie.to_string(), "the VM's disk data lies on edge-2");
}

#[test]
fn claims_of_classes_that_are_made_on_demand_are_left_to_the_scheduler() {
    let mut index = cluster();
    let class = crate::event::Class { is_static: false };
    index.apply(Event::Class("local-vd".into(), Some(class)));
    let demand = ours(&index, &upload("root"));
    assert_eq!(claims(&demand), []);
    assert_eq!(demand.counted, all(When::Later));
}

#[test]
fn what_is_not_known_yet_is_said() {
    let mut index = cluster();
    let unclear = ask(&index, &upload("new"));
    assert_eq!(
        unclear,
        Asked::Unclear(Unclear::Claim("edge/new".to_owned()))
    );
    index.apply(Event::Network(name("net"), None));
    let unclear = ask(&index, &upload("root"));
    assert_eq!(
        unclear,
        Asked::Unclear(Unclear::Network("edge/net".to_owned()))
    );
}

#[rstest]
#[case::no_labels(json!(null))]
#[case::ordinary(json!({"app": "web"}))]
#[case::exporter_of_volumes(json!({"kubevirt.io": "virt-exporter"}))]
#[case::source_of_a_clone(json!({"app": "containerized-data-importer", "cdi.kubevirt.io": "cdi-clone-source"}))]
fn pods_that_are_none_of_ours(#[case] labels: Value) {
    let pod = pod(
        &labels,
        ("ReplicaSet", "web"),
        &["unknown"],
        &json!({POOL: "1"}),
    );
    assert_eq!(ask(&cluster(), &pod), Asked::Foreign);
}

#[test]
fn hotplug_needs_volumes_for_what_it_attaches() {
    let labels = json!({"kubevirt.io": "hotplug-disk"});
    let pod = pod(
        &labels,
        ("Pod", "virt-launcher-vm"),
        &["root"],
        &json!(null),
    );
    let demand = ours(&cluster(), &pod);
    assert_eq!(claims(&demand), [("root", 15)]);
    assert_eq!(demand.vm, Some(name("vm")));
    assert!(demand.counted.is_empty());
}

#[test]
fn empty_and_broken_pods_are_no_panic() {
    let index = cluster();
    for pod in [
        json!({}),
        json!({"metadata": {}, "spec": {}}),
        json!({"spec": {"volumes": [{}]}}),
    ] {
        assert_eq!(ask(&index, &pod), Asked::Foreign);
    }
    let without_owner = json!({"metadata": {"labels": {"kubevirt.io": "virt-launcher"}}});
    assert!(ours(&index, &without_owner).is_nothing());
}

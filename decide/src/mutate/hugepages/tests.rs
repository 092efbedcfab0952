use rstest::rstest;
use serde_json::{Value, json};

use crate::mutate::testing::{Cluster, admitted, decide, quiet, vm};
use crate::pages::PageSize;
use crate::policy::Policy;
use crate::profile::{Profile, Selector};
use crate::subject::Kind;
use crate::wish::Pages;

mod updates;

fn default_pages(page: PageSize) -> Policy {
    Policy {
        hugepages: Some(page),
        ..quiet()
    }
}

/// The domain after admission of a VM with that annotation, and what was told.
fn of(wish: &str, domain: &Value) -> (Value, String) {
    let vm = vm(
        &json!({"vmberth.io/hugepages": wish}),
        &json!({"domain": domain}),
    );
    let (after, told) = admitted(Kind::VirtualMachine, &vm, &quiet(), &Cluster::default());
    (after["spec"]["template"]["spec"]["domain"].clone(), told)
}

fn by_default(page: PageSize, domain: &Value) -> (Value, String) {
    let vm = vm(&json!({}), &json!({"domain": domain}));
    let policy = default_pages(page);
    let (after, told) = admitted(Kind::VirtualMachine, &vm, &policy, &Cluster::default());
    (after["spec"]["template"]["spec"]["domain"].clone(), told)
}

fn pages(size: &str) -> Value {
    json!({ "pageSize": size })
}

#[rstest]
#[case::sample_of_the_seeds(
    json!({"memory": {"guest": "4096M"}}),
    json!({"memory": {"guest": "3908Mi", "hugepages": pages("2Mi")}}))]
#[case::other_sample_of_the_seeds(
    json!({"resources": {"requests": {"memory": "2056M"}}}),
    json!({"resources": {"requests": {"memory": "1962Mi"}}, "memory": {"hugepages": pages("2Mi")}}))]
#[case::whole_already(
    json!({"memory": {"guest": "4096Mi"}}),
    json!({"memory": {"guest": "4096Mi", "hugepages": pages("2Mi")}}))]
#[case::number_of_bytes(
    json!({"memory": {"guest": 2_097_153}}),
    json!({"memory": {"guest": "4Mi", "hugepages": pages("2Mi")}}))]
#[case::only_a_limit(
    json!({"resources": {"limits": {"memory": "3Mi"}}}),
    json!({"resources": {"limits": {"memory": "4Mi"}}, "memory": {"hugepages": pages("2Mi")}}))]
#[case::memory_is_null(
    json!({"memory": null, "resources": {"requests": {"memory": "4Mi"}}}),
    json!({"memory": {"hugepages": pages("2Mi")}, "resources": {"requests": {"memory": "4Mi"}}}))]
#[case::pages_are_null(
    json!({"memory": {"hugepages": null, "guest": "4Mi"}}),
    json!({"memory": {"hugepages": pages("2Mi"), "guest": "4Mi"}}))]
#[case::all_together_and_others_kept(
    json!({"memory": {"guest": "3M", "maxGuest": "9M", "x": 1},
        "resources": {"requests": {"cpu": "1", "memory": "3M"}, "limits": {"memory": "3000k", "x": "y"}}}),
    json!({"memory": {"guest": "4Mi", "maxGuest": "10Mi", "x": 1, "hugepages": pages("2Mi")},
        "resources": {"requests": {"cpu": "1", "memory": "4Mi"}, "limits": {"memory": "4Mi", "x": "y"}}}))]
#[case::dedicated_cpus_keep_request_and_limit_equal(
    json!({"cpu": {"dedicatedCpuPlacement": true, "numa": {"guestMappingPassthrough": {}}, "realtime": {}},
        "resources": {"requests": {"memory": "4G"}, "limits": {"memory": "4G"}}}),
    json!({"cpu": {"dedicatedCpuPlacement": true, "numa": {"guestMappingPassthrough": {}}, "realtime": {}},
        "resources": {"requests": {"memory": "3816Mi"}, "limits": {"memory": "3816Mi"}},
        "memory": {"hugepages": pages("2Mi")}}))]
#[case::limit_above_request_stays_above(
    json!({"memory": {"guest": "3Mi"}, "resources": {"requests": {"memory": "5Mi"}, "limits": {"memory": "7Mi"}}}),
    json!({"memory": {"guest": "4Mi", "hugepages": pages("2Mi")},
        "resources": {"requests": {"memory": "6Mi"}, "limits": {"memory": "8Mi"}}}))]
#[case::request_of_zero_counts_as_none(
    json!({"memory": {"guest": "3Mi"}, "resources": {"requests": {"memory": "0"}}}),
    json!({"memory": {"guest": "4Mi", "hugepages": pages("2Mi")}, "resources": {"requests": {"memory": "0"}}}))]
#[case::less_by_no_page_is_no_overcommit(
    json!({"memory": {"guest": "4096M"}, "resources": {"requests": {"memory": "3907Mi"}}}),
    json!({"memory": {"guest": "3908Mi", "hugepages": pages("2Mi")}, "resources": {"requests": {"memory": "3908Mi"}}}))]
fn pages_of_2_mebibytes(#[case] before: Value, #[case] after: Value) {
    assert_eq!(of("2Mi", &before).0, after);
}

#[test]
fn pages_of_1_gibibyte_widen_what_may_be_plugged_too() {
    let before = json!({"memory": {"guest": "3Gi", "maxGuest": "6146Mi"}});
    let after = json!({"memory": {"guest": "3Gi", "maxGuest": "7Gi", "hugepages": pages("1Gi")}});
    assert_eq!(of("1Gi", &before).0, after);
}

#[test]
fn what_was_done_is_told() {
    let (_, told) = of(
        "2Mi",
        &json!({"memory": {"guest": "4096M"}, "resources": {"limits": {"memory": "8Gi"}}}),
    );
    let memory = "spec.template.spec.domain.memory";
    assert!(
        told.contains(&format!(
            "edit: {memory}.guest=3908Mi (whole pages of 2Mi)\n"
        )),
        "{told}"
    );
    let edit = format!("edit: {memory}.hugepages=2Mi (annotation vmberth.io/hugepages)\n");
    assert!(told.contains(&edit), "{told}");
    let warning = format!("warning: {memory}.guest: 4096M became 3908Mi, whole pages of 2Mi");
    assert!(told.contains(&warning), "{told}");
    assert_eq!(told.matches("warning:").count(), 1, "{told}");
}

#[rstest]
#[case::none("none", json!({"memory": {"guest": "4096M"}}))]
#[case::own_pages_win("1Gi", json!({"memory": {"guest": "4096M", "hugepages": pages("2Mi")}}))]
#[case::own_pages_of_no_size_win("1Gi", json!({"memory": {"guest": "4096M", "hugepages": {}}}))]
#[case::no_domain("2Mi", json!(null))]
fn left_as_it_is(#[case] wish: &str, #[case] domain: Value) {
    let (after, told) = of(wish, &domain);
    assert_eq!(after, domain);
    assert!(
        told.starts_with("left alone: everything is there already"),
        "{told}"
    );
}

const DOMAIN: &str = "spec.template.spec.domain";

#[rstest]
#[case::no_memory("2Mi", json!({}),
    "memory.guest: found nothing, with huge pages of 2Mi (annotation vmberth.io/hugepages), \
     expected the guest's memory, like 4Gi")]
#[case::no_memory_but_a_maximum("2Mi", json!({"memory": {"maxGuest": "4Gi"}}), "memory.guest: found nothing,")]
#[case::zero("2Mi", json!({"memory": {"guest": "0"}}), "memory.guest: found nothing,")]
#[case::smaller_than_a_page("1Gi", json!({"memory": {"guest": "512Mi"}}),
    "memory.guest: found 512Mi, with huge pages of 1Gi (annotation vmberth.io/hugepages), \
     expected at least one page, 1Gi, or smaller pages")]
#[case::request_smaller_than_a_page("1Gi", json!({"resources": {"requests": {"memory": "1G"}}}),
    "resources.requests.memory: found 1G,")]
#[case::limit_smaller_than_a_page("1Gi", json!({"resources": {"limits": {"memory": "1G"}}}),
    "resources.limits.memory: found 1G,")]
#[case::overcommitted("2Mi", json!({"memory": {"guest": "4Gi"}, "resources": {"requests": {"memory": "2Gi"}}}),
    "resources.requests.memory: found 2Gi, with huge pages of 2Mi (annotation vmberth.io/hugepages), \
     expected 4Gi as the guest has, since huge pages can't be overcommitted")]
#[case::overcommitted_by_a_limit("2Mi", json!({"memory": {"guest": "4Gi"}, "resources": {"limits": {"memory": "2Gi"}}}),
    "resources.limits.memory: found 2Gi,")]
#[case::no_quantity("2Mi", json!({"memory": {"guest": "4 GB"}}),
    "memory.guest: found \"4 GB\", expected an amount of bytes, like 4Gi or 4096M")]
#[case::negative("2Mi", json!({"resources": {"limits": {"memory": "-1"}}}), "resources.limits.memory: found \"-1\",")]
#[case::larger_than_any_machine("2Mi", json!({"memory": {"guest": "18446744073709551615"}}),
    "memory.guest: found \"18446744073709551615\",")]
fn refused(#[case] wish: &str, #[case] domain: Value, #[case] expected: &str) {
    let (_, told) = of(wish, &domain);
    assert!(
        told.starts_with(&format!("denied (422): {DOMAIN}.{expected}")),
        "{told}"
    );
}

#[rstest]
#[case::no_memory(json!({}))]
#[case::smaller_than_a_page(json!({"memory": {"guest": "512Mi"}}))]
#[case::overcommitted(json!({"memory": {"guest": "4Gi"}, "resources": {"requests": {"memory": "2Gi"}}}))]
fn default_of_the_policy_follows_the_vm(#[case] domain: Value) {
    let (after, told) = by_default(PageSize::Gi1, &domain);
    assert_eq!(
        (after, &*told),
        (domain, "left alone: everything is there already")
    );
}

#[test]
fn default_of_the_policy() {
    let (after, told) = by_default(PageSize::Mi2, &json!({"memory": {"guest": "4Gi"}}));
    assert_eq!(
        after,
        json!({"memory": {"guest": "4Gi", "hugepages": pages("2Mi")}})
    );
    assert!(told.contains(".hugepages=2Mi (policy hugepages)"), "{told}");
    let (_, told) = by_default(
        PageSize::Mi2,
        &json!({"resources": {"requests": {"memory": "4Gi"}}}),
    );
    assert!(
        told.contains("domain.memory=hugepages 2Mi (policy hugepages)"),
        "{told}"
    );
    let (_, told) = by_default(PageSize::Mi2, &json!({"memory": {"guest": "much"}}));
    assert!(
        told.starts_with(&format!(
            "denied (422): {DOMAIN}.memory.guest: found \"much\""
        )),
        "{told}"
    );
}

#[test]
fn profile_is_followed_or_refused() {
    let policy = Policy {
        profiles: vec![Profile {
            name: "fast".to_owned(),
            selector: Some(Selector::default()),
            hugepages: Some(Pages::Of(PageSize::Gi1)),
            vfs: None,
            ssh_keys: None,
        }],
        ..default_pages(PageSize::Mi2)
    };
    let fits = vm(&json!({}), &json!({"domain": {"memory": {"guest": "1Gi"}}}));
    let (_, told) = admitted(Kind::VirtualMachine, &fits, &policy, &Cluster::default());
    assert!(told.contains(".hugepages=1Gi (profile fast)"), "{told}");
    let small = vm(&json!({}), &json!({"domain": {"memory": {"guest": "1G"}}}));
    let (_, told) = admitted(Kind::VirtualMachine, &small, &policy, &Cluster::default());
    assert!(
        told.contains("found 1G, with huge pages of 1Gi (profile fast)"),
        "{told}"
    );
}

#[rstest]
#[case::by_annotation(json!({"vmberth.io/hugepages": "2Mi"}), quiet(), true)]
#[case::by_default(json!({}), default_pages(PageSize::Mi2), false)]
fn memory_of_an_instancetype(
    #[case] annotations: Value,
    #[case] policy: Policy,
    #[case] told: bool,
) {
    let mut vm = vm(&annotations, &json!({"domain": {"devices": {}}}));
    vm["spec"]["instancetype"] = json!({"name": "small"});
    let decision = decide(
        Kind::VirtualMachine,
        &vm,
        None,
        &policy,
        &Cluster::default(),
    )
    .unwrap();
    assert_eq!(decision.edits, Vec::new());
    let warnings: Vec<String> = decision.warnings.iter().map(ToString::to_string).collect();
    let expected = "memory comes from an instancetype, so vmberth leaves it alone: \
        set spec.memory.hugepages.pageSize: 2Mi there";
    assert_eq!(warnings, if told { vec![expected] } else { Vec::new() });
}

#[rstest]
#[case::instance(Kind::VirtualMachineInstance, "spec.domain")]
#[case::replica_set(Kind::ReplicaSet, DOMAIN)]
#[case::pool(Kind::Pool, "spec.virtualMachineTemplate.spec.template.spec.domain")]
fn wherever_a_guest_is_described(#[case] kind: Kind, #[case] place: &str) {
    let instance = json!({
        "metadata": {"annotations": {"vmberth.io/hugepages": "2Mi"}},
        "spec": {"domain": {"memory": {"guest": "3Mi"}}},
    });
    let mut object = instance.clone();
    if kind != Kind::VirtualMachineInstance {
        object = json!({"spec": {"template": instance}});
    }
    if kind == Kind::Pool {
        object = json!({"spec": {"virtualMachineTemplate": object}});
    }
    let (after, told) = admitted(kind, &object, &quiet(), &Cluster::default());
    let domain = after.pointer(&format!("/{}", place.replace('.', "/")));
    let expected = json!({"memory": {"guest": "4Mi", "hugepages": pages("2Mi")}});
    assert_eq!(domain, Some(&expected));
    assert!(
        told.contains(&format!("warning: {place}.memory.guest: 3Mi became 4Mi")),
        "{told}"
    );
}

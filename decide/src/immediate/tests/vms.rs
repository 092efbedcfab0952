//! Where the disks of a VM go, and those that stand for one.

use super::*;

#[test]
fn all_disks_of_a_new_vm_go_where_it_can_run() {
    let machine = vm(
        2,
        &[],
        &[
            ("a", spec("storage", &json!({}))),
            ("b", spec("pvc", &json!({}))),
        ],
    );
    let found = asked(Some(&cluster()), Kind::VirtualMachine, "vm", &machine);
    let expected = [
        "spec.dataVolumeTemplates[0].spec.storage.selector=vmberth.io/node=edge-2 (class at-once)",
        "spec.dataVolumeTemplates[1].spec.pvc.selector=vmberth.io/node=edge-2 (class at-once)",
    ];
    assert_eq!(found.0, expected);
    assert_eq!(
        found.1,
        "spec.dataVolumeTemplates: claims of class at-once bind at once: chosen node edge-2, \
         since it is the best of 1 (of 3) that can hold VM vm"
    );
}

/// What its user said stays, and says where the others go.
#[rstest]
#[case::selector(json!({"selector": {"matchLabels": {"vmberth.io/node": "edge-3"}}}), "edge-3")]
#[case::other_selector(json!({"selector": {"matchExpressions": [{"key": "vmberth.io/node", "operator": "NotIn", "values": ["edge-1", "edge-2"]}]}}), "edge-3")]
#[case::volume(json!({"volumeName": "edge-3-0"}), "edge-3")]
fn what_a_template_says_pins_the_others(#[case] said: Value, #[case] expected: &str) {
    let machine = vm(
        0,
        &[],
        &[("a", spec("pvc", &said)), ("b", spec("pvc", &json!({})))],
    );
    let found = asked(Some(&cluster()), Kind::VirtualMachine, "vm", &machine);
    assert_eq!(found.0.len(), 1, "{found:?}");
    assert!(
        found.0[0].starts_with("spec.dataVolumeTemplates[1]"),
        "{found:?}"
    );
    assert_eq!(node_of(&found), expected);
}

#[test]
fn disk_follows_the_disks_of_its_vm() {
    for (volume_of, given) in [(Some("edge-3"), None), (None, Some("edge-3"))] {
        let mut index = cluster();
        claim(&mut index, "root", volume_of, given);
        known(&mut index, "vm", &vm(0, &["root", "disk"], &[]));
        let volume = data_volume(&spec("storage", &json!({})));
        let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
        assert_eq!(node_of(&found), "edge-3");
        if volume_of.is_some() {
            let since = "chosen node edge-3, since the VM's disk root is there";
            assert!(found.1.ends_with(since), "{found:?}");
        }
    }
}

/// The VM may be on any node with functions, and the second claim can only be on one of them.
#[test]
fn disk_of_a_vm_that_is_there_goes_where_all_of_it_fits() {
    let mut index = cluster();
    known(&mut index, "vm", &vm(1, &["disk", "more"], &[]));
    claim(&mut index, "more", None, None);
    let volume = data_volume(&spec("storage", &json!({})));
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(node_of(&found), "edge-2");
    assert_eq!(
        found.1,
        "spec.storage: claims of class at-once bind at once: chosen node edge-2, \
         since it is the best of 1 (of 3) that can hold VM vm"
    );
}

#[test]
fn disk_of_a_running_vm_goes_where_it_runs() {
    let mut index = cluster();
    known(&mut index, "vm", &vm(9, &["disk"], &[]));
    let pod = Pod {
        node: Some("edge-3".into()),
        vm: Some("vm".into()),
        ..Pod::default()
    };
    index.apply(Event::Pod(name("virt-launcher-vm"), Some(pod)));
    let volume = data_volume(&spec("storage", &json!({})));
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(node_of(&found), "edge-3");
    assert!(found.1.ends_with("since the VM vm runs there"), "{found:?}");
}

#[test]
fn disk_without_a_vm_goes_where_its_profile_fits() {
    let mut index = cluster();
    // Without the functions, it would go where no function is wasted or the most is possible.
    for gone in ["edge-1-0", "edge-3-1", "edge-3-2"] {
        index.apply(Event::Volume(gone.into(), None));
    }
    let mut volume = data_volume(&spec("storage", &json!({})));
    volume["metadata"]["annotations"] = json!({"vmberth.io/profile": "net"});
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(node_of(&found), "edge-2");
    assert!(
        found.1.ends_with("can hold a VM of the disk's profile"),
        "{found:?}"
    );
    volume["metadata"]["annotations"] = json!({"vmberth.io/profile": "fats"});
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(
        found,
        (
            Vec::new(),
            "spec.storage: claims of class at-once bind at once: no node was chosen, since profile fats is not in the policy; \
             what binds now may be where the VM can't run"
                .to_owned()
        )
    );
}

/// CDI makes 10.6 GiB of 10, and scratch space of the same size.
#[test]
fn overhead_and_scratch_space_are_thought_of() {
    let mut index = cluster();
    for at in ["edge-1-0", "edge-2-0", "edge-2-1"] {
        index.apply(Event::Volume(at.into(), None));
    }
    for number in 0..3 {
        let gib = if number == 0 { 10 } else { 11 };
        let name = format!("edge-3-{number}").into();
        index.apply(Event::Volume(name, Some(free("edge-3", gib, true))));
    }
    let mut spec = spec("storage", &json!({}));
    spec["source"] = json!({"upload": {}});
    let volume = data_volume(&spec);
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(node_of(&found), "edge-3");
    index.apply(Event::Volume("edge-3-1".into(), None));
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(node_of(&found), "", "{found:?}");
}

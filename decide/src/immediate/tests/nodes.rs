//! Which nodes are chosen from, and why none is.

use super::*;

#[rstest]
#[case::functions(
    5,
    "10Gi",
    "no node can hold all of it now: will need 5 VFs intel.com/intel_sriov_vm: 4 of 4 can be used (on edge-1, the closest)"
)]
#[case::volume(
    1,
    "50Gi",
    "no node can hold all of it now: needs 1 volume of class at-once with 50Gi or more for a: 0 of 1 free ones fit (on edge-1, the closest)"
)]
fn nothing_fits(#[case] functions: usize, #[case] size: &str, #[case] why: &str) {
    let size = json!({"resources": {"requests": {"storage": size}}});
    let machine = vm(functions, &[], &[("a", spec("pvc", &size))]);
    let found = asked(Some(&cluster()), Kind::VirtualMachine, "vm", &machine);
    let text = format!(
        "spec.dataVolumeTemplates: claims of class at-once bind at once: {why}; what binds now may be where the VM can't run"
    );
    assert_eq!(found, (Vec::new(), text));
}

#[test]
fn network_that_is_not_there() {
    let mut index = cluster();
    index.apply(Event::Network(name("net"), None));
    let machine = vm(1, &[], &[("a", spec("pvc", &json!({})))]);
    let (edits, said) = asked(Some(&index), Kind::VirtualMachine, "vm", &machine);
    assert!(edits.is_empty());
    let why = "no node was chosen, since NetworkAttachmentDefinition edge/net is not there";
    assert!(said.contains(why), "{said}");
}

#[test]
fn volumes_that_say_nothing_can_not_be_chosen_by() {
    let mut index = Index::default();
    index.apply(Event::Policy(Arc::new(policy())));
    node(&mut index, "edge-1", 0, &[]);
    index.apply(Event::Volume("a".into(), Some(free("edge-1", 16, false))));
    let volume = data_volume(&spec("pvc", &json!({})));
    let (edits, said) = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert!(edits.is_empty());
    let why = "node edge-1 would do, but its volumes lack the label";
    assert!(said.contains(why), "{said}");
    assert!(
        said.ends_with("kubectl label pv NAME vmberth.io/node=edge-1"),
        "{said}"
    );
}

/// It is known at once, while CDI has still to make the claims.
#[test]
fn next_vm_is_not_given_the_same_volumes() {
    let mut index = cluster();
    let given = json!({"selector": {"matchLabels": {"vmberth.io/node": "edge-2"}}});
    let first = vm(
        0,
        &[],
        &[("x", spec("pvc", &given)), ("y", spec("pvc", &given))],
    );
    known(&mut index, "first", &first);
    let two = [
        ("a", spec("pvc", &json!({}))),
        ("b", spec("pvc", &json!({}))),
    ];
    let found = asked(Some(&index), Kind::VirtualMachine, "vm", &vm(0, &[], &two));
    assert_eq!(node_of(&found), "edge-3");
    // Where there is no other node, it waits there for what comes free.
    let found = asked(Some(&index), Kind::VirtualMachine, "vm", &vm(1, &[], &two));
    assert_eq!(node_of(&found), "edge-2");
}

/// Its claims may have a volume by now: what its pod will need is needed until it is there.
#[rstest]
#[case::given(false)]
#[case::bound(true)]
fn functions_that_another_will_need_are_not_free_unless_it_is_stopped(#[case] is_bound: bool) {
    let next = vm(2, &[], &[("a", spec("pvc", &json!({})))]);
    let ask = |best: &str, first: Option<&Value>| {
        let mut index = cluster();
        volumes(&mut index, "edge-1", &[16, 16, 40]);
        if let Some(first) = first {
            known(&mut index, "first", first);
            if is_bound {
                claim(&mut index, "x", Some(best), None);
            }
        }
        let found = asked(Some(&index), Kind::VirtualMachine, "vm", &next);
        node_of(&found).to_owned()
    };
    let best = ask("", None);
    let given = json!({"selector": {"matchLabels": {"vmberth.io/node": best}}});
    let mut first = vm(4, &[], &[("x", spec("pvc", &given))]);
    let other = ask(&best, Some(&first));
    assert!(other != best && other != "edge-3", "{other} {best}");
    first["spec"]["runStrategy"] = "Halted".into();
    assert_eq!(ask(&best, Some(&first)), best);
}

#[rstest]
#[case::cordoned("node.kubernetes.io/unschedulable", true)]
#[case::of_others("gpu", false)]
fn tainted_nodes(#[case] taint: &str, #[case] is_the_last_resort: bool) {
    let mut index = cluster();
    for at in ["edge-1", "edge-2"] {
        node(&mut index, at, 4, &[taint]);
    }
    let volume = data_volume(&spec("pvc", &json!({})));
    let found = asked(Some(&index), Kind::DataVolume, "disk", &volume);
    assert_eq!(node_of(&found), "edge-3");
    let machine = vm(1, &[], &[("a", spec("pvc", &json!({})))]);
    let found = asked(Some(&index), Kind::VirtualMachine, "vm", &machine);
    assert_eq!(!found.0.is_empty(), is_the_last_resort, "{found:?}");
}

use rstest::rstest;
use serde_json::{Value, json};

use crate::mutate::testing::{Cluster, admitted, decide, quiet, vm};
use crate::policy::Policy;
use crate::profile::{Profile, Selector};
use crate::subject::Kind;

const MACHINE: Kind = Kind::VirtualMachine;

fn no_cloud() -> Value {
    json!({"name": "seed", "cloudInitNoCloud": {"userData": "#!/bin/sh\n"}})
}

fn config_drive() -> Value {
    json!({"name": "seed", "cloudInitConfigDrive": {"secretRef": {"name": "data"}}})
}

fn disk() -> Value {
    json!({"name": "root", "dataVolume": {"name": "root"}})
}

fn spec(volumes: &[Value], credentials: &Value) -> Value {
    json!({"domain": {}, "volumes": volumes, "accessCredentials": credentials})
}

fn asking(volumes: &[Value], credentials: &Value) -> Value {
    vm(
        &json!({"vmberth.io/ssh-keys": "ops"}),
        &spec(volumes, credentials),
    )
}

fn credential(secret: &str, method: &str) -> Value {
    json!({"sshPublicKey": {
        "source": {"secret": {"secretName": secret}},
        "propagationMethod": {method: {}},
    }})
}

fn credentials(object: &Value) -> Value {
    object["spec"]["template"]["spec"]["accessCredentials"].clone()
}

/// The credentials after the update, in a VM that was there before.
fn updated(old: &Value, new: &Value, policy: &Policy) -> Value {
    let mutation = decide(MACHINE, new, Some(old), policy, &Cluster::default()).unwrap();
    credentials(&crate::mutate::testing::applied(new, &mutation.edits))
}

fn profile(name: &str, secret: &str) -> Profile {
    Profile {
        name: name.to_owned(),
        selector: Some(Selector::default()),
        hugepages: None,
        vfs: None,
        ssh_keys: Some(secret.to_owned()),
    }
}

fn of_profile() -> Policy {
    Policy {
        profiles: vec![profile("edge", "ops")],
        ..quiet()
    }
}

#[rstest]
#[case::no_cloud(&[disk(), no_cloud()], "noCloud")]
#[case::config_drive(&[disk(), config_drive()], "configDrive")]
#[case::the_first_counts(&[config_drive(), disk(), no_cloud()], "configDrive")]
#[case::null_is_absent(&[json!({"name": "seed", "cloudInitNoCloud": null, "cloudInitConfigDrive": {}})], "configDrive")]
fn method_is_that_of_the_volume_that_kubevirt_reads(
    #[case] volumes: &[Value],
    #[case] method: &str,
) {
    let machine = asking(volumes, &json!(null));
    let (after, told) = admitted(MACHINE, &machine, &quiet(), &Cluster::default());
    assert_eq!(credentials(&after), json!([credential("ops", method)]));
    let edit = "edit: spec.template.spec.accessCredentials+=ops (annotation vmberth.io/ssh-keys)\n";
    assert!(
        told.starts_with(edit) && !told.contains("warning"),
        "{told}"
    );
}

#[rstest]
#[case::null(json!(null), json!([credential("ops", "noCloud")]))]
#[case::empty(json!([]), json!([credential("ops", "noCloud")]))]
#[case::others_stay(json!([credential("mine", "noCloud"), {"future": 1}]),
    json!([credential("mine", "noCloud"), {"future": 1}, credential("ops", "noCloud")]))]
#[case::there_already(json!([credential("ops", "noCloud")]), json!([credential("ops", "noCloud")]))]
#[case::there_by_the_agent(json!([credential("ops", "qemuGuestAgent")]), json!([credential("ops", "qemuGuestAgent")]))]
fn appended_once(#[case] before: Value, #[case] expected: Value) {
    let machine = asking(&[no_cloud()], &before);
    let (after, _) = admitted(MACHINE, &machine, &quiet(), &Cluster::default());
    assert_eq!(credentials(&after), expected);
}

#[rstest]
#[case::replica_set(Kind::ReplicaSet, "/spec/template/spec")]
#[case::instance(Kind::VirtualMachineInstance, "/spec")]
#[case::pool(Kind::Pool, "/spec/virtualMachineTemplate/spec/template/spec")]
fn every_kind_of_template(#[case] kind: Kind, #[case] place: &str) {
    let machine = asking(&[no_cloud()], &json!(null));
    let object = if kind == Kind::VirtualMachineInstance {
        machine["spec"]["template"].clone()
    } else if kind == Kind::Pool {
        json!({"spec": {"virtualMachineTemplate": machine}})
    } else {
        machine
    };
    let (after, _) = admitted(kind, &object, &quiet(), &Cluster::default());
    let spec = after.pointer(place).unwrap();
    assert_eq!(
        spec["accessCredentials"],
        json!([credential("ops", "noCloud")])
    );
}

#[rstest]
#[case::longest(&"s".repeat(51), true)]
#[case::too_long(&"s".repeat(52), false)]
#[case::with_a_dot("my.keys", false)]
#[case::capitals("Keys", false)]
fn secret_must_fit_into_the_name_of_a_pods_volume(#[case] secret: &str, #[case] fits: bool) {
    let machine = vm(
        &json!({"vmberth.io/ssh-keys": secret}),
        &spec(&[no_cloud()], &json!(null)),
    );
    let (_, told) = admitted(MACHINE, &machine, &quiet(), &Cluster::default());
    let denial = format!(
        "denied (422): spec.template.metadata.annotations[vmberth.io/ssh-keys]: found something else \
         ({} bytes, not shown), expected the name of a Secret, of at most 51 characters and without dots",
        secret.len()
    );
    assert_eq!(told == denial, !fits, "{told}");
}

#[test]
fn without_cloud_init_a_wish_of_the_vm_is_refused() {
    let machine = asking(&[disk()], &json!(null));
    let (_, told) = admitted(MACHINE, &machine, &quiet(), &Cluster::default());
    assert_eq!(
        told,
        "denied (422): spec.template.spec.volumes: found no cloud-init volume for the ssh keys of Secret \"ops\" \
         (annotation vmberth.io/ssh-keys), expected one with cloudInitNoCloud or cloudInitConfigDrive, or \
         accessCredentials with qemuGuestAgent that name the Secret"
    );
    let by_hand = asking(&[disk()], &json!([credential("ops", "qemuGuestAgent")]));
    let (after, _) = admitted(MACHINE, &by_hand, &quiet(), &Cluster::default());
    assert_eq!(after, by_hand);
}

#[test]
fn without_cloud_init_a_wish_of_a_profile_is_a_warning() {
    let machine = vm(&json!({}), &spec(&[disk()], &json!(null)));
    let (after, told) = admitted(MACHINE, &machine, &of_profile(), &Cluster::default());
    assert_eq!(after, machine);
    let warning = "warning: spec.template.spec.volumes: no cloud-init volume, so the guest gets no ssh keys of \
        Secret ops (profile edge)";
    assert!(told.contains(warning), "{told}");
    let machine = vm(&json!({}), &spec(&[no_cloud()], &json!(null)));
    let (after, _) = admitted(MACHINE, &machine, &of_profile(), &Cluster::default());
    assert_eq!(credentials(&after), json!([credential("ops", "noCloud")]));
}

#[rstest]
#[case::only_others("#cloud-config\nusers: [{name: me}]", true)]
#[case::none_at_all("#cloud-config\nusers: []", true)]
#[case::text_of_others("#cloud-config\nusers: me,you", true)]
#[case::map_of_others("#cloud-config\nusers: {me: {}}", true)]
#[case::default_too("#cloud-config\nusers: [default, {name: me}]", false)]
#[case::default_in_a_text("#cloud-config\nusers: me, default", false)]
#[case::default_in_a_map("#cloud-config\nusers: {default: {}}", false)]
#[case::default_by_name("#cloud-config\nusers: [{name: default, shell: sh}]", false)]
#[case::nameless_is_default("#cloud-config\nusers: [{shell: sh}]", false)]
#[case::old_style("#cloud-config\nuser: me\nusers: [{name: you}]", false)]
#[case::no_users("#cloud-config\npassword: $6$a$b", false)]
#[case::script("#!/bin/sh\nusers: []", false)]
fn keys_that_cloud_init_gives_to_nobody(#[case] user_data: &str, #[case] nobody: bool) {
    let seed = json!({"name": "seed", "cloudInitNoCloud": {"userData": user_data}});
    let machine = asking(&[disk(), seed], &json!(null));
    let (after, told) = admitted(MACHINE, &machine, &quiet(), &Cluster::default());
    assert_eq!(credentials(&after), json!([credential("ops", "noCloud")]));
    let warning =
        "warning: spec.template.spec.volumes[1].cloudInitNoCloud: users does not name default";
    assert_eq!(told.contains(warning), nobody, "{told}");
}

#[test]
fn an_update_of_something_else_changes_nothing() {
    let bare = asking(&[no_cloud()], &json!(null));
    let mut other = bare.clone();
    other["spec"]["runStrategy"] = "Halted".into();
    assert_eq!(updated(&bare, &other, &quiet()), json!(null));
    // As `virtctl addvolume --persist` does to a running VM.
    let more = asking(&[no_cloud(), disk()], &json!(null));
    assert_eq!(updated(&bare, &more, &quiet()), json!(null));
    let mut old = asking(&[no_cloud()], &json!(null));
    old["spec"]["template"]["metadata"]["annotations"] = json!({});
    assert_eq!(updated(&old, &old, &of_profile()), json!(null));
}

#[test]
fn an_update_of_the_wish_is_followed() {
    let ours = json!([credential("ops", "noCloud")]);
    let bare = vm(&json!({}), &spec(&[no_cloud()], &json!(null)));
    let wishing = asking(&[no_cloud()], &json!(null));
    assert_eq!(updated(&bare, &wishing, &quiet()), ours);
    // Whatever the policy or the annotation says by now.
    let (with, _) = admitted(MACHINE, &wishing, &quiet(), &Cluster::default());
    for now in [wishing, bare] {
        assert_eq!(updated(&with, &now, &quiet()), ours, "ours was taken away");
    }
    let of_user = asking(&[no_cloud()], &ours);
    let mut without = of_user.clone();
    without["spec"]["template"]["spec"]["accessCredentials"] = json!(null);
    assert_eq!(
        updated(&of_user, &without, &quiet()),
        json!(null),
        "the user's own"
    );
    let later = asking(&[disk()], &json!(null));
    assert_eq!(
        updated(&later, &asking(&[no_cloud()], &json!(null)), &quiet()),
        ours,
        "possible at last"
    );
}

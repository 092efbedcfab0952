use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use crate::mutate::testing::{Cluster, admitted, decide, quiet, vm};
use crate::policy::{PlainPasswords, Policy};
use crate::subject::Kind;

mod passwords;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINqYMdtRxPSql1qEkeVFMf7M0k2U35DYinXBP8G7s1Cy me@desk";
const PLACE: &str = "spec.template.spec.volumes[1].cloudInitNoCloud.userData";

fn policy(plain_passwords: PlainPasswords) -> Policy {
    Policy {
        plain_passwords,
        ..quiet()
    }
}

fn machine(cloud_init: &Value) -> Value {
    let seed = json!({"name": "seed", "cloudInitNoCloud": cloud_init});
    vm(
        &json!({}),
        &json!({"domain": {}, "volumes": [{"name": "root"}, seed]}),
    )
}

fn with_config(config: &str) -> Value {
    machine(&json!({"userData": format!("#cloud-config\n{config}\n")}))
}

/// What is told of an object that stays as it is; without the line that says so.
fn told(object: &Value, policy: &Policy) -> String {
    let (after, told) = admitted(Kind::VirtualMachine, object, policy, &Cluster::default());
    assert_eq!(&after, object);
    let lines = told.lines().filter(|line| !line.starts_with("left alone"));
    lines.collect::<Vec<_>>().join("\n")
}

#[rstest]
#[case::top(format!("ssh_authorized_keys: ['{KEY}']"))]
#[case::user(format!("users: [default, {{name: me, ssh_authorized_keys: ['{KEY}']}}]"))]
#[case::old_spelling_of_a_user(format!("users: [{{name: me, ssh-authorized-keys: ['{KEY}']}}]"))]
#[case::text_of_a_user(format!("users:\n- name: me\n  ssh_authorized_keys: |\n    {KEY}\n    {KEY}\n"))]
#[case::map_of_a_user(format!("user: {{ssh_authorized_keys: {{a: '{KEY}'}}}}"))]
#[case::imported("users: [{name: me, ssh_import_id: ['gh:me']}]".to_owned())]
#[case::host_keys("ssh_keys: {rsa_private: '-----BEGIN RSA PRIVATE KEY-----'}".to_owned())]
#[case::nonsense("ssh_authorized_keys: 5\nusers: [5, [x], {ssh_authorized_keys: [[a], {b: c}, null]}]".to_owned())]
#[case::empty("ssh_authorized_keys: []\nusers: null".to_owned())]
fn nothing_is_told_of_good_keys(#[case] config: String) {
    assert_eq!(told(&with_config(&config), &quiet()), "");
}

#[rstest]
#[case::top("ssh_authorized_keys: ['KEY', 'BAD']", "ssh_authorized_keys[1]")]
#[case::top_old_spelling("ssh-authorized-keys: ['BAD']", "ssh-authorized-keys[0]")]
#[case::top_text("ssh_authorized_keys: 'BAD'", "ssh_authorized_keys")]
#[case::user(
    "users: [default, {ssh_authorized_keys: ['KEY', 'BAD']}]",
    "users[1].ssh_authorized_keys[1]"
)]
#[case::user_old_spelling(
    "users: [{ssh-authorized-keys: ['BAD']}]",
    "users[0].ssh-authorized-keys[0]"
)]
#[case::user_text(
    "users: [{ssh_authorized_keys: \"KEY\\nBAD\"}]",
    "users[0].ssh_authorized_keys"
)]
#[case::user_in_a_map(
    "users: {me: {ssh_authorized_keys: ['BAD']}}",
    "users.me.ssh_authorized_keys[0]"
)]
#[case::user_whose_name_is_a_key(
    "users: {BAD: {ssh_authorized_keys: ['BAD']}}",
    "users.?.ssh_authorized_keys[0]"
)]
#[case::old_user("user: {ssh_authorized_keys: ['BAD']}", "user.ssh_authorized_keys[0]")]
fn a_bad_key_is_found_where_it_is(#[case] config: &str, #[case] place: &str) {
    let config = config
        .replace("KEY", KEY)
        .replace("BAD", "ssh-rsa AAAASECRET");
    let expected = format!(
        "denied (422): {PLACE}: {place}: found a key of type ssh-rsa with broken base64, expected one line for each \
         public key, like \"ssh-ed25519 AAAA... comment\" in the .pub file of ssh-keygen"
    );
    assert_eq!(told(&with_config(&config), &quiet()), expected);
}

#[test]
fn a_private_key_is_refused_and_not_repeated() {
    let config = "ssh_authorized_keys:\n- |\n  -----BEGIN OPENSSH PRIVATE KEY-----\n  b3BlbnNz\n  \
        -----END OPENSSH PRIVATE KEY-----\n";
    let told = told(&with_config(config), &quiet());
    assert!(told.starts_with(&format!(
        "denied (422): {PLACE}: ssh_authorized_keys[0]: found a private key, "
    )));
    assert!(!told.contains("b3Blbn"), "{told}");
}

#[rstest]
#[case::unknown_type(
    "ssh_authorized_keys: ['ssh-new AAAA']",
    ": ssh_authorized_keys[0]: unknown type of ssh key \"ssh-new\"; is it a public key?"
)]
#[case::dashes_at_the_top(
    "ssh-authorized-keys: []",
    ": ssh-authorized-keys: cloud-init will not read this: at the top it is ssh_authorized_keys"
)]
#[case::text_at_the_top(
    "ssh_authorized_keys: ''",
    ": ssh_authorized_keys: cloud-init will not read this: at the top it must be a list"
)]
#[case::no_yaml(
    "users: [",
    ": cloud-init will not read this: line 2, column 8 is not YAML"
)]
#[case::list(
    "- users",
    ": cloud-init will not read this: it is no map of keys and values"
)]
fn warnings(#[case] config: &str, #[case] expected: &str) {
    assert_eq!(
        told(&with_config(config), &quiet()),
        format!("warning: {PLACE}{expected}")
    );
}

#[rstest]
#[case::script(json!({"userData": "#!/bin/sh\npassword: PASS\n"}))]
#[case::secret(json!({"secretRef": {"name": "data"}, "userData": ""}))]
#[case::network_only(json!({"networkData": "#cloud-config\npassword: PASS\n"}))]
#[case::nothing(json!({}))]
fn what_is_not_looked_into(#[case] cloud_init: Value) {
    assert_eq!(
        told(&machine(&cloud_init), &policy(PlainPasswords::Deny)),
        ""
    );
}

#[test]
fn base64_is_looked_into() {
    let packed = STANDARD.encode("#cloud-config\npassword: PASS\n");
    let packed = told(&machine(&json!({"userDataBase64": packed})), &quiet());
    assert!(
        packed.starts_with(&format!("warning: {PLACE}Base64: password: a password")),
        "{packed}"
    );
    let broken = told(&machine(&json!({"userDataBase64": "x"})), &quiet());
    assert_eq!(
        broken,
        format!("warning: {PLACE}Base64: cloud-init will not read this: it is not base64")
    );
}

#[test]
fn every_volume_and_kind_is_looked_at() {
    let data = json!({"userData": "#cloud-config\npassword: PASS\n"});
    let spec = json!({"domain": {}, "volumes": [{"cloudInitNoCloud": data}, {"cloudInitConfigDrive": data}]});
    let pool = json!({"spec": {"virtualMachineTemplate": vm(&json!({}), &spec)}});
    for (kind, object, path) in [
        (
            Kind::VirtualMachineInstance,
            json!({"spec": spec}),
            "spec.volumes",
        ),
        (
            Kind::Pool,
            pool,
            "spec.virtualMachineTemplate.spec.template.spec.volumes",
        ),
    ] {
        let (_, told) = admitted(kind, &object, &quiet(), &Cluster::default());
        for volume in ["[0].cloudInitNoCloud", "[1].cloudInitConfigDrive"] {
            assert!(
                told.contains(&format!("warning: {path}{volume}.userData: password: ")),
                "{told}"
            );
        }
        assert!(told.lines().all(|line| line.len() < 256), "{told}");
    }
}

#[test]
fn not_more_is_looked_into_than_any_guest_needs() {
    let text = format!("#cloud-config\npassword: {}", "x".repeat(5000));
    let volumes = vec![json!({"cloudInitNoCloud": {"userData": text}}); 20];
    let machine = vm(&json!({}), &json!({"domain": {}, "volumes": volumes}));
    assert_eq!(told(&machine, &quiet()).lines().count(), 3);
}

#[test]
fn an_update_is_asked_only_for_what_it_writes() {
    let deny = policy(PlainPasswords::Deny);
    let update = |old: &Value, new: &Value| {
        decide(
            Kind::VirtualMachine,
            new,
            Some(old),
            &deny,
            &Cluster::default(),
        )
        .is_ok()
    };
    let old = with_config("password: PASS");
    let mut new = old.clone();
    let volumes = &mut new["spec"]["template"]["spec"]["volumes"];
    volumes
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"name": "more"}));
    volumes[2]["cloudInitNoCloud"]["networkData"] = "version: 2".into();
    assert!(update(&old, &new), "a volume more, and other network data");
    assert!(!update(&old, &with_config("password: OTHER")));
    assert!(update(&old, &with_config("password: $6$a$b")));
}

/// User data with a secret in many places, right and wrong.
fn user_data() -> impl Strategy<Value = String> {
    let form = prop::sample::select(vec![
        "ssh_authorized_keys: [SECRET]",
        "ssh_authorized_keys: ['ssh-rsa SECRET', 'SECRET me']",
        "ssh_authorized_keys:\n- |\n  ssh-ed25519 SECRET\n  SECRET\n",
        "users: [{name: SECRET, ssh_authorized_keys: ['no-pty,SECRET ssh-rsa SECRET SECRET']}]",
        "users: {SECRET: {ssh_authorized_keys: [SECRET x], plain_text_passwd: SECRET}}",
        "password: SECRET",
        "chpasswd: {list: 'SECRET:SECRET', users: [{password: SECRET}]}",
        "SECRET: [*SECRET",
        "SECRET: !SECRET SECRET\nSECRET: &SECRET {SECRET: *SECRET}",
        "<<: SECRET",
        "SECRET",
    ]);
    (form, any::<prop::sample::Index>(), any::<String>()).prop_map(|(form, at, noise)| {
        let mut text = format!("#cloud-config\n{form}\n");
        let ends: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
        text.insert_str(*at.get(&ends), &noise);
        text
    })
}

proptest! {
    #[test]
    fn nothing_secret_is_told(
        text in prop_oneof![user_data(), any::<String>().prop_map(|text| format!("#cloud-config\n{text}"))],
        secret in "[A-Za-z0-9+/]{4,40}",
        packed in any::<bool>(),
    ) {
        // Capitals: a word in small letters could be the name of a type, whose first letters may be told.
        let secret = format!("S3CR3T{secret}");
        let text = text.replace("SECRET", &secret);
        let cloud_init = if packed {
            json!({"userDataBase64": STANDARD.encode(text)})
        } else {
            json!({"userData": text})
        };
        for answer in [PlainPasswords::Warn, PlainPasswords::Deny] {
            let told = told(&machine(&cloud_init), &policy(answer));
            prop_assert!(!told.contains("S3CR3T"), "{told}");
        }
    }
}

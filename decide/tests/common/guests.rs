//! Guests as people write them, with the mistakes that people make.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::json::{Part, junk, list, map, naming, object, one_of, only, text, tolerations};

/// Spec of an instance.
pub fn instance_spec() -> Part {
    object(
        vec![("domain", domain())],
        vec![
            ("tolerations", tolerations()),
            (
                "schedulerName",
                one_of(&["", "default-scheduler", "of-the-user"]),
            ),
            ("networks", networks()),
            ("volumes", list(volume(), 3)),
            ("accessCredentials", list(credential(), 2)),
        ],
    )
}

fn domain() -> Part {
    let memory = object(
        vec![],
        vec![
            ("guest", amount()),
            ("maxGuest", amount()),
            (
                "hugepages",
                object(vec![], vec![("pageSize", one_of(&["2Mi", "1Gi"]))]),
            ),
        ],
    );
    let resources = object(vec![], vec![("requests", amounts()), ("limits", amounts())]);
    let devices = object(
        vec![],
        vec![
            (
                "autoattachPodInterface",
                any::<bool>().prop_map(Value::from).boxed(),
            ),
            ("interfaces", interfaces()),
            ("disks", junk()),
        ],
    );
    object(
        vec![],
        vec![
            ("memory", memory),
            ("resources", resources),
            ("devices", devices),
            (
                "cpu",
                only(json!({"cores": 2, "dedicatedCpuPlacement": true})),
            ),
        ],
    )
}

fn amounts() -> Part {
    map(
        vec![],
        vec![
            ("memory", amount()),
            ("cpu", one_of(&["2", "500m"])),
            ("cmk.intel.com/exclusive-cores", only(json!("1"))),
        ],
    )
}

/// Bytes in every unit, mostly enough for a guest, sometimes none at all.
pub fn amount() -> Part {
    let units = prop::sample::select(vec!["", "k", "M", "G", "Ki", "Mi", "Gi", "e6", ".5Gi"]);
    prop_oneof![
        8 => one_of(&["4096M", "2056M", "4Gi", "4096Mi", "1Gi", "15G", "4294967296"]),
        4 => (0..70_000_u32, units).prop_map(|(number, unit)| json!(format!("{number}{unit}"))),
        1 => any::<u32>().prop_map(Value::from),
        1 => (0.0..1e12).prop_map(Value::from),
        1 => one_of(&["", "0", "much", "-1Gi", "1e30", "18446744073709551615", "1m"]),
    ]
    .boxed()
}

fn interfaces() -> Part {
    let interface = object(
        vec![(
            "name",
            one_of(&["default", "net1", "vf0", "vf1", "vf2", ""]),
        )],
        vec![
            ("sriov", only(json!({}))),
            ("bridge", only(json!({}))),
            (
                "macAddress",
                one_of(&["02:00:00:00:00:01", "02-00-00-00-00-0A", ""]),
            ),
        ],
    );
    list(interface, 4)
}

fn networks() -> Part {
    let name = one_of(&[
        "default/sriov-openness-vm",
        "fast",
        "edge/fast",
        "slow",
        "plain",
        "missing",
        "",
    ]);
    let network = object(
        vec![(
            "name",
            one_of(&["default", "net1", "vf0", "vf1", "vf3", ""]),
        )],
        vec![
            ("pod", only(json!({}))),
            ("multus", object(vec![], vec![("networkName", name)])),
        ],
    );
    list(network, 4)
}

fn volume() -> Part {
    object(
        vec![("name", one_of(&["root", "cloudinit", "data"]))],
        vec![
            ("cloudInitNoCloud", cloud_init()),
            ("cloudInitConfigDrive", cloud_init()),
            ("dataVolume", only(json!({"name": "root"}))),
        ],
    )
}

fn cloud_init() -> Part {
    object(
        vec![],
        vec![
            ("userData", user_data()),
            (
                "userDataBase64",
                one_of(&["I2Nsb3VkLWNvbmZpZwp1c2VyOiB4", "%", ""]),
            ),
            ("secretRef", only(json!({"name": "own"}))),
            (
                "networkData",
                one_of(&[
                    "version: 2",
                    "",
                    "# by vmberth, from annotation vmberth.io/addresses\nold",
                ]),
            ),
            ("networkDataBase64", one_of(&["", "dmVyc2lvbjogMg=="])),
            ("networkDataSecretRef", only(json!({"name": "own"}))),
        ],
    )
}

/// Keys and passwords, right and wrong; YAML, nearly YAML, and none.
pub fn user_data() -> Part {
    let config = prop_oneof![
        one_of(&[
            "user: debian\npassword: secret\nchpasswd: {expire: false}",
            "ssh_authorized_keys:\n  - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBsywoyzjAVIDszBvWD/lwKbV6BclnGLltrX6dhIlPVJ a@b",
            "ssh_authorized_keys: [ssh-rsa x, '', 3, ssh-ed25519 AAAA]",
            "users:\n  - default\n  - name: a\n    plain_text_passwd: p\n    ssh_authorized_keys: |\n      -----BEGIN OPENSSH PRIVATE KEY-----",
            "users: {a: {passwd: $6$x$y}, b: null, c: [1]}",
            "users: a,b\nchpasswd:\n  list: |\n    root:secret\n    a:RANDOM",
            "chpasswd: {users: [{name: a, password: b, type: text}, 3]}",
            "a: &a [1, *a]",
            "{{{{{{",
            "\t- tab",
            "<<: {}\n? [1]: 2",
        ]),
        junk().prop_map(|junk| Value::from(junk.to_string())),
        text().prop_map(Value::from),
    ];
    (
        one_of(&[
            "#cloud-config\n",
            "#cloud-config",
            "#!/bin/sh\n",
            "",
            "#include\n",
        ]),
        config,
    )
        .prop_map(|(header, config)| {
            let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            Value::from(part(&header) + &part(&config))
        })
        .boxed()
}

fn credential() -> Part {
    let secret = object(
        vec![],
        vec![("secretName", one_of(&["my-keys", "other-keys"]))],
    );
    let source = object(vec![], vec![("secret", secret)]);
    let key = object(
        vec![],
        vec![
            ("source", source),
            ("propagationMethod", only(json!({"noCloud": {}}))),
        ],
    );
    object(vec![], vec![("sshPublicKey", key)])
}

/// Metadata with wishes that can be followed, that cannot, and that nobody understands.
pub fn metadata() -> Part {
    let addresses = one_of(&[
        "vf0=192.168.20.5/24",
        "vf0=10.0.0.2/8,vf1=fd00::5/64",
        "net1=10.0.0.2/8, vf0=10.0.0.3/8",
        "default=10.0.0.2/8",
        "vf9=10.0.0.2/8",
        "vf0=",
    ]);
    let annotations = map(
        vec![],
        vec![
            ("vmberth.io/profile", one_of(&["fast", "slow", "nobody"])),
            (
                "vmberth.io/hugepages",
                one_of(&["2Mi", "1Gi", "none", " 2Mi", "4Mi", ""]),
            ),
            (
                "vmberth.io/vfs",
                one_of(&[
                    "2",
                    "1",
                    "0",
                    "fast=1",
                    "default/sriov-openness-vm=2,slow=1",
                    "missing=1,plain=1",
                    "33",
                    "x",
                ]),
            ),
            ("vmberth.io/addresses", addresses),
            ("vmberth.io/ssh-keys", one_of(&["my-keys", "My_Keys"])),
            ("vmberth.io/injected", record()),
        ],
    );
    let labels = map(
        vec![],
        vec![
            ("size", one_of(&["large", "small"])),
            // Seldom, since nothing else happens then.
            (
                "vmberth.io/inject",
                one_of(&["true", "true", "true", "false", "maybe"]),
            ),
            ("é/~", one_of(&["x"])),
        ],
    );
    let mut fields = naming();
    fields.extend([("annotations", annotations), ("labels", labels)]);
    object(vec![], fields)
}

/// What stands in the record of an object that was copied, or that somebody wrote by hand.
fn record() -> Part {
    one_of(&[
        "what somebody wrote",
        "spec.template.spec.tolerations+=cmk (policy tolerations[0])",
        "",
    ])
}

//! One VM of the sample: as somebody could have written it, right or wrong.

use serde_json::{Map, Value, json};

/// Numbers that look thrown, and are the same for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of them, or `null` for what is not written, half of the time.
    fn maybe(&mut self, values: &[Value]) -> Value {
        if self.throw().is_multiple_of(2) {
            return Value::Null;
        }
        self.one(values)
    }

    fn one(&mut self, values: &[Value]) -> Value {
        let count = u64::try_from(values.len().max(1)).unwrap_or(1);
        let at = usize::try_from(self.throw() % count).unwrap_or(0);
        values.get(at).cloned().unwrap_or_default()
    }
}

/// The VM of this seed.
pub(crate) fn machine(seed: u64) -> Value {
    let mut dice = Dice(seed);
    let (template, own) = annotations(&mut dice);
    let mut spec = json!({"domain": {
        "memory": memory(&mut dice),
        "resources": resources(&mut dice),
        "devices": {"disks": []},
    }});
    cpu(&mut dice, &mut spec);
    networks(&mut dice, &mut spec);
    placement(&mut dice, &mut spec);
    let templates = volumes(&mut dice, &mut spec);
    let labels = dice.maybe(&[json!({"e2e/functions": "two"}), json!({"app": "web"})]);
    let mut vm = json!({
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": format!("sample-{seed}"), "annotations": own},
        "spec": {
            "runStrategy": "Halted",
            "dataVolumeTemplates": templates,
            "template": {"metadata": {"annotations": template, "labels": labels}, "spec": spec},
        },
    });
    prune(&mut vm);
    vm
}

/// Wishes, on the template or on the VM.
fn annotations(dice: &mut Dice) -> (Value, Value) {
    let mut all = Map::new();
    // How many VMs have one, and what it says: mostly what can be followed.
    let values: [(&str, u64, &[&str]); 5] = [
        (
            "hugepages",
            3,
            &["2Mi", "2Mi", "2Mi", "2Mi", "none", "1Gi", "4Mi"],
        ),
        (
            "vfs",
            3,
            &["1", "2", "2", "0", "fast=1", "fast=1,other/slow=2", "-1"],
        ),
        ("ssh-keys", 8, &["keys", "keys", "keys", "Bad_Name"]),
        (
            "profile",
            6,
            &["edge", "two-functions", "two-functions", "nosuch"],
        ),
        (
            "addresses",
            12,
            &["vf0=192.168.20.5/24", "default=10.1.2.3/24", "vf0=10.0.0.1"],
        ),
    ];
    for (name, share, values) in values {
        if dice.throw().is_multiple_of(share) {
            let values: Vec<_> = values.iter().map(|value| json!(value)).collect();
            all.insert(format!("vmberth.io/{name}"), dice.one(&values));
        }
    }
    if dice.throw().is_multiple_of(2) {
        (all.into(), Value::Null)
    } else {
        (Value::Null, all.into())
    }
}

fn memory(dice: &mut Dice) -> Value {
    let guest = [
        "64Mi",
        "129M",
        "100M",
        "1Gi",
        "2049Ki",
        "1.5Gi",
        "4096M",
        "134217728",
        "2e8",
    ];
    let guest: Vec<_> = guest.iter().map(|size| json!(size)).collect();
    let own = [json!({"pageSize": "2Mi"}), json!({"pageSize": "1Gi"})];
    let (guest, again) = (dice.one(&guest), dice.throw());
    json!({
        "guest": if again.is_multiple_of(5) { Value::Null } else { guest },
        "maxGuest": if again.is_multiple_of(7) { json!("8Gi") } else { Value::Null },
        "hugepages": if again.is_multiple_of(6) { dice.one(&own) } else { Value::Null },
    })
}

fn resources(dice: &mut Dice) -> Value {
    let sizes = ["64Mi", "129M", "1Gi", "1.5Gi", "4096M", "5Gi"].map(|size| json!(size));
    let request = dice.maybe(&sizes);
    let limit = match dice.throw() % 4 {
        0 => request.clone(),
        1 => dice.one(&sizes),
        _ => Value::Null,
    };
    let cores = match dice.throw() % 8 {
        0 => json!("1"),
        _ => Value::Null,
    };
    json!({
        "requests": {"memory": request, "cmk.intel.com/exclusive-cores": cores},
        "limits": {"memory": limit, "cmk.intel.com/exclusive-cores": cores},
    })
}

fn cpu(dice: &mut Dice, spec: &mut Value) {
    let numa = json!({"cores": 2, "dedicatedCpuPlacement": true,
        "numa": {"guestMappingPassthrough": {}}});
    spec["domain"]["cpu"] = dice.maybe(&[
        json!({"cores": 2}),
        json!({"cores": 1, "sockets": 2, "threads": 1}),
        json!({"cores": 1}),
        json!({"cores": 2, "dedicatedCpuPlacement": true}),
        numa,
    ]);
}

/// Interfaces and networks, in the ways that KubeVirt completes or does not.
fn networks(dice: &mut Dice, spec: &mut Value) {
    let pod = json!({"name": "default", "pod": {}});
    let multus = |name: &str| json!({"name": name, "multus": {"networkName": "fast"}});
    let masquerade = json!({"name": "default", "masquerade": {}});
    let function = |name: &str| json!({"name": name, "sriov": {}});
    let mut with = |interfaces: Value, networks: Value| {
        spec["domain"]["devices"]["interfaces"] = interfaces;
        spec["networks"] = networks;
    };
    match dice.throw() % 8 {
        0 => with(json!([]), Value::Null),
        1 => with(json!([masquerade]), json!([pod])),
        2 => with(json!([{"name": "default", "bridge": {}}]), json!([pod])),
        3 => with(
            json!([masquerade, function("vf0")]),
            json!([pod, multus("vf0")]),
        ),
        4 => with(json!([function("own")]), json!([multus("own")])),
        // A network of no interface: KubeVirt refuses it.
        5 => with(json!([masquerade]), json!([pod, multus("lost")])),
        6 => spec["domain"]["devices"]["autoattachPodInterface"] = json!(false),
        _ => {}
    }
}

fn placement(dice: &mut Dice, spec: &mut Value) {
    spec["tolerations"] = dice.maybe(&[
        json!([]),
        json!([{"key": "cmk", "operator": "Exists"}]),
        json!([{"operator": "Exists"}]),
        json!([{"key": "cmk", "operator": "Equal", "value": "true", "effect": "NoSchedule"}]),
        json!([{"key": "other", "operator": "Exists"}]),
    ]);
    spec["schedulerName"] = dice.maybe(&[json!("mine")]);
    spec["accessCredentials"] = match dice.throw() % 10 {
        0 => json!([{"sshPublicKey": {"source": {"secret": {"secretName": "keys"}},
            "propagationMethod": {"noCloud": {}}}}]),
        _ => Value::Null,
    };
}

/// Disks and cloud-init; returns the VM's templates of DataVolumes.
fn volumes(dice: &mut Dice, spec: &mut Value) -> Value {
    let (mut disks, mut volumes) = (Vec::new(), Vec::new());
    let mut add = |name: &str, source: &str, what: Value| {
        disks.push(json!({"name": name, "disk": {"bus": "virtio"}}));
        volumes.push(json!({"name": name, source: what}));
    };
    add("root", "containerDisk", json!({"image": "localhost/any:1"}));
    let keys = [
        "ssh-ed25519 AAAA",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGpKq0Xq4v1hUeX4yqVYb1u9cIh0n0Jm3b7H0dY9T3m5",
    ];
    let key = dice.one(&keys.map(|key| json!(key)));
    let user = format!("#cloud-config\npassword: plain\nssh_authorized_keys: [{key}]\n");
    match dice.throw() % 7 {
        0 => add(
            "init",
            "cloudInitNoCloud",
            json!({"userData": "#cloud-config\n"}),
        ),
        1 => add(
            "init",
            "cloudInitConfigDrive",
            json!({"userData": "#!/bin/sh\n"}),
        ),
        2 => add(
            "init",
            "cloudInitNoCloud",
            json!({"secretRef": {"name": "init"}}),
        ),
        3 => add(
            "init",
            "cloudInitNoCloud",
            json!({"userData": user, "networkData": "version: 2\n"}),
        ),
        4 => add(
            "init",
            "cloudInitNoCloud",
            json!({"networkData": "version: 2\n"}),
        ),
        _ => {}
    }
    let mut templates = Value::Null;
    let size = json!({"requests": {"storage": "1Gi"}});
    let claims = [
        json!({"storage": {"resources": size}}),
        json!({"storage": {"storageClassName": "local-vd", "resources": size}}),
        json!({"pvc": {"accessModes": ["ReadWriteOnce"], "resources": size}}),
        json!({"storage": {"storageClassName": "other", "resources": size}}),
    ];
    let mut claim = dice.maybe(&claims);
    if let Some(fields) = claim.as_object_mut() {
        fields.insert("source".to_owned(), json!({"blank": {}}));
        add("data", "dataVolume", json!({"name": "data"}));
        templates = json!([{"metadata": {"name": "data"}, "spec": claim}]);
    }
    spec["domain"]["devices"]["disks"] = disks.into();
    spec["volumes"] = volumes.into();
    templates
}

/// What is null was not written.
fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

//! The VMs as users write them, and all of them at once.

use std::time::Duration;

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use vmberth_e2e::Scene;
use vmberth_e2e::cluster::Refused;
use vmberth_e2e::kind::{self, Kind};
use vmberth_e2e::manifest::{self, Boot, with_function};
use vmberth_e2e::networks::NETWORK;
use vmberth_e2e::volumes::CLASS;

use crate::packing::{Disk, Machine, Source};

/// So many requests at a time.
pub(crate) const AT_ONCE: usize = 24;

/// How often a request is made that the API server does not answer: it may be restarted meanwhile.
const TRIES: usize = 60;

/// So long an upload that comes first is waited for.
const UPLOAD_SECONDS: usize = 10;

/// Functions that a VM has at most.
const MOST_FUNCTIONS: u64 = 2;

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Vm,
    Disks,
    /// They say what VM they will belong to.
    DisksWithProfile,
}

/// Creates all VMs with what belongs to them; of half of them the disks come first, and half of these name a profile.
pub(crate) async fn create_all(scene: &Scene, machines: &[Machine]) -> Result<()> {
    stream::iter(machines.iter().enumerate())
        .map(|(number, machine)| {
            let order = match number % 4 {
                0 => Order::DisksWithProfile,
                2 => Order::Disks,
                _ => Order::Vm,
            };
            create(scene, machine, order)
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

async fn create(scene: &Scene, machine: &Machine, order: Order) -> Result<()> {
    let profile = (order == Order::DisksWithProfile).then(|| profile(machine));
    let vm = (kind::VM, vm(machine));
    let disks = others(machine, profile.as_deref());
    if order == Order::Vm {
        insist(scene, vm.0, &vm.1).await?;
    }
    for (kind, object) in &disks {
        insist(scene, *kind, object).await?;
    }
    if order != Order::Vm {
        uploads_to_be_bound(scene, machine).await;
        insist(scene, vm.0, &vm.1).await?;
    }
    Ok(())
}

/// Who uploads first makes the VM when the disk is there; in a long queue nobody waits for it for ever.
async fn uploads_to_be_bound(scene: &Scene, machine: &Machine) {
    let disks = machine.disks.iter().enumerate();
    let uploads = disks.filter(|(_, disk)| disk.source == Source::Upload);
    let names: Vec<String> = uploads.map(|(number, _)| machine.disk(number)).collect();
    for _ in 0..UPLOAD_SECONDS {
        let mut bound = 0;
        for name in &names {
            let claim = scene
                .cluster
                .find(kind::CLAIM, &scene.namespace, name)
                .await;
            let is_bound = |claim: &Value| claim["status"]["phase"] == "Bound";
            bound += usize::from(claim.ok().flatten().as_ref().is_some_and(is_bound));
        }
        if bound == names.len() {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Name of the policy's profile that says of a VM what a profile can: functions, and that there are pages.
fn profile(machine: &Machine) -> String {
    profile_of(machine.functions, machine.pages > 0)
}

fn profile_of(functions: u64, pages: bool) -> String {
    format!("race-{functions}{}", if pages { "-pages" } else { "" })
}

/// The profiles that disks may name, as the chart's value.
pub(crate) fn profiles() -> String {
    let mut all = Vec::new();
    for functions in 0..=MOST_FUNCTIONS {
        for pages in [false, true] {
            let mut one =
                json!({"name": profile_of(functions, pages), "vfs": functions.to_string()});
            one["hugepages"] = if pages { "2Mi" } else { "none" }.into();
            all.push(one);
        }
    }
    format!("policy.profiles={}", Value::from(all))
}

/// Creates an object, also while the API server or the webhook is away; one that is there is fine.
async fn insist(scene: &Scene, kind: Kind, object: &Value) -> Result<()> {
    let mut last = None;
    for _ in 0..TRIES {
        let Err(error) = scene.cluster.create(kind, &scene.namespace, object).await else {
            return Ok(());
        };
        match error.downcast_ref::<Refused>().map(|refused| refused.code) {
            Some(409) => return Ok(()),
            Some(code) if code < 500 && code != 429 => return Err(error),
            _ => last = Some(error),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    last.map_or(Ok(()), Err)
}

/// What a VM needs beside itself.
fn others(machine: &Machine, profile: Option<&str>) -> Vec<(Kind, Value)> {
    let disks = machine.disks.iter().enumerate();
    let others = disks.filter_map(|(number, disk)| {
        let name = machine.disk(number);
        match disk.source {
            Source::Claim => Some((kind::CLAIM, claim(&name, disk.gib))),
            Source::Upload => Some((kind::DATA_VOLUME, upload(&name, disk.gib, profile))),
            Source::Blank | Source::Import => None,
        }
    });
    others.collect()
}

fn claim(name: &str, gib: u64) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": storage(gib),
    })
}

/// A DataVolume that waits for data, at once and not with its first consumer, as `virtctl image-upload --force-bind` makes it.
fn upload(name: &str, gib: u64, profile: Option<&str>) -> Value {
    let mut upload = json!({
        "apiVersion": "cdi.kubevirt.io/v1beta1",
        "kind": "DataVolume",
        "metadata": {
            "name": name,
            "annotations": {"cdi.kubevirt.io/storage.bind.immediate.requested": "true"},
        },
        "spec": {"source": {"upload": {}}, "storage": storage(gib)},
    });
    if let Some(profile) = profile {
        upload["metadata"]["annotations"]["vmberth.io/profile"] = profile.into();
    }
    upload
}

fn storage(gib: u64) -> Value {
    json!({
        "storageClassName": CLASS,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": format!("{gib}Gi")}},
    })
}

/// The VM itself.
pub(crate) fn vm(machine: &Machine) -> Value {
    let empty = manifest::vm(&machine.name, Boot::Nothing);
    let functions = 0..machine.functions;
    let mut vm = functions.fold(empty, |vm, number| {
        with_function(vm, &format!("vf{number}"), NETWORK)
    });
    if machine.pages > 0 {
        let memory = format!("{}Mi", machine.pages * 2);
        let template = &mut vm["spec"]["template"];
        template["metadata"] = json!({"annotations": {"vmberth.io/hugepages": "2Mi"}});
        template["spec"]["domain"]["memory"]["guest"] = memory.into();
    }
    let (mut disks, mut volumes, mut templates) = (Vec::new(), Vec::new(), Vec::new());
    for (number, disk) in machine.disks.iter().enumerate() {
        let (name, claim) = (format!("disk{number}"), machine.disk(number));
        disks.push(json!({"name": name, "disk": {"bus": "virtio"}}));
        volumes.push(match disk.source {
            Source::Claim => json!({"name": name, "persistentVolumeClaim": {"claimName": claim}}),
            Source::Blank | Source::Import | Source::Upload => {
                json!({"name": name, "dataVolume": {"name": claim}})
            }
        });
        templates.extend(template(&claim, disk));
    }
    vm["spec"]["dataVolumeTemplates"] = templates.into();
    let spec = &mut vm["spec"]["template"]["spec"];
    spec["domain"]["devices"]["disks"] = disks.into();
    spec["volumes"] = volumes.into();
    vm
}

fn template(name: &str, disk: &Disk) -> Option<Value> {
    let source = match disk.source {
        Source::Blank => json!({"blank": {}}),
        // Nobody asks there: the importer's end is a stage of KWOK.
        Source::Import => json!({"http": {"url": "http://10.99.0.1/disk.img"}}),
        Source::Claim | Source::Upload => return None,
    };
    let spec = json!({"source": source, "storage": storage(disk.gib)});
    Some(json!({"metadata": {"name": name}, "spec": spec}))
}

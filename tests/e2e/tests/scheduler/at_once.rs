//! A class that binds at once: claims have their volume before there is a pod, so the webhook chooses the node.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::manifest::{self, Boot, with_function};
use vmberth_e2e::networks::NETWORK;
use vmberth_e2e::seen::text;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, kind, vmberth};

use crate::{WITH, WITHOUT, cards, story};

const CLASS: &str = "e2e-at-once";
const LIMIT: Duration = Duration::from_secs(120);
/// So many volumes each node has of the class.
const VOLUMES: usize = 3;

/// The node without functions has the smaller volumes, which Kubernetes takes first.
#[test]
fn a_claim_that_binds_at_once_is_where_its_vm_can_run() -> Result<()> {
    story("scheduler at once", async |scene| {
        cards(scene, 2).await?;
        volumes(scene).await?;
        under(scene, &[CLASS]).await?;
        let result = body(scene).await;
        let left = clean(scene).await;
        result.and(left)
    })
}

async fn body(scene: &Scene) -> Result<()> {
    // Nobody restricts what opted out.
    let mut control = json!({
        "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume", "metadata": {"name": "control"},
        "spec": data_volume(),
    });
    control["metadata"]["labels"] = json!({"vmberth.io/inject": "false"});
    scene.kubectl(&["create"], &control).await?;
    let node = bound(scene, "control").await?;
    ensure!(node == WITHOUT, "the control is none: it is on {node}");

    let mut vm = with_function(manifest::vm("chosen", Boot::Claim("disk")), "vf", NETWORK);
    vm["spec"]["dataVolumeTemplates"] =
        json!([{"metadata": {"name": "disk"}, "spec": data_volume()}]);
    let words = format!("claims of class {CLASS} bind at once: chosen node {WITH}");
    said(scene, &vm, &words).await?;
    let stored = scene.kubectl(&["create"], &vm).await?;
    scene.say(stored.assert_warned(&[&words])?);
    for claim in ["disk", "disk-scratch"] {
        let node = bound(scene, claim).await?;
        ensure!(node == WITH, "{claim} is on {node}");
    }
    scene.say(&format!("without: {WITHOUT}; disk and scratch: {WITH}"));
    Ok(())
}

/// An upload that nobody sends: its pod needs scratch space, and nothing is written.
fn data_volume() -> Value {
    json!({"source": {"upload": {}}, "pvc": {
        "storageClassName": CLASS, "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "100Mi"}},
    }})
}

/// Waits until admission says this of the VM: what the webhook knows of the cluster comes by watches.
async fn said(scene: &Scene, vm: &Value, words: &str) -> Result<()> {
    wait::until(&format!("admission to say: {words}"), LIMIT, async || {
        let said = scene.kubectl(&["create", "--dry-run=server"], vm).await?;
        let fits = said.assert_warned(&[words]).is_ok();
        Ok(Look::of(fits.then_some(()), || {
            format!("{:?}", said.warnings)
        }))
    })
    .await
}

/// Waits until the claim has a volume, and returns that one's node.
async fn bound(scene: &Scene, claim: &str) -> Result<String> {
    let what = format!("{claim} to be bound");
    let volume = wait::until(&what, LIMIT, async || {
        let found = scene
            .cluster
            .find(kind::CLAIM, &scene.namespace, claim)
            .await?
            .unwrap_or_default();
        let volume = text(&found["spec"]["volumeName"]).to_owned();
        let is_bound = found["status"]["phase"] == "Bound";
        Ok(Look::of(is_bound.then_some(volume), || found.to_string()))
    })
    .await?;
    let volume = scene.cluster.get(kind::VOLUME, "", &volume).await?;
    Ok(text(&volume["metadata"]["labels"]["vmberth.io/node"]).to_owned())
}

fn names() -> impl Iterator<Item = (String, &'static str, &'static str)> {
    let nodes = [(WITHOUT, "110Mi"), (WITH, "120Mi")];
    nodes.into_iter().flat_map(|(node, size)| {
        (0..VOLUMES).map(move |number| (format!("{CLASS}-{node}-{number}"), node, size))
    })
}

/// Volumes that a person made, with the label by which they are chosen.
async fn volumes(scene: &Scene) -> Result<()> {
    let class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": CLASS},
        "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "Immediate",
    });
    scene
        .cluster
        .create(kind::STORAGE_CLASS, "", &class)
        .await?;
    for (name, node, size) in names() {
        let expression =
            json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [node]});
        let volume = json!({
            "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": name, "labels": {"vmberth.io/node": node}},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, "storageClassName": CLASS,
                "local": {"path": format!("/var/{name}")}, "persistentVolumeReclaimPolicy": "Retain",
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}},
            },
        });
        scene.cluster.create(kind::VOLUME, "", &volume).await?;
    }
    Ok(())
}

/// Everything as it was before, so that the next story finds it so.
async fn clean(scene: &Scene) -> Result<()> {
    let kubectl = |object: Value| async move {
        scene
            .kubectl(&["delete", "--ignore-not-found"], &object)
            .await
    };
    for (api, kind, name) in [
        ("kubevirt.io/v1", "VirtualMachine", "chosen"),
        ("cdi.kubevirt.io/v1beta1", "DataVolume", "control"),
    ] {
        let object = json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}});
        kubectl(object).await?;
    }
    for (name, ..) in names() {
        scene.cluster.delete(kind::VOLUME, "", &name).await?;
    }
    scene.cluster.delete(kind::STORAGE_CLASS, "", CLASS).await?;
    under(scene, &[]).await
}

/// The policy with these classes that bind at once, beside the plane's own; all other values stay.
async fn under(scene: &Scene, at_once: &[&str]) -> Result<()> {
    let mut classes = vec![json!({"name": "local-vd", "default": true,
        "bindingMode": "WaitForFirstConsumer", "requireScratch": true})];
    for class in at_once {
        classes.push(json!({"name": class, "bindingMode": "Immediate"}));
    }
    let chart = vmberth::chart().display().to_string();
    let value = format!("policy.storageClasses={}", Value::from(classes));
    let args = [
        "upgrade",
        vmberth::NAME,
        &chart,
        "--reuse-values",
        "--wait",
        "--timeout=240s",
        "--set-json",
        &value,
    ];
    vmberth::helm(args).output().await.context(value.clone())?;
    vmberth::refresh(&scene.cluster).await
}

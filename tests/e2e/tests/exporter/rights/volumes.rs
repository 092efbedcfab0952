//! PersistentVolumes that are there: one line for each change that is not its to make.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use vmberth_e2e::cluster::{Cluster, Stored};
use vmberth_e2e::exporter::{CLASS, volumes};
use vmberth_e2e::seen::{self, name, text};
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, kind};

use super::offers::proper;
use super::{NO_RIGHT, OTHER, OWN, refused};

pub(super) const NOT_OURS: &str = "not a PersistentVolume of edge-1";
const NOT_IN_SPEC: &str = "changes nothing in spec but the claim of a released volume";
const NOT_THE_EXPORTERS: &str =
    "finalizers and owners of a volume are not the exporter's to change";

/// What it changes of its own free volume, and the rule that refuses it.
fn changes() -> [(&'static str, Value, &'static str); 12] {
    let annotations = |key: &str, value: Value| json!({"metadata": {"annotations": {key: value}}});
    let labels = |key: &str, value: Value| json!({"metadata": {"labels": {key: value}}});
    let owner = json!({"apiVersion": "v1", "kind": "Node", "name": OTHER, "uid": "e2e"});
    let claim = json!({"namespace": "default", "name": "e2e"});
    let provisioner = "pv.kubernetes.io/provisioned-by";
    [
        (
            "giving it to another node",
            labels("vmberth.io/node", json!(OTHER)),
            NOT_OURS,
        ),
        (
            "giving it to another provisioner",
            annotations(provisioner, json!("e2e")),
            NOT_OURS,
        ),
        (
            "another size",
            json!({"spec": {"capacity": {"storage": "2Gi"}}}),
            NOT_IN_SPEC,
        ),
        (
            "reclaim policy Delete",
            json!({"spec": {"persistentVolumeReclaimPolicy": "Delete"}}),
            NOT_IN_SPEC,
        ),
        (
            "a field that it had not",
            json!({"spec": {"mountOptions": ["ro"]}}),
            NOT_IN_SPEC,
        ),
        ("a claim", json!({"spec": {"claimRef": claim}}), NOT_IN_SPEC),
        (
            "the annotation that keeps data",
            annotations("vmberth.io/keep", json!("true")),
            NOT_THE_EXPORTERS,
        ),
        (
            "the label that keeps data",
            labels("vmberth.io/keep", json!("true")),
            NOT_THE_EXPORTERS,
        ),
        (
            "the node that it was made on",
            annotations("vmberth.io/node-uid", json!("e2e")),
            NOT_THE_EXPORTERS,
        ),
        (
            "forgetting the node that it was made on",
            annotations("vmberth.io/node-uid", Value::Null),
            NOT_THE_EXPORTERS,
        ),
        (
            "no finalizers",
            json!({"metadata": {"finalizers": null}}),
            NOT_THE_EXPORTERS,
        ),
        (
            "an owner",
            json!({"metadata": {"ownerReferences": [owner]}}),
            NOT_THE_EXPORTERS,
        ),
    ]
}

pub(super) async fn changed(scene: &Scene, agent: &Cluster) -> Result<()> {
    let own = first(scene, OWN).await?;
    for (what, patch, words) in changes() {
        let answer = agent.merge(kind::VOLUME, "", name(&own), &patch).await;
        refused(scene, &format!("of its own volume {what}"), words, answer)?;
    }
    let mark = json!({"metadata": {"annotations": {"vmberth.io/claim-kind": null}}});
    agent
        .merge(kind::VOLUME, "", name(&own), &mark)
        .await
        .context("its own volume")?;
    Ok(())
}

pub(super) async fn of_others(scene: &Scene, agent: &Cluster) -> Result<()> {
    let other = first(scene, OTHER).await?;
    let foreign = format!("{OWN}-vol0");
    let mark = json!({"metadata": {"annotations": {"vmberth.io/claim-kind": null}}});
    let adopt = json!({"metadata": {
        "labels": {"vmberth.io/node": OWN},
        "annotations": {"pv.kubernetes.io/provisioned-by": "vmberth.io/exporter"},
    }});
    for (whose, volume) in [("another node", name(&other)), ("others", &foreign)] {
        for (what, patch) in [("changing", &mark), ("adopting", &adopt)] {
            let answer = agent.merge(kind::VOLUME, "", volume, patch).await;
            let what = format!("{what} a volume of {whose}");
            refused(scene, &what, NOT_OURS, answer)?;
        }
    }
    let deleted = agent.delete(kind::VOLUME, "", name(&other)).await;
    let deleted = deleted.map(|()| Value::Null);
    refused(scene, "deleting a volume", NO_RIGHT, deleted)
}

/// The claim is taken out of a volume that is released, and only as a whole.
pub(super) async fn claimed(scene: &Scene, agent: &Cluster) -> Result<()> {
    let place = scene.tenant("holder", OWN, CLASS).await?;
    let volume = place.volume.as_str();
    let free = json!({"spec": {"claimRef": null}});
    let taken = agent.merge(kind::VOLUME, "", volume, &free).await;
    refused(scene, "the claim of a bound volume", NOT_IN_SPEC, taken)?;

    // Else the agent itself would take it out.
    let kept = |value: Value| json!({"metadata": {"annotations": {"vmberth.io/keep": value}}});
    let keep = kept(json!("true"));
    scene.cluster.merge(kind::VOLUME, "", volume, &keep).await?;
    scene.leave("holder").await?;
    wait::until(
        "the volume to be Released",
        Duration::from_secs(60),
        async || {
            let now = scene.cluster.get(kind::VOLUME, "", volume).await?;
            let released = text(&now["status"]["phase"]) == "Released";
            Ok(Look::of(released.then_some(()), || seen::line(&now)))
        },
    )
    .await?;
    for (what, patch) in [
        (
            "another claim of a released volume",
            json!({"spec": {"claimRef": {"name": "e2e"}}}),
        ),
        (
            "the claim of a released volume, and its size",
            json!({"spec": {"claimRef": null, "capacity": {"storage": "2Gi"}}}),
        ),
    ] {
        let answer = agent.merge(kind::VOLUME, "", volume, &patch).await;
        refused(scene, what, NOT_IN_SPEC, answer)?;
    }
    agent
        .merge(kind::VOLUME, "", volume, &free)
        .await
        .context("the claim of a released volume")?;
    let unkept = kept(Value::Null);
    let answer = scene.cluster.merge(kind::VOLUME, "", volume, &unkept);
    answer.await.map(drop)
}

/// The policy binds the agents only.
pub(super) async fn others_write(scene: &Scene) -> Result<()> {
    let other = first(scene, OTHER).await?;
    let mark = json!({"metadata": {"annotations": {"e2e": null}}});
    let marked = scene.cluster.merge(kind::VOLUME, "", name(&other), &mark);
    marked.await?;
    let mut own = proper();
    own["metadata"] = json!({"name": "e2e-by-hand"});
    own["spec"]["storageClassName"] = json!(format!("{CLASS}-by-hand"));
    own["spec"]["local"]["path"] = json!("/var/lib/e2e-by-hand");
    let stored = Stored::DryRun;
    scene.cluster.post(kind::VOLUME, "", &own, stored).await?;
    scene.say("others write volumes as before");
    Ok(())
}

async fn first(scene: &Scene, node: &str) -> Result<Value> {
    let volumes = volumes(&scene.cluster, node).await?;
    volumes.into_iter().next().context("no volume")
}

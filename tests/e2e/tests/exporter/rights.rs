//! The agent of one node may not touch what is another's, and others may write as before.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use vmberth_e2e::cluster::{Cluster, Refused};
use vmberth_e2e::exporter::{self, CLASS, NODES, Settings, volumes, wait_all_available};
use vmberth_e2e::seen::{name, text};
use vmberth_e2e::tool::Tool;
use vmberth_e2e::{Scene, kind, vmberth};

const OWN: &str = NODES[0];
const OTHER: &str = NODES[1];

/// With the token of edge-1's exporter: everything of edge-1 that it needs, nothing of edge-2, nothing of PVs that are not
/// the exporter's. The administrator is not bound by it.
#[test]
fn an_agent_is_refused_everything_of_another_node() -> Result<()> {
    exporter::story("exporter rights", Settings::default(), async |scene| {
        for node in NODES {
            wait_all_available(&scene.cluster, node).await?;
        }
        let agent = agent(&scene.cluster).await?;
        inventories(scene, &agent).await?;
        volumes_of_others(scene, &agent).await?;
        events(scene, &agent).await?;
        others_write(scene).await
    })
}

/// The exporter's service account, bound to the pod of the first node.
async fn agent(cluster: &Cluster) -> Result<Cluster> {
    let pod = exporter::pod(cluster, OWN).await?;
    let account = text(&pod["spec"]["serviceAccountName"]);
    let namespace = format!("--namespace={}", vmberth::NAME);
    let args = [
        "create",
        "token",
        account,
        &namespace,
        "--bound-object-kind=Pod",
        "--bound-object-name",
        name(&pod),
    ];
    let token = Tool::new("kubectl", args).output().await?;
    Cluster::connect_with_token(token.trim()).await
}

async fn inventories(scene: &Scene, agent: &Cluster) -> Result<()> {
    let nothing = json!({"status": {"summary": {"volumes": "99/99"}}});
    let other = agent.merge_status(kind::INVENTORY, OTHER, &nothing).await;
    refused(scene, "another node's inventory", other)?;
    let own = scene.cluster.get(kind::INVENTORY, "", OWN).await?;
    let same = json!({"status": {"summary": own["status"]["summary"]}});
    agent
        .merge_status(kind::INVENTORY, OWN, &same)
        .await
        .context("its own inventory")?;
    let made = json!({
        "apiVersion": "vmberth.io/v1alpha1",
        "kind": "NodeInventory",
        "metadata": {"name": "no-such-node"},
    });
    let made = agent.create(kind::INVENTORY, "", &made).await;
    refused(scene, "an inventory of a node that it is not on", made)
}

async fn volumes_of_others(scene: &Scene, agent: &Cluster) -> Result<()> {
    let own = first(&volumes(&scene.cluster, OWN).await?)?;
    let other = first(&volumes(&scene.cluster, OTHER).await?)?;
    let foreign = format!("{OWN}-vol0");
    let free = json!({"spec": {"claimRef": null}, "metadata": {"annotations": {"e2e": "x"}}});
    for (what, volume) in [
        ("another node's volume", name(&other)),
        ("a volume of others", &foreign),
    ] {
        refused(
            scene,
            what,
            agent.merge(kind::VOLUME, "", volume, &free).await,
        )?;
        let adopt = json!({"metadata": {
            "labels": {"vmberth.io/node": OWN},
            "annotations": {"pv.kubernetes.io/provisioned-by": "vmberth.io/exporter"},
        }});
        refused(
            scene,
            &format!("adopting {what}"),
            agent.merge(kind::VOLUME, "", volume, &adopt).await,
        )?;
    }
    let give_away = json!({"metadata": {"labels": {"vmberth.io/node": OTHER}}});
    let given = agent.merge(kind::VOLUME, "", name(&own), &give_away).await;
    refused(scene, "giving its own volume to another node", given)?;
    let mark = json!({"metadata": {"annotations": {"vmberth.io/claim-kind": null}}});
    agent
        .merge(kind::VOLUME, "", name(&own), &mark)
        .await
        .context("its own volume")?;

    let made = agent
        .create(kind::VOLUME, "", &copy_of(&other, "e2e-of-another"))
        .await;
    refused(scene, "making a volume of another node", made)?;
    let deleted = agent.delete(kind::VOLUME, "", name(&other)).await;
    refused(
        scene,
        "deleting another node's volume",
        deleted.map(|()| Value::Null),
    )
}

fn first(volumes: &[Value]) -> Result<Value> {
    volumes.first().cloned().context("no volume")
}

fn copy_of(volume: &Value, name: &str) -> Value {
    let mut spec = volume["spec"].clone();
    spec["claimRef"] = Value::Null;
    json!({
        "metadata": {
            "name": name,
            "labels": volume["metadata"]["labels"],
            "annotations": volume["metadata"]["annotations"],
        },
        "spec": spec,
    })
}

async fn events(scene: &Scene, agent: &Cluster) -> Result<()> {
    let event = |node: &str| {
        json!({
            "metadata": {"generateName": "e2e-"},
            "regarding": {"apiVersion": "v1", "kind": "Node", "name": node},
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "action": "Tell",
            "reason": "E2e",
            "note": "by a story",
            "type": "Normal",
            "reportingController": "vmberth.io/e2e",
            "reportingInstance": OWN,
        })
    };
    let other = agent
        .create(kind::NEW_EVENT, "default", &event(OTHER))
        .await;
    refused(scene, "an Event on another node", other)?;
    let own = agent.create(kind::NEW_EVENT, "default", &event(OWN)).await;
    let own = own.context("an Event on its own node")?;
    let left = scene.cluster.delete(kind::NEW_EVENT, "default", name(&own));
    left.await?;
    let mark = json!({"metadata": {"annotations": {"e2e": "x"}}});
    let patched = agent.merge(kind::NODE, "", OTHER, &mark).await;
    refused(scene, "the other node itself", patched)
}

/// The policy binds the agents only.
async fn others_write(scene: &Scene) -> Result<()> {
    let other = first(&volumes(&scene.cluster, OTHER).await?)?;
    let mark = json!({"metadata": {"annotations": {"e2e": "by an administrator"}}});
    scene
        .cluster
        .merge(kind::VOLUME, "", name(&other), &mark)
        .await?;
    let mut own = copy_of(&other, "e2e-by-hand");
    own["metadata"]["annotations"] = Value::Null;
    own["metadata"]["labels"] = Value::Null;
    own["spec"]["storageClassName"] = json!(format!("{CLASS}-by-hand"));
    own["spec"]["local"]["path"] = json!("/var/lib/e2e-by-hand");
    scene.cluster.create(kind::VOLUME, "", &own).await?;
    scene
        .cluster
        .delete(kind::VOLUME, "", "e2e-by-hand")
        .await?;
    scene.say("others write volumes as before");
    Ok(())
}

fn refused(scene: &Scene, what: &str, answer: Result<Value>) -> Result<()> {
    let error = match answer {
        Ok(stored) => bail!("{what} was allowed: {stored}"),
        Err(error) => error,
    };
    let Some(refused) = error.downcast_ref::<Refused>() else {
        return Err(error.context(what.to_owned()));
    };
    ensure!([403, 422].contains(&refused.code), "{what}: {refused}");
    scene.say(&format!("{what}: {refused}"));
    Ok(())
}

/// The class is the chart's: it goes with it.
#[test]
fn the_class_goes_with_the_chart() -> Result<()> {
    exporter::story("exporter class", Settings::default(), async |scene| {
        let class = scene.cluster.get(kind::STORAGE_CLASS, "", CLASS).await?;
        let late = class["volumeBindingMode"] == "WaitForFirstConsumer";
        ensure!(
            late && class["provisioner"] == "kubernetes.io/no-provisioner",
            "{class}"
        );
        exporter::remove(&scene.cluster).await?;
        let left = scene.cluster.find(kind::STORAGE_CLASS, "", CLASS).await?;
        ensure!(left.is_none(), "{CLASS} is still there");
        Ok(())
    })
}

//! The agent of one node may not touch what is another's, and others may write as before.
//!
//! Each refusal has to be in the words of the rule that is meant: a request that differs by more than that from one that is
//! allowed would prove nothing.

mod offers;
mod pods;
mod volumes;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use vmberth_e2e::cluster::{Cluster, Refused, Stored};
use vmberth_e2e::exporter::{self, CLASS, NODES, Settings, wait_all_available};
use vmberth_e2e::seen::{name, text};
use vmberth_e2e::tool::Tool;
use vmberth_e2e::{Scene, kind, vmberth};

const OWN: &str = NODES[0];
const OTHER: &str = NODES[1];

/// What RBAC alone refuses.
const NO_RIGHT: &str = "cannot";

/// With all rights that it may have: only then the policy on pods is there.
fn settings() -> Settings {
    Settings {
        restart_plugin: true,
        ..Settings::default()
    }
}

/// With the token of edge-1's exporter: everything of edge-1 that it needs, nothing of edge-2, nothing of PVs that are not
/// the exporter's. The administrator is not bound by it.
#[test]
fn an_agent_is_refused_everything_of_another_node() -> Result<()> {
    exporter::story("exporter rights", settings(), async |scene| {
        for node in NODES {
            wait_all_available(&scene.cluster, node).await?;
        }
        let agent = agent(&scene.cluster).await?;
        inventories(scene, &agent).await?;
        offers::made(scene, &agent).await?;
        volumes::changed(scene, &agent).await?;
        volumes::of_others(scene, &agent).await?;
        volumes::claimed(scene, &agent).await?;
        events(scene, &agent).await?;
        without_a_node(scene).await?;
        volumes::others_write(scene).await
    })
}

/// Of all pods it may end the device plugin's, and only that of its own node.
#[test]
fn an_agent_restarts_no_pod_but_the_device_plugin_of_its_node() -> Result<()> {
    exporter::story("exporter pod rights", settings(), async |scene| {
        let agent = agent(&scene.cluster).await?;
        pods::deleted(scene, &agent).await
    })
}

/// The exporter's service account, bound to the pod of the first node.
async fn agent(cluster: &Cluster) -> Result<Cluster> {
    let pod = exporter::pod(cluster, OWN).await?;
    let bound = ["--bound-object-kind=Pod", "--bound-object-name", name(&pod)];
    with_token(&pod, &bound).await
}

/// The service account of a pod, with a token that is made so.
async fn with_token(pod: &Value, further: &[&str]) -> Result<Cluster> {
    let account = text(&pod["spec"]["serviceAccountName"]);
    let namespace = format!("--namespace={}", vmberth::NAME);
    let args = ["create", "token", account, &namespace];
    let args = args.into_iter().chain(further.iter().copied());
    let token = Tool::new("kubectl", args).output().await?;
    Cluster::connect_with_token(token.trim()).await
}

async fn inventories(scene: &Scene, agent: &Cluster) -> Result<()> {
    let anothers = format!("NodeInventory {OTHER} is another node's; expected {OWN}");
    let nothing = json!({"status": {"summary": {"volumes": "99/99"}}});
    let other = agent.merge_status(kind::INVENTORY, OTHER, &nothing).await;
    refused(scene, "another node's status", &anothers, other)?;
    let own = scene.cluster.get(kind::INVENTORY, "", OWN).await?;
    let same = json!({"status": {"summary": own["status"]["summary"]}});
    agent
        .merge_status(kind::INVENTORY, OWN, &same)
        .await
        .context("its own status")?;
    let mark = json!({"metadata": {"labels": {"e2e": null}}});
    let other = agent.merge(kind::INVENTORY, "", OTHER, &mark).await;
    refused(scene, "another node's inventory", &anothers, other)?;
    agent
        .merge(kind::INVENTORY, "", OWN, &mark)
        .await
        .context("its own inventory")?;
    let made = json!({
        "apiVersion": "vmberth.io/v1alpha1",
        "kind": "NodeInventory",
        "metadata": {"name": "no-such-node"},
    });
    let made = agent.post(kind::INVENTORY, "", &made, Stored::DryRun).await;
    let anothers = "NodeInventory no-such-node is another node's";
    refused(
        scene,
        "an inventory of a node that it is not on",
        anothers,
        made,
    )
}

/// About an object of this kind and name.
fn event(kind: &str, name: &str) -> Value {
    json!({
        "metadata": {"generateName": "e2e-"},
        "regarding": {"apiVersion": "v1", "kind": kind, "name": name},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "action": "Tell",
        "reason": "E2e",
        "note": "by a story",
        "type": "Normal",
        "reportingController": "vmberth.io/e2e",
        "reportingInstance": OWN,
    })
}

async fn events(scene: &Scene, agent: &Cluster) -> Result<()> {
    let expected = format!("about its own node; expected regarding Node {OWN}");
    for (what, kind, name) in [
        ("an Event on another node", "Node", OTHER),
        ("an Event on something else of that name", "Pod", OWN),
    ] {
        refused(scene, what, &expected, tell(agent, kind, name).await)?;
    }
    tell(agent, "Node", OWN)
        .await
        .context("an Event on its own node")?;
    let mark = json!({"metadata": {"annotations": {"e2e": "x"}}});
    let patched = agent.merge(kind::NODE, "", OTHER, &mark).await;
    refused(scene, "the other node itself", NO_RIGHT, patched)
}

async fn tell(agent: &Cluster, kind: &str, name: &str) -> Result<Value> {
    let event = event(kind, name);
    let stored = Stored::DryRun;
    agent.post(kind::NEW_EVENT, "default", &event, stored).await
}

/// A token that no kubelet gave to a pod says nothing of a node, so it may write about none.
async fn without_a_node(scene: &Scene) -> Result<()> {
    let pod = exporter::pod(&scene.cluster, OWN).await?;
    let nobody = with_token(&pod, &[]).await?;
    let told = tell(&nobody, "Node", OWN).await;
    let expected = "the exporter's token names no node";
    refused(scene, "an Event with a token of no node", expected, told)
}

/// The answer is a refusal with these words.
fn refused(scene: &Scene, what: &str, words: &str, answer: Result<Value>) -> Result<()> {
    let error = match answer {
        Ok(stored) => bail!("{what} was allowed: {stored}"),
        Err(error) => error,
    };
    let Some(refused) = error.downcast_ref::<Refused>() else {
        return Err(error.context(what.to_owned()));
    };
    let as_meant = refused.code == 403 && refused.message.contains(words);
    ensure!(as_meant, "{what}: {refused}; expected 403 with {words:?}");
    scene.say(&format!("{what}: {refused}"));
    Ok(())
}

/// The class is the chart's: it goes with it.
#[test]
fn the_class_goes_with_the_chart() -> Result<()> {
    exporter::story("exporter class", settings(), async |scene| {
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

//! Virtual functions: what is there, what the kubelet advertises and what pods hold is told apart, and told right.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::exporter::{self, NODES, Settings, metrics, wait_condition, wait_event};
use vmberth_e2e::functions::{address, functions};
use vmberth_e2e::networks::FUNCTION;
use vmberth_e2e::seen::{items, text};
use vmberth_e2e::standin::device_plugin;
use vmberth_e2e::tenant::{allocatable, devices_of, pod_on, pod_resources};
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, kind, node};

pub(crate) const CONDITION: &str = "DevicePluginInSync";

const NODE: &str = NODES[0];

/// Functions are made after the device plugin has looked: condition and Event say so, and what to do; an operator does it,
/// and the kubelet advertises them. A pod takes one: inventory, metrics and podresources agree. Then a kubelet that is
/// started anew, a device plugin that is gone, and a function that is advertised but not on vfio-pci any more.
#[test]
fn functions_are_told_as_they_are() -> Result<()> {
    exporter::story("exporter functions", Settings::default(), async |scene| {
        let cluster = &scene.cluster;
        device_plugin::install(cluster, &[NODE]).await?;
        let card = functions(NODE)?;
        card.create(4)?;
        card.bind_vfio(0..4)?;
        wait_condition(scene, NODE, CONDITION, "False", &["4"]).await?;
        let words = ["4 VFs", FUNCTION, "kubectl delete pod"];
        wait_event(scene, NODE, "FunctionsNotAdvertised", &words).await?;

        device_plugin::restart(cluster, NODE).await?;
        wait_allocatable(scene, 4).await?;
        wait_condition(scene, NODE, CONDITION, "True", &["4 of 4"]).await?;
        agree(scene, 4, 0).await?;

        let taken = take_one(scene).await?;
        agree(scene, 3, 1).await?;

        node::restart(&format!("{NODE}/kubelet")).await?;
        wait_allocatable(scene, 4).await?;
        wait_condition(scene, NODE, CONDITION, "True", &["4 of 4"]).await?;
        agree(scene, 3, 1).await?;
        ensure!(
            held(scene).await? == [taken.clone()],
            "the pod holds another function"
        );
        scene.say("a new kubelet: all the same");

        gone(scene).await?;
        stale(scene, &taken).await?;
        cluster.delete(kind::POD, &scene.namespace, "taker").await?;
        agree(scene, 4, 0).await
    })
}

/// With leave to do so, the exporter does what the Event would ask for; once.
#[test]
fn the_exporter_restarts_the_device_plugin_if_it_may() -> Result<()> {
    let settings = Settings {
        restart_plugin: true,
        ..Settings::default()
    };
    exporter::story("exporter restarts plugin", settings, async |scene| {
        let cluster = &scene.cluster;
        device_plugin::install(cluster, &NODES).await?;
        let other = device_plugin::life(cluster, NODES[1]).await?;
        let card = functions(NODE)?;
        card.create(2)?;
        card.bind_vfio(0..2)?;
        wait_allocatable(scene, 2).await?;
        wait_condition(scene, NODE, CONDITION, "True", &["2 of 2"]).await?;
        let life = device_plugin::life(cluster, NODE).await?;
        wait::holds("one restart", Duration::from_secs(20), async || {
            ensure!(
                device_plugin::life(cluster, NODE).await? == life,
                "restarted again"
            );
            Ok(())
        })
        .await?;
        let same = device_plugin::life(cluster, NODES[1]).await? == other;
        ensure!(same, "the other node's was restarted, too");
        Ok(())
    })
}

async fn gone(scene: &Scene) -> Result<()> {
    device_plugin::keep_away(&scene.cluster, NODE, true).await?;
    wait_condition(scene, NODE, CONDITION, "False", &["DevicePluginGone"]).await?;
    agree(scene, 0, 1).await?;
    device_plugin::keep_away(&scene.cluster, NODE, false).await?;
    wait_allocatable(scene, 4).await?;
    wait_condition(scene, NODE, CONDITION, "True", &["4 of 4"]).await?;
    agree(scene, 3, 1).await
}

/// A function that nobody holds leaves vfio-pci; the device plugin never looks.
async fn stale(scene: &Scene, taken: &str) -> Result<()> {
    let card = functions(NODE)?;
    let index = (0..4)
        .rev()
        .find(|index| address(*index) != taken)
        .context("of four")?;
    card.bind(index, "iavf")?;
    let words = ["StaleAdvertisement", &address(index)];
    wait_condition(scene, NODE, CONDITION, "False", &words).await?;
    agree(scene, 2, 1).await?;
    card.bind_vfio([index])?;
    wait_condition(scene, NODE, CONDITION, "True", &["4 of 4"]).await?;
    agree(scene, 3, 1).await
}

/// Runs a pod that wants a function, and returns the one that its container was told of.
pub(crate) async fn take_one(scene: &Scene) -> Result<String> {
    let mut pod = pod_on("taker", NODE);
    pod["spec"]["containers"][0]["resources"] = json!({"limits": {FUNCTION: "1"}});
    let say = "echo function $PCIDEVICE_INTEL_COM_INTEL_SRIOV_VM; exec sleep 100000";
    pod["spec"]["containers"][0]["command"] = json!(["/bin/sh", "-c", say]);
    scene.run_pod(&pod).await?;
    let told = wait::until("the pod's words", Duration::from_secs(30), async || {
        let log = scene.cluster.log(&scene.namespace, "taker", "main").await?;
        let told = log.trim().strip_prefix("function ").map(str::to_owned);
        Ok(Look::of(told, || log.clone()))
    })
    .await?;
    let held = held(scene).await?;
    ensure!(
        held == [told.clone()],
        "the pod was told {told}, podresources say {held:?}"
    );
    scene.say(&format!("a pod took {told}"));
    Ok(told)
}

/// What the story's pod holds, in the kubelet's own words.
pub(crate) async fn held(scene: &Scene) -> Result<Vec<String>> {
    let answer = pod_resources(NODE).await?;
    Ok(devices_of(&answer, &scene.namespace, "taker", FUNCTION))
}

async fn wait_allocatable(scene: &Scene, wanted: u32) -> Result<()> {
    let what = format!("{wanted} of {FUNCTION} on {NODE}");
    wait::until(&what, Duration::from_secs(60), async || {
        let node = scene.cluster.get(kind::NODE, "", NODE).await?;
        let now = text(&node["status"]["allocatable"][FUNCTION]).to_owned();
        let there = now == wanted.to_string();
        Ok(Look::of(there.then_some(()), || now))
    })
    .await
}

/// Inventory and metrics say the same, and of what is allocated podresources do, too; at the latest when a kubelet that
/// has just begun knows its devices again.
pub(crate) async fn agree(scene: &Scene, free: u64, taken: u64) -> Result<()> {
    let what = format!("{free} functions free, {taken} allocated, in every word");
    wait::until(&what, Duration::from_secs(60), async || {
        let said = said(scene).await?;
        let advertised = said["podresources"]["advertised"].clone();
        let fits = said
            == json!({
                "inventory": {"free": free, "allocated": taken, "advertised": advertised},
                "metrics": {"free": free, "allocated": taken},
                "podresources": {"allocated": taken, "advertised": advertised},
            });
        Ok(Look::of(fits.then_some(()), || said.to_string()))
    })
    .await
}

/// What is said of the functions: by the inventory, by the metrics, by the kubelet.
async fn said(scene: &Scene) -> Result<Value> {
    let inventory = scene.cluster.get(kind::INVENTORY, "", NODE).await?;
    let mut pools = items(&inventory["status"]["vfPools"]).iter();
    let pool = pools.find(|pool| pool["resource"] == FUNCTION);
    let pool = pool.cloned().unwrap_or_default();
    let samples = metrics(&scene.cluster, NODE).await?;
    let count = |state: &str| {
        let labels = [("resource", FUNCTION), ("state", state)];
        let sum = vmberth_e2e::metrics::sum(&samples, "vmberth_exporter_vfs", &labels);
        // Small whole numbers, written as such.
        format!("{sum}").parse::<u64>().unwrap_or_default()
    };
    let answer = pod_resources(NODE).await?;
    Ok(json!({
        "inventory": {
            "free": pool["free"], "allocated": pool["allocated"], "advertised": pool["advertised"],
        },
        "metrics": {"free": count("free"), "allocated": count("allocated")},
        "podresources": {
            "allocated": held(scene).await?.len(),
            "advertised": allocatable(&answer, FUNCTION).len(),
        },
    }))
}

//! vmberth's own scheduler: VMs, and the pods that fill their disks, are where the whole VM can run. One story after the
//! other: all of them share the nodes' network cards.

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json's values answer null for what they do not have"
)]

mod at_once;
mod calls;
mod cluster_mode;
mod holds;
mod infeasible;
mod leaving;
mod placing;
mod words;

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use vmberth_e2e::exporter::{self, NODES, Settings};
use vmberth_e2e::functions::functions;
use vmberth_e2e::manifest::{self, Boot, with_function};
use vmberth_e2e::networks::{FUNCTION, NETWORK};
use vmberth_e2e::seen::text;
use vmberth_e2e::standin::device_plugin;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, cluster::Stored, kind, vmberth};

/// Its name, as VMs have it.
const SCHEDULER: &str = "vmberth-scheduler";

/// The node with functions.
const WITH: &str = NODES[1];

/// The node without.
const WITHOUT: &str = NODES[0];

const SETTINGS: Settings = Settings {
    reclaim: "wipe",
    restart_plugin: false,
    binder: None,
    scheduler: true,
    calls: false,
};

/// Makes so many functions on one node, and waits until kubelet and inventory know them.
async fn make_functions(scene: &Scene, node: &str, count: u32) -> Result<()> {
    let card = functions(node)?;
    card.create(count)?;
    card.bind_vfio(0..count)?;
    device_plugin::restart(&scene.cluster, node).await?;
    let what = format!("{count} functions on {node}");
    wait::until(&what, Duration::from_secs(60), async || {
        let inventory = scene.cluster.get(kind::INVENTORY, "", node).await?;
        let pools = &inventory["status"]["vfPools"];
        let there = pools[0]["free"] == count && pools[0]["advertised"] == count;
        Ok(Look::of(there.then_some(()), || pools.to_string()))
    })
    .await
}

/// A device plugin on each node and so many functions on the one with any.
async fn cards(scene: &Scene, count: u32) -> Result<()> {
    device_plugin::install(&scene.cluster, &NODES).await?;
    scene.network(NETWORK, Some(FUNCTION)).await?;
    make_functions(scene, WITH, count).await
}

/// A VM with so many functions that boots from this claim.
fn vm_with_functions(name: &str, claim: &str, count: usize) -> Value {
    (0..count).fold(manifest::vm(name, Boot::Claim(claim)), |vm, number| {
        with_function(vm, &format!("vf{number}"), NETWORK)
    })
}

/// Waits until admission gives VMs this scheduler; none if it is empty.
async fn wait_scheduler(scene: &Scene, wanted: &str) -> Result<()> {
    vmberth::refresh(&scene.cluster).await?;
    let what = format!("VMs to get the scheduler {wanted:?}");
    wait::until(&what, Duration::from_secs(90), async || {
        let vm = manifest::vm("question", Boot::Nothing);
        let stored = scene
            .cluster
            .post(kind::VM, &scene.namespace, &vm, Stored::DryRun)
            .await?;
        let name = text(&stored["spec"]["template"]["spec"]["schedulerName"]).to_owned();
        Ok(Look::of((name == wanted).then_some(()), || name))
    })
    .await
}

/// The pod was placed by this scheduler.
fn assert_scheduler(pod: &Value, wanted: &str) -> Result<()> {
    let name = text(&pod["spec"]["schedulerName"]);
    ensure!(name == wanted, "placed by {name}, expected {wanted}");
    Ok(())
}

/// A story with the scheduler, alone.
fn story(name: &'static str, body: impl AsyncFnOnce(&Scene) -> Result<()>) -> Result<()> {
    exporter::story(name, SETTINGS, async |scene| {
        wait_scheduler(scene, SCHEDULER).await?;
        body(scene).await
    })
}

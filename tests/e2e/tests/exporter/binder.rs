//! Virtual functions that the exporter makes and binds itself: at first, after each reboot, and never at the cost of a pod.

use std::time::Duration;

use anyhow::{Result, ensure};
use vmberth_e2e::exporter::{self, NODES, PROGRAM, Settings, metrics, wait_condition};
use vmberth_e2e::functions::{CARD, address, functions, kernel};
use vmberth_e2e::metrics::sum;
use vmberth_e2e::standin::device_plugin;
use vmberth_e2e::tool::Tool;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, pod};

use crate::functions::{CONDITION, agree, held, take_one};

const NODE: &str = NODES[0];
const OTHER: &str = NODES[1];

/// Changes of virtual functions: the number of a card's, and each that is bound.
const STEPS: &str = "vmberth_exporter_binder_steps_total";

/// An empty card gets four functions, all of them for VMs, and the device plugin is restarted so that the kubelet knows of
/// them. A reboot takes all of it away: it comes back. Then a pod has one, and two are asked for: nothing of its card is
/// touched before it has gone, and the card of the other node, where nobody has any, has two at once.
#[test]
fn functions_come_back_after_a_reboot_and_are_never_taken_from_a_pod() -> Result<()> {
    exporter::story("exporter binder", with(None), async |scene| {
        let _kernels = [kernel(NODE)?, kernel(OTHER)?];
        let result = binder(scene).await;
        // It must not be left to write into files without a kernel behind them.
        let ended = exporter::install(&scene.cluster, with(None)).await;
        result.and(ended)
    })
}

fn with(binder: Option<u32>) -> Settings {
    Settings {
        restart_plugin: true,
        binder,
        ..Settings::default()
    }
}

async fn binder(scene: &Scene) -> Result<()> {
    device_plugin::install(&scene.cluster, &NODES).await?;
    exporter::install(&scene.cluster, with(Some(4))).await?;
    for node in NODES {
        bound(node, 4).await?;
        wait_condition(scene, node, CONDITION, "True", &["4 of 4"]).await?;
    }
    agree(scene, 4, 0).await?;
    rebooted(scene).await?;
    in_use(scene).await
}

/// All functions vanish while no agent looks, as a reboot has it.
async fn rebooted(scene: &Scene) -> Result<()> {
    let before = steps(scene).await?;
    let agent = exporter::pod(&scene.cluster, NODE).await?;
    let process = pod::process(&agent, PROGRAM)?.pid.to_string();
    Tool::new("kill", ["-STOP", &process]).output().await?;
    let removed = functions(NODE)?.remove();
    Tool::new("kill", ["-CONT", &process]).output().await?;
    removed?;
    scene.say("all functions are gone");
    bound(NODE, 4).await?;
    wait_condition(scene, NODE, CONDITION, "True", &["4 of 4"]).await?;
    agree(scene, 4, 0).await?;
    let after = steps(scene).await?;
    ensure!(
        after >= before + 5.0,
        "{before} changes before the reboot, {after} after it"
    );
    Ok(())
}

async fn in_use(scene: &Scene) -> Result<()> {
    let taken = take_one(scene).await?;
    let before = steps(scene).await?;
    exporter::install(&scene.cluster, with(Some(2))).await?;
    let told = format!("{taken} is held by a container");
    let words = [
        "BinderRefused",
        CARD,
        "2 functions are wanted, it has 4",
        &told,
    ];
    wait_condition(scene, NODE, CONDITION, "False", &words).await?;
    bound(OTHER, 2).await?;
    let card = functions(NODE)?;
    let all: Vec<_> = (0..4).map(address).collect();
    wait::holds("functions of a pod", Duration::from_secs(15), async || {
        let (count, bound) = (card.count()?, card.on_vfio()?);
        ensure!(count == "4" && bound == all, "{count} functions, {bound:?}");
        Ok(())
    })
    .await?;
    let after = steps(scene).await?;
    ensure!(after <= before, "{before} changes, then {after}");
    let held = held(scene).await?;
    ensure!(held == [taken], "the pod has {held:?} now");

    scene.leave("taker").await?;
    bound(NODE, 2).await
}

/// Waits until a node's card has so many functions, each of them on vfio-pci.
async fn bound(node: &str, count: u32) -> Result<()> {
    let card = functions(node)?;
    let wanted: Vec<_> = (0..count).map(address).collect();
    let what = format!("{count} functions on vfio-pci on {node}");
    wait::until(&what, Duration::from_secs(90), async || {
        let (says, bound) = (card.count()?, card.on_vfio()?);
        let done = says == count.to_string() && bound == wanted;
        Ok(Look::of(done.then_some(()), || {
            format!("{says} functions, on vfio-pci {bound:?}")
        }))
    })
    .await
}

/// How many changes the exporter has made on the node, well or not.
async fn steps(scene: &Scene) -> Result<f64> {
    Ok(sum(&metrics(&scene.cluster, NODE).await?, STEPS, &[]))
}

//! What vmberth costs and gains beside the real kube-scheduler, on simulated nodes: pods per second with the extender in its
//! path and without, and how many VMs of a stream find room either way. One JSON object a line in the file `BENCH_OUT`.
//! `make bench-scheduler`; docs/benchmarks.md.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a measurement may stop at the first thing that is not as it should be"
)]

// Fleets and streams are the same as in the bench without a cluster.
#[path = "../../../../extender/benches/placement/fleet.rs"]
mod fleet;
#[path = "../../../../extender/benches/placement/random.rs"]
mod random;

mod placing;
mod pods;
mod processor;
mod quiet;
mod results;
mod settings;
mod site;
mod speed;
mod turns;

use std::time::Duration;

use anyhow::Result;
use vmberth_e2e::Story;

use crate::results::Results;
use crate::settings::Settings;
use crate::turns::Turns;

/// So many requests at a time when there are many.
const AT_ONCE: usize = 16;

/// Everything, one after the other: what is measured beside something else is worth nothing.
#[test]
fn beside_the_real_scheduler() -> Result<()> {
    let settings = Settings::read()?;
    Story::new("bench")
        .alone()
        .at_most(Duration::from_secs(3600))
        .run(async |scene| {
            let turns = Turns::begin(&scene.cluster).await?;
            let replicas = quiet::controllers(&scene.cluster).await?;
            let measured = measure(scene, &settings, &turns).await;
            let woken = quiet::wake(scene, &replicas).await;
            let ended = turns.end().await;
            measured.and(woken).and(ended)
        })
}

async fn measure(scene: &vmberth_e2e::Scene, settings: &Settings, turns: &Turns<'_>) -> Result<()> {
    let results = Results::open()?;
    for (network, resource) in pods::NETWORKS.iter().zip(site::RESOURCES) {
        scene.network(network, Some(resource)).await?;
    }
    if settings.seeds > 0 {
        placing::measure(scene, settings, turns, &results).await?;
    }
    if settings.rounds > 0 {
        speed::measure(scene, settings, turns, &results).await?;
    }
    Ok(())
}

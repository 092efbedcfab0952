//! Others end at the wrong moment: the API server, the exporter itself.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use tokio::time::sleep;
use vmberth_e2e::exporter::{
    self, CLASS, NODES, PROGRAM, Settings, metrics, volume_dir, volumes, wait_all_available,
    wait_inventory,
};
use vmberth_e2e::metrics::sum;
use vmberth_e2e::seen::items;
use vmberth_e2e::tool::Tool;
use vmberth_e2e::{Scene, node, pod};

use crate::faults::names;
use crate::volumes::wait_back;

const NODE: &str = NODES[0];

const API_SERVER: &str = "control-plane/kube-apiserver";

/// Directories of a volume, and files in each, that are enough for a wipe to be caught at.
const WIDE: usize = 60;
const DEEP: usize = 1000;

/// The API server does not answer for a minute, then is killed and started again: what happened meanwhile is seen, no
/// volume is made twice, and the exporter's own metrics answer all the time.
#[test]
fn the_api_server_may_be_away_for_a_minute() -> Result<()> {
    exporter::story("exporter outage", Settings::default(), async |scene| {
        for node in NODES {
            wait_all_available(&scene.cluster, node).await?;
        }
        let before = names(&volumes(&scene.cluster, NODE).await?);
        let agent = exporter::pod(&scene.cluster, NODE).await?;
        let life = pod::process(&agent, PROGRAM)?;
        let stray = volume_dir(NODE, 0)?.join("stray");
        node::signal(API_SERVER, "STOP").await?;
        scene.say("the API server is frozen");
        fs::write(&stray, "left by nobody")?;
        sleep(Duration::from_secs(60)).await;
        node::signal(API_SERVER, "CONT").await?;
        node::restart(API_SERVER).await?;
        scene.say("the API server was started again");
        wait_api_server(scene).await?;
        let fits = |inventory: &Value| inventory.to_string().contains("stray");
        wait_inventory(&scene.cluster, NODE, "the stray file", fits).await?;
        fs::remove_file(&stray)?;
        wait_all_available(&scene.cluster, NODE).await?;
        let after = names(&volumes(&scene.cluster, NODE).await?);
        ensure!(after == before, "before {before:?}, after {after:?}");
        ensure!(
            pod::process(&agent, PROGRAM)? == life,
            "the exporter has ended meanwhile"
        );
        let samples = metrics(&scene.cluster, NODE).await?;
        let rounds = sum(&samples, "vmberth_exporter_rounds_total", &[]);
        scene.say(&format!(
            "{rounds} rounds, the same volumes, the same process"
        ));
        Ok(())
    })
}

async fn wait_api_server(scene: &Scene) -> Result<()> {
    use vmberth_e2e::wait::{Look, until};
    until("the API server", Duration::from_secs(60), async || {
        let answer = scene.cluster.text("/readyz").await;
        Ok(Look::of(answer.as_ref().ok().map(|_| ()), || {
            format!("{answer:?}")
        }))
    })
    .await
}

/// The exporter is killed while it empties a volume, three times: the volume is never offered before it is empty, and in the
/// end it is.
#[test]
fn a_wipe_that_was_killed_is_ended_by_the_next_exporter() -> Result<()> {
    exporter::story("exporter killed", Settings::default(), async |scene| {
        let place = scene.tenant("hoarder", NODE, CLASS).await?;
        let directory = place.file("")?;
        hoard(&directory)?;
        let leave = scene.leave("hoarder");
        let kill = async {
            let mut killed = 0;
            for _ in 0..3 {
                if !wait_shrunk(&directory).await? {
                    break;
                }
                let agent = exporter::pod(&scene.cluster, NODE).await?;
                // Between its death and its next start there is none.
                if let Ok(process) = pod::process(&agent, PROGRAM) {
                    let pid = process.pid.to_string();
                    Tool::new("kill", ["-KILL", &pid]).output().await?;
                    killed += 1;
                }
            }
            anyhow::Ok(killed)
        };
        let (left, killed) = futures::join!(leave, kill);
        left?;
        let killed = killed?;
        scene.say(&format!(
            "the exporter was killed {killed} times while it wiped"
        ));
        ensure!(
            killed > 0,
            "the volume was empty before the exporter could be killed"
        );
        wait_back(scene, &place).await?;
        wait_all_available(&scene.cluster, NODE).await?;
        let fits = |inventory: &Value| {
            let volumes = items(&inventory["status"]["volumes"]);
            volumes.iter().all(|one| one["state"] == "Available")
        };
        wait_inventory(&scene.cluster, NODE, "all volumes Available", fits)
            .await
            .map(drop)
    })
}

fn hoard(directory: &Path) -> Result<()> {
    for wide in 0..WIDE {
        let folder = directory.join(format!("folder-{wide}"));
        fs::create_dir(&folder)?;
        for deep in 0..DEEP {
            fs::write(folder.join(format!("file-{deep}")), "")?;
        }
    }
    fs::write(directory.join("disk.img"), "data")?;
    Ok(())
}

/// Waits until a wipe has removed something more; false if nothing is left.
async fn wait_shrunk(directory: &Path) -> Result<bool> {
    let before = fs::read_dir(directory)?.count();
    for _ in 0..12_000 {
        let now = fs::read_dir(directory)?.count();
        if now < before {
            return Ok(now > 0);
        }
        sleep(Duration::from_millis(5)).await;
    }
    anyhow::bail!("nobody empties {}: {before} files", directory.display())
}

//! vmberth's exporter from outside: installed by the chart, seen through inventories, volumes, metrics and Events.

mod settings;
mod waits;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::cluster::Cluster;
use crate::functions::functions;
use crate::metrics::{self, Sample};
use crate::pod::node_of;
use crate::seen::{self, condition, name, text};
use crate::standin::device_plugin;
use crate::story::{Scene, Story};
use crate::volumes::{MADE_BY_EXPORTER, empty};
use crate::wait::{self, Look};
use crate::{kind, node, raw, vmberth};

pub use settings::Settings;
pub use waits::{volume_in, wait_all_available, wait_condition, wait_event, wait_inventory};

/// The class of its volumes, which the chart makes.
pub const CLASS: &str = "vmberth-local";

/// Its program.
pub const PROGRAM: &str = "vmberth-exporter";

/// The real nodes.
pub const NODES: [&str; 2] = ["edge-1", "edge-2"];

/// Where its volumes are on a node: a file system that the plane makes for it.
pub const FOLDER: &str = "/var/vmberth-vd";

/// So many volumes there are on each node.
pub const VOLUMES: usize = 4;

/// The ConfigMap with its config.
const CONFIG: &str = "vmberth-exporter";

/// When it took the config that is in force.
const LOADED: &str = "vmberth_exporter_config_loaded_timestamp_seconds";

/// Labels of its pods.
const PODS: &str = "app.kubernetes.io/component=exporter";

/// Port of health and metrics.
const ADMIN_PORT: u16 = 8080;

/// How long anything may take to be seen.
const LIMIT: Duration = Duration::from_secs(90);

/// How it is installed, if a story has left it as it should be; the next one then need not begin from nothing.
static INSTALLED: Mutex<Option<Settings>> = Mutex::const_new(None);

/// A story with the exporter, alone. It begins with free and empty volumes and without functions.
///
/// # Errors
/// The story's own, or what could not be cleaned up.
pub fn story(
    name: &'static str,
    settings: Settings,
    body: impl AsyncFnOnce(&Scene) -> Result<()>,
) -> Result<()> {
    Story::new(name).alone().run(async |scene| {
        if INSTALLED.lock().await.is_none() {
            begin_anew(scene).await?;
        }
        install(&scene.cluster, settings).await?;
        let result = body(scene).await;
        if result.is_err() {
            report(scene).await;
        }
        match (result, tidy(scene).await) {
            (Ok(()), Ok(())) => Ok(()),
            (result, tidied) => {
                *INSTALLED.lock().await = None;
                result.and(tidied)
            }
        }
    })
}

async fn report(scene: &Scene) {
    let report = seen::namespace(&scene.cluster, vmberth::NAME).await;
    scene.say(&report.unwrap_or_default());
    for node in NODES {
        let seen = scene.cluster.find(kind::INVENTORY, "", node).await;
        scene.say(&seen.unwrap_or_default().unwrap_or_default().to_string());
    }
}

/// Installs it, or brings what is installed to these settings, and waits until each real node has an inventory.
///
/// # Errors
/// helm's words, or the node that has none.
pub async fn install(cluster: &Cluster, settings: Settings) -> Result<()> {
    let mut installed = INSTALLED.lock().await;
    if *installed != Some(settings) {
        *installed = None;
        change(cluster, settings).await?;
        *installed = Some(settings);
    }
    Ok(())
}

async fn change(cluster: &Cluster, settings: Settings) -> Result<()> {
    let values = format!("exporter={}", settings.values());
    let before = cluster
        .find(kind::CONFIG_MAP, vmberth::NAME, CONFIG)
        .await?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    let scheduler = format!("scheduler={}", settings.scheduler());
    vmberth::upgrade(cluster, &["--set-json", &values, "--set-json", &scheduler]).await?;
    let now = cluster.get(kind::CONFIG_MAP, vmberth::NAME, CONFIG).await?;
    if before.is_some_and(|before| before["data"] != now["data"]) {
        vmberth::refresh(cluster).await?;
        for node in NODES {
            let what = format!("the new config on {node}");
            wait::until(&what, LIMIT, async || {
                // Other mounts need other pods: the old one may still be there, the new one not yet.
                let samples = match metrics(cluster, node).await {
                    Ok(samples) => samples,
                    Err(error) => return Ok(Look::NotYet(format!("{error:#}"))),
                };
                let loaded = metrics::sum(&samples, LOADED, &[]);
                Ok(Look::of((loaded >= since).then_some(()), || {
                    loaded.to_string()
                }))
            })
            .await?;
        }
    }
    for node in NODES {
        let fits = |inventory: &Value| condition(inventory, "PVsInSync").is_some();
        wait_inventory(cluster, node, "conditions", fits).await?;
    }
    Ok(())
}

/// Brings vmberth back to the stories' policy, without an exporter.
///
/// # Errors
/// helm's words.
pub async fn remove(cluster: &Cluster) -> Result<()> {
    *INSTALLED.lock().await = None;
    vmberth::upgrade(cluster, &["--set", "exporter.enabled=false"]).await
}

/// Takes away what the story made; the exporter takes back its volumes, if it is there and told to.
async fn tidy(scene: &Scene) -> Result<()> {
    let Scene {
        cluster, namespace, ..
    } = scene;
    for kind in [kind::DATA_VOLUME, kind::POD, kind::CLAIM] {
        for one in cluster.list(kind, namespace, "").await? {
            cluster.delete(kind, namespace, name(&one)).await?;
        }
    }
    wait_none(cluster, "claims to go", kind::CLAIM, namespace, "").await?;
    device_plugin::remove(cluster).await?;
    for node in NODES {
        functions(node)?.remove()?;
    }
    let mut installed = INSTALLED.lock().await;
    match *installed {
        Some(settings) if settings.reclaim == "wipe" => {
            for node in NODES {
                wait_all_available(cluster, node).await?;
            }
        }
        _ => *installed = None,
    }
    Ok(())
}

/// Takes the exporter away with all that it made.
async fn begin_anew(scene: &Scene) -> Result<()> {
    let cluster = &scene.cluster;
    tidy(scene).await?;
    remove(cluster).await?;
    let ours = MADE_BY_EXPORTER;
    for volume in cluster.list(kind::VOLUME, "", ours).await? {
        cluster.delete(kind::VOLUME, "", name(&volume)).await?;
    }
    wait_none(cluster, "volumes to go", kind::VOLUME, "", ours).await?;
    for node in NODES {
        for number in 0..VOLUMES {
            empty(&volume_dir(node, number)?)?;
        }
    }
    Ok(())
}

async fn wait_none(
    cluster: &Cluster,
    what: &str,
    kind: kind::Kind,
    namespace: &str,
    labels: &str,
) -> Result<()> {
    wait::until(what, LIMIT, async || {
        let left = cluster.list(kind, namespace, labels).await?;
        Ok(Look::of(left.is_empty().then_some(()), || {
            seen::lines(&left)
        }))
    })
    .await
}

/// A volume's directory, as it can be opened from here.
///
/// # Errors
/// If there is no such node.
pub fn volume_dir(node: &str, number: usize) -> Result<PathBuf> {
    node::path(node, &format!("{FOLDER}/vol{number}"))
}

/// Its pod on a node.
///
/// # Errors
/// If there is none, or several.
pub async fn pod(cluster: &Cluster, node: &str) -> Result<Value> {
    let mut pods = cluster.list(kind::POD, vmberth::NAME, PODS).await?;
    pods.retain(|pod| node_of(pod) == node);
    ensure!(
        pods.len() == 1,
        "exporters on {node}: {}",
        seen::lines(&pods)
    );
    pods.pop().context("counted above")
}

/// Its metrics on a node, taken now.
///
/// # Errors
/// If it does not answer.
pub async fn metrics(cluster: &Cluster, node: &str) -> Result<Vec<Sample>> {
    let pod = pod(cluster, node).await?;
    let address = text(&pod["status"]["podIP"])
        .parse()
        .context("its address")?;
    let answer = raw::get(SocketAddr::new(address, ADMIN_PORT), "/metrics").await?;
    ensure!(answer.status == 200, "/metrics: {}", answer.head);
    Ok(metrics::parse(&answer.body))
}

/// Its volumes of a node.
///
/// # Errors
/// What the API server said.
pub async fn volumes(cluster: &Cluster, node: &str) -> Result<Vec<Value>> {
    let labels = format!("{MADE_BY_EXPORTER}={node}");
    cluster.list(kind::VOLUME, "", &labels).await
}

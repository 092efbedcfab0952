//! The cluster's own scheduler asks the extender, configured by the commands of the documentation.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vmberth_e2e::exporter::{self, Settings};
use vmberth_e2e::guest;
use vmberth_e2e::manifest::Boot;
use vmberth_e2e::pod::{launcher_like, node_of};
use vmberth_e2e::seen::{self, text};
use vmberth_e2e::tool::Tool;
use vmberth_e2e::upload::Asked;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, kind, node, vmberth};

use crate::placing::{handed_out, keep_busy, placed, unschedulable};
use crate::{SETTINGS, WITH, assert_scheduler, cards, vm_with_functions};

/// What pods request that the extender is asked about.
const BERTH: &str = "vmberth.io/berth";

/// The cluster's own, and what it is configured by.
const SCHEDULER: &str = "control-plane/kube-scheduler";
const CONFIG: &str = "cluster/pki/kube-scheduler.yaml";

/// The extender's Secret.
const SECRET: &str = "vmberth-extender-tls";

/// The console blocks of the page's section, in their order.
#[derive(Debug, Clone, Copy)]
enum Step {
    Certificates,
    Extender,
    Configuration,
    Pods,
}

/// Without the configuration pods with a berth wait; with it, disk and VM are where the functions are, by the cluster's own scheduler,
/// and the kubelet takes a pod whose berth its node does not have.
#[test]
fn the_clusters_own_scheduler_asks_the_extender() -> Result<()> {
    let off = Settings {
        scheduler: false,
        ..SETTINGS
    };
    exporter::story("scheduler cluster mode", off, async |scene| {
        let cache = node::cache()?;
        // Beside what the control plane reads.
        let folder = tempfile::tempdir_in(cache.join("cluster"))?;
        let config = cache.join(CONFIG);
        let before = fs::read_to_string(&config)
            .context("the cluster was started by another plane: plane down, plane up")?;
        let told = configured(scene, folder.path(), &config, &before).await;
        let restored = restore(scene, &config, &before).await;
        told.and(restored)
    })
}

async fn configured(scene: &Scene, folder: &Path, config: &Path, before: &str) -> Result<()> {
    forget_secret(scene).await?;
    follow(Step::Certificates, folder).await?;
    follow(Step::Extender, &checkout()).await?;
    let entry = follow(Step::Configuration, folder).await?;
    follow(Step::Pods, &checkout()).await?;
    wait_berth(scene).await?;
    cards(scene, 2).await?;
    keep_busy(scene, WITH).await?;

    scene.create_vm("early", Boot::Nothing).await?;
    let launcher = scene.launcher_of("early").await?;
    let words = unschedulable(scene, seen::name(&launcher)).await?;
    ensure!(words.contains(BERTH), "{words}");
    scene.say(&format!("without the configuration: {words}"));
    scene
        .cluster
        .delete(kind::VM, &scene.namespace, "early")
        .await?;

    fs::write(config, format!("{before}{}", with_files(&entry, folder)))?;
    node::restart(SCHEDULER).await?;
    let disk = scene
        .upload("disk", &guest::file("boot-sector.raw")?, Asked::Nothing)
        .await?;
    ensure!(disk.target.node == WITH, "{disk:?}");
    let vm = vm_with_functions("placed", "disk", 1);
    scene
        .cluster
        .create(kind::VM, &scene.namespace, &vm)
        .await?;
    let launcher = placed(scene, "placed").await?;
    ensure!(node_of(&launcher) == WITH, "{}", seen::line(&launcher));
    assert_scheduler(&launcher, "default-scheduler")?;
    ensure!(has_berth(&launcher), "{}", launcher["spec"]);
    let held = handed_out(scene, &launcher).await?;
    scene.say(&format!(
        "with it: disk and VM on {WITH}, function {held:?}"
    ));
    scene
        .cluster
        .delete(kind::VM, &scene.namespace, "placed")
        .await
}

/// As it was, for the stories that come.
async fn restore(scene: &Scene, config: &Path, before: &str) -> Result<()> {
    fs::write(config, before)?;
    node::restart(SCHEDULER).await?;
    let chart = vmberth::chart().display().to_string();
    let upgrade = [
        "upgrade",
        vmberth::NAME,
        &chart,
        "--reset-then-reuse-values",
    ];
    let values = [
        "--set-string=scheduler.mode=off",
        "--set=policy.requestBerth=false",
    ];
    let wait = ["--wait", "--timeout=240s"];
    let all = upgrade.into_iter().chain(values).chain(wait);
    vmberth::helm(all).output().await?;
    vmberth::refresh(&scene.cluster).await?;
    forget_secret(scene).await
}

async fn forget_secret(scene: &Scene) -> Result<()> {
    let found = scene.cluster.find(kind::SECRET, vmberth::NAME, SECRET);
    if found.await?.is_some() {
        let secret = scene.cluster.delete(kind::SECRET, vmberth::NAME, SECRET);
        secret.await?;
    }
    Ok(())
}

/// Waits until admission gives a berth to a launcher pod.
async fn wait_berth(scene: &Scene) -> Result<()> {
    let mut pod = launcher_like("question");
    pod["spec"]["schedulerName"] = "default-scheduler".into();
    let limit = Duration::from_secs(90);
    wait::until("pods to get a berth", limit, async || {
        let pod = vmberth::ask(&scene.cluster, &pod).await?;
        Ok(Look::of(has_berth(&pod).then_some(()), || {
            pod["spec"]["containers"].to_string()
        }))
    })
    .await
}

fn has_berth(pod: &Value) -> bool {
    let containers = seen::items(&pod["spec"]["containers"]);
    let both = |container: &Value| {
        let resources = &container["resources"];
        ["requests", "limits"].map(|list| text(&resources[list][BERTH])) == ["1", "1"]
    };
    containers.iter().any(both)
}

/// The files where they are here.
fn with_files(entry: &str, folder: &Path) -> String {
    let there = [
        ("ca.crt", "ca.crt"),
        ("tls.crt", "clientAuth.crt"),
        ("tls.key", "clientAuth.key"),
    ];
    there.iter().fold(entry.to_owned(), |entry, (file, here)| {
        let here = folder.join(here).display().to_string();
        entry.replace(&format!("/etc/kubernetes/vmberth-extender/{file}"), &here)
    })
}

/// Runs a step in a folder, as it is documented, and returns what it printed.
async fn follow(step: Step, folder: &Path) -> Result<String> {
    let command = format!("cd {}\n{}", folder.display(), documented(step)?);
    let limit = Duration::from_secs(300);
    Tool::new("sh", ["-euc", &command])
        .limit(limit)
        .output()
        .await
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A command of "In the cluster's own scheduler" in docs/scheduler.md.
fn documented(step: Step) -> Result<String> {
    let page = fs::read_to_string(checkout().join("docs/scheduler.md"))?;
    let (_, section) = page
        .split_once("## In the cluster's own scheduler")
        .context("no section")?;
    let block = section
        .split("```console\n")
        .nth(step as usize + 1)
        .with_context(|| format!("{step:?}: no command"))?;
    let (command, _) = block.split_once("```").context("no end of it")?;
    Ok(command.to_owned())
}

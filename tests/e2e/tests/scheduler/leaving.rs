//! Our scheduler goes, and VMs that name it are given back to the cluster's by the command of the documentation.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use vmberth_e2e::exporter::{self, Settings};
use vmberth_e2e::manifest::Boot;
use vmberth_e2e::seen::{self, text};
use vmberth_e2e::tool::Tool;
use vmberth_e2e::vm::LAUNCHER;

use crate::{SCHEDULER, SETTINGS, assert_scheduler, story, wait_scheduler};

#[test]
fn vms_go_back_to_the_clusters_scheduler() -> Result<()> {
    story("scheduler leaves", async |scene| {
        scene.create_vm("stays", Boot::Nothing).await?;
        let instance = scene.wait_running("stays").await?;
        let node = text(&instance["status"]["nodeName"]);
        let before = scene.launcher_on("stays", node).await?;
        assert_scheduler(&before, SCHEDULER)?;

        let off = Settings {
            scheduler: false,
            ..SETTINGS
        };
        exporter::install(&scene.cluster, off).await?;
        wait_scheduler(scene, "").await?;
        let said = Tool::new("sh", ["-euc", &documented()?]).output().await?;
        scene.say(said.trim());
        let namespace = format!("--namespace={}", scene.namespace);
        let restart = Tool::new("virtctl", ["restart", "stays", &namespace]);
        restart.output().await?;

        let labels = format!("{LAUNCHER},vm.kubevirt.io/name=stays");
        let is_new = |pod: &Value| {
            seen::name(pod) != seen::name(&before) && pod["status"]["phase"] == "Running"
        };
        let limit = Duration::from_secs(120);
        let after = scene
            .wait_pod("the VM's next pod", &labels, limit, is_new)
            .await?;
        assert_scheduler(&after, "default-scheduler")?;
        scene.wait_running("stays").await.map(drop)
    })
}

/// The first command below "Uninstall" in docs/scheduler.md.
fn documented() -> Result<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scheduler.md");
    let page = std::fs::read_to_string(page)?;
    let (_, uninstall) = page.split_once("## Uninstall").context("no Uninstall")?;
    let (_, command) = uninstall.split_once("```console\n").context("no command")?;
    let (command, _) = command.split_once("```").context("no end of it")?;
    Ok(command.to_owned())
}

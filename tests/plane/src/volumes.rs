//! Gives local volumes back whose claims are gone: what an operator does by hand on edge clusters.
//! Only those that the plane made: vmberth's exporter does it for its own.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::kubectl::Kubectl;
use crate::layout::{CONTROL_PLANE, Layout, VOLUME_DIR};
use crate::machine::Machine;
use crate::progress::say_raw;

/// Empties the directory of every Released local PV, and makes it Available again.
///
/// # Errors
/// What could not be read or removed.
pub fn free(layout: &Layout) -> Result<()> {
    let machines = Machine::all(layout)?;
    let control_plane = machines
        .iter()
        .find(|machine| machine.name == CONTROL_PLANE)
        .context("the cluster is not up: `plane up` first")?;
    let kubectl = Kubectl::new(layout, control_plane);
    let list = kubectl
        .get(&["pv"])?
        .context("the volumes can't be listed")?;
    let volumes = list["items"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for volume in volumes
        .iter()
        .filter(|volume| volume["status"]["phase"] == "Released")
    {
        let name = volume["metadata"]["name"].as_str().unwrap_or_default();
        let node = machines
            .iter()
            .find(|machine| name.starts_with(&format!("{}-", machine.name)));
        if let (Some(node), Some(path)) = (node, local_path(volume)) {
            empty(&node.path(path)).with_context(|| format!("{path} on {}", node.name))?;
            let patch = r#"[{"op": "remove", "path": "/spec/claimRef"}]"#;
            kubectl
                .cmd()
                .args(["patch", "pv", name, "--type=json", "-p", patch])
                .run()?;
            say_raw(&format!("{name} is Available again"));
        }
    }
    Ok(())
}

/// Only directories that the plane made itself.
fn local_path(volume: &Value) -> Option<&str> {
    let path = volume["spec"]["local"]["path"].as_str()?;
    path.strip_prefix(VOLUME_DIR)?
        .strip_prefix("/vol")?
        .parse::<u16>()
        .ok()?;
    Some(path)
}

fn empty(dir: &std::path::Path) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

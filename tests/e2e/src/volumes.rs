//! The nodes' local volumes: where a claim's bytes are, and giving volumes back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::kind;
use crate::node;
use crate::seen::{items, name, text};
use crate::wait::{self, Look};

/// The class of the nodes' local volumes.
pub const CLASS: &str = "local-vd";

/// Where volumes are on a node: the plane's, and those of vmberth's exporter. Nothing else is ever
/// emptied.
const FOLDERS: [&str; 2] = ["/var/vd/vol", "/var/vmberth-vd/vol"];

/// Label of the volumes that vmberth's exporter made: their node.
pub const MADE_BY_EXPORTER: &str = "vmberth.io/node";

/// A local volume on its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of the persistent volume.
    pub volume: String,
    /// Its node.
    pub node: String,
    /// The directory on the node.
    pub directory: String,
}

impl Place {
    /// Reads a persistent volume.
    ///
    /// # Errors
    /// If it is none of those that stories use.
    pub fn of(volume: &Value) -> Result<Self> {
        let terms = &volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"];
        let node = text(&terms[0]["matchExpressions"][0]["values"][0]).to_owned();
        let directory = text(&volume["spec"]["local"]["path"]).to_owned();
        let volume = name(volume).to_owned();
        ensure!(
            !node.is_empty() && FOLDERS.iter().any(|folder| directory.starts_with(folder)),
            "{volume} is not local"
        );
        Ok(Self {
            volume,
            node,
            directory,
        })
    }

    /// A file in it, as it can be opened from here.
    ///
    /// # Errors
    /// If its node is gone.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        node::path(&self.node, &format!("{}/{name}", self.directory))
    }
}

/// The volume that a claim is or was bound to: a volume is kept after its claim, with its name.
///
/// # Errors
/// If no volume was ever bound to such a claim.
pub async fn place_of(cluster: &Cluster, namespace: &str, claim: &str) -> Result<Place> {
    let volumes = cluster.list(kind::VOLUME, "", "").await?;
    let bound = volumes.iter().find(|volume| {
        let claimed_by = &volume["spec"]["claimRef"];
        claimed_by["namespace"] == namespace && claimed_by["name"] == claim
    });
    let held = || {
        format!(
            "claim {namespace}/{claim} holds none of {} volumes",
            volumes.len()
        )
    };
    Place::of(bound.with_context(held)?)
}

/// A volume of the plane on a node that nobody holds; the last one, since the scheduler begins at the front.
///
/// # Errors
/// If there is none.
pub async fn free_on(cluster: &Cluster, node: &str) -> Result<String> {
    let volumes = cluster.list(kind::VOLUME, "", "").await?;
    let free = volumes.iter().rev().find(|volume| {
        volume["status"]["phase"] == "Available"
            && volume["spec"]["storageClassName"] == CLASS
            && Place::of(volume).is_ok_and(|place| place.node == node)
    });
    Ok(name(free.with_context(|| format!("no free volume on {node}"))?).to_owned())
}

/// Empties and frees the volumes of a namespace that is gone. The exporter's are left to it.
///
/// # Errors
/// What could not be emptied or freed.
pub async fn give_back(cluster: &Cluster, namespace: &str) -> Result<()> {
    for volume in cluster.list(kind::VOLUME, "", "").await? {
        let exporters = !volume["metadata"]["labels"][MADE_BY_EXPORTER].is_null();
        if exporters || volume["spec"]["claimRef"]["namespace"] != namespace {
            continue;
        }
        let place = Place::of(&volume)?;
        let what = format!("{} to be Released", place.volume);
        wait::until(&what, Duration::from_secs(20), async || {
            let now = cluster.get(kind::VOLUME, "", &place.volume).await?;
            let phase = text(&now["status"]["phase"]).to_owned();
            Ok(Look::of((phase == "Released").then_some(()), || phase))
        })
        .await?;
        empty(&place.file("")?).with_context(|| place.volume.clone())?;
        let free = json!({"spec": {"claimRef": null}});
        cluster
            .merge(kind::VOLUME, "", &place.volume, &free)
            .await?;
    }
    Ok(())
}

/// Removes everything in a directory.
///
/// # Errors
/// With what could not be removed.
pub fn empty(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The claims of a namespace, waited for until they are bound.
///
/// # Errors
/// If one is not bound in time.
pub async fn wait_bound(cluster: &Cluster, namespace: &str, claim: &str) -> Result<()> {
    let what = format!("claim {claim} to be Bound");
    wait::until(&what, Duration::from_secs(60), async || {
        let claims = cluster.list(kind::CLAIM, namespace, "").await?;
        let Some(found) = claims.iter().find(|one| name(one) == claim) else {
            return Ok(Look::NotYet("no such claim".to_owned()));
        };
        match text(&found["status"]["phase"]) {
            "Bound" => Ok(Look::Found(())),
            "Lost" => bail!("claim {claim} is Lost"),
            other => Ok(Look::NotYet(format!(
                "{other} {:?}",
                items(&found["status"])
            ))),
        }
    })
    .await
}

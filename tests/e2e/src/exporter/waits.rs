//! Waits for what it says: inventories, conditions, Events, volumes.

use anyhow::Result;
use serde_json::Value;

use super::{LIMIT, VOLUMES, volumes};
use crate::cluster::Cluster;
use crate::kind;
use crate::seen::{self, condition, items, text};
use crate::story::Scene;
use crate::wait::{self, Look};

/// Waits for an inventory that fits.
///
/// # Errors
/// The inventory, as it was last.
pub async fn wait_inventory(
    cluster: &Cluster,
    node: &str,
    what: &str,
    fits: impl Fn(&Value) -> bool,
) -> Result<Value> {
    let what = format!("the inventory of {node}: {what}");
    wait::until(&what, LIMIT, async || {
        let found = cluster.find(kind::INVENTORY, "", node).await?;
        let found = found.unwrap_or_default();
        Ok(Look::of(fits(&found).then(|| found.clone()), || {
            found["status"].to_string()
        }))
    })
    .await
}

/// Waits until a condition of a node's inventory has this status and all of these words in reason and message; returns
/// them.
///
/// # Errors
/// The inventory, as it was last.
pub async fn wait_condition(
    scene: &Scene,
    node: &str,
    kind: &str,
    status: &str,
    words: &[&str],
) -> Result<String> {
    let told = |inventory: &Value| {
        let found = condition(inventory, kind).filter(|found| found["status"] == status)?;
        let told = format!("{}: {}", text(&found["reason"]), text(&found["message"]));
        words.iter().all(|word| told.contains(word)).then_some(told)
    };
    let what = format!("{kind} {status} {words:?}");
    let fits = |inventory: &Value| told(inventory).is_some();
    let inventory = wait_inventory(&scene.cluster, node, &what, fits).await?;
    let told = told(&inventory).unwrap_or_default();
    scene.say(&format!("{node} {kind} {status}: {told}"));
    Ok(told)
}

/// Waits for an Event on a node with this reason and these words.
///
/// # Errors
/// The Events on the node.
pub async fn wait_event(scene: &Scene, node: &str, reason: &str, words: &[&str]) -> Result<()> {
    let what = format!("an Event {reason} {words:?} on {node}");
    let message = wait::until(&what, LIMIT, async || {
        let mut events = scene.cluster.list(kind::EVENT, "", "").await?;
        events.retain(|event| {
            let object = &event["involvedObject"];
            object["kind"] == "Node" && object["name"] == node
        });
        let fits = |event: &&Value| {
            let message = text(&event["message"]);
            event["reason"] == reason && words.iter().all(|word| message.contains(word))
        };
        let found = events
            .iter()
            .find(fits)
            .map(|event| text(&event["message"]).to_owned());
        let all = || {
            events
                .iter()
                .map(|event| text(&event["reason"]))
                .collect::<Vec<_>>()
                .join(" ")
        };
        Ok(Look::of(found, all))
    })
    .await?;
    scene.say(&format!("Event {reason}: {message}"));
    Ok(())
}

/// Waits until all its volumes of a node are there and free.
///
/// # Errors
/// The volumes, as they were last.
pub async fn wait_all_available(cluster: &Cluster, node: &str) -> Result<()> {
    let what = format!("{VOLUMES} volumes of {node} to be Available");
    wait::until(&what, LIMIT, async || {
        let volumes = volumes(cluster, node).await?;
        let free = volumes
            .iter()
            .filter(|one| one["status"]["phase"] == "Available");
        let all = free.count() == VOLUMES && volumes.len() == VOLUMES;
        Ok(Look::of(all.then_some(()), || seen::lines(&volumes)))
    })
    .await
}

/// The volume of this name in a node's inventory, by its PersistentVolume.
#[must_use]
pub fn volume_in<'a>(inventory: &'a Value, persistent_volume: &str) -> Option<&'a Value> {
    items(&inventory["status"]["volumes"])
        .iter()
        .find(|one| one["persistentVolume"] == persistent_volume)
}

//! Nodes that go while VMs are placed: tainted, drained, deleted.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::time::sleep;
use vmberth_e2e::pod::node_of;
use vmberth_e2e::seen;
use vmberth_e2e::tool::Tool;
use vmberth_e2e::vm::LAUNCHER;
use vmberth_e2e::{Scene, kind};

use super::{create, first, room, story, tally, vms, wait_placed};
use crate::counted::Tally;
use crate::fleet;
use crate::packing::Room;
use crate::packing::Source::{Blank, Claim, Import};

const VMS: usize = 8;

/// How long the node is away.
const AWAY: Duration = Duration::from_secs(20);

/// Two nodes have more than enough for all; the first goes while they are placed, and comes back: nothing is given twice, no VM is placed
/// where its disk is not, and in the end all are placed.
fn while_placing(
    name: &'static str,
    goes: impl AsyncFnOnce(&Scene, &Room) -> Result<()>,
    comes: impl AsyncFnOnce(&Scene, &Room) -> Result<()>,
) -> Result<()> {
    let rooms = [room(6, 10), room(6, 10)];
    story(name, &rooms, async |scene, rooms| {
        let node = first(rooms)?;
        let few = vms(VMS, 1, &[Claim, Blank, Import]);
        let (created, gone) = futures::join!(create(scene, &few), async {
            sleep(Duration::from_secs(3)).await;
            goes(scene, node).await
        });
        created.and(gone)?;
        sleep(AWAY).await;
        let meanwhile = tally(scene).await;
        // It comes back in any case: others play here, too.
        comes(scene, node).await?;
        let Tally { placed, pinned, .. } = meanwhile?;
        let pinned = pinned.len();
        scene.say(&format!(
            "meanwhile {placed} placed, {pinned} with a disk wait"
        ));
        wait_placed(scene, VMS).await.map(drop)
    })
}

/// A node as it is there, to join under this name: its labels are the same, that of its hostname among them.
pub(super) async fn joining(scene: &Scene, node: &str, name: &str) -> Result<Value> {
    let node = scene.cluster.get(kind::NODE, "", node).await?;
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": node["metadata"]["labels"],
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {"taints": [
            {"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}]},
    }))
}

async fn kubectl<const N: usize>(args: [&str; N]) -> Result<()> {
    Tool::new("kubectl", args).output().await.map(drop)
}

#[test]
fn a_node_is_tainted_and_freed_again() -> Result<()> {
    while_placing(
        "race taint",
        async |_, room| kubectl(["taint", "node", &room.node, "e2e=away:NoSchedule"]).await,
        async |_, room| kubectl(["taint", "node", &room.node, "e2e-"]).await,
    )
}

#[test]
fn a_node_is_drained_and_comes_back() -> Result<()> {
    while_placing(
        "race drain",
        async |scene, room| {
            kubectl(["cordon", &room.node]).await?;
            let pods = scene
                .cluster
                .list(kind::POD, &scene.namespace, LAUNCHER)
                .await?;
            for pod in pods.iter().filter(|pod| node_of(pod) == room.node) {
                scene
                    .cluster
                    .delete(kind::POD, &scene.namespace, seen::name(pod))
                    .await?;
            }
            Ok(())
        },
        async |_, room| kubectl(["uncordon", &room.node]).await,
    )
}

#[test]
fn a_node_is_deleted_and_joins_again() -> Result<()> {
    let before = std::cell::RefCell::new(Value::Null);
    while_placing(
        "race delete",
        async |scene, room| {
            before.replace(joining(scene, &room.node, &room.node).await?);
            scene.cluster.delete(kind::NODE, "", &room.node).await
        },
        async |scene, room| {
            let node = before.borrow().clone();
            scene.cluster.create(kind::NODE, "", &node).await?;
            fleet::join_again(scene, room).await
        },
    )
}

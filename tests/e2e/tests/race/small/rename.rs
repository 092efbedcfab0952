//! A node that is deleted while VMs are placed, and joins again under another name.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::time::sleep;
use vmberth_e2e::{Scene, kind};

use super::changes::joining;
use super::{create, first, room, story, tally, vms, wait_placed};
use crate::fleet;
use crate::packing::Room;
use crate::packing::Source::{Blank, Claim, Import};

const VMS: usize = 8;

/// How long the node is away.
const AWAY: Duration = Duration::from_secs(20);

/// Two nodes have more than enough for all. The first is deleted while they are placed; its machine comes back under another name,
/// with the hostname that its volumes ask for: nothing is given twice, and in the end all are placed, on the volumes that they had.
#[test]
fn a_node_comes_back_under_another_name() -> Result<()> {
    let rooms = [room(6, 10), room(6, 10)];
    story("race rename", &rooms, async |scene, rooms| {
        let old = first(rooms)?;
        let new = Room {
            node: format!("{}-again", old.node),
            renamed_from: Some(old.node.clone()),
            ..old.clone()
        };
        let [as_it_was, renamed] = [
            joining(scene, &old.node, &old.node).await?,
            joining(scene, &old.node, &new.node).await?,
        ];
        let few = vms(VMS, 1, &[Claim, Blank, Import]);
        let (created, gone) = futures::join!(create(scene, &few), async {
            sleep(Duration::from_secs(3)).await;
            scene.cluster.delete(kind::NODE, "", &old.node).await
        });
        created.and(gone)?;
        sleep(AWAY).await;
        let meanwhile = RefCell::new(None);
        let placed = async {
            meanwhile.replace(Some(tally(scene).await?));
            joins(scene, &new, &renamed).await?;
            wait_placed(scene, VMS).await
        };
        let placed = placed.await;
        // As it was, in any case: others play here, too.
        scene.cluster.delete(kind::NODE, "", &new.node).await?;
        joins(scene, old, &as_it_was).await?;
        if let Some(tally) = meanwhile.take() {
            let (placed, pinned) = (tally.placed, tally.pinned.len());
            scene.say(&format!(
                "meanwhile {placed} placed, {pinned} with a disk wait"
            ));
        }
        placed.map(drop)
    })
}

async fn joins(scene: &Scene, room: &Room, node: &Value) -> Result<()> {
    scene.cluster.create(kind::NODE, "", node).await?;
    fleet::join_again(scene, room).await
}

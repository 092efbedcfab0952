//! Volumes that turn bad, and uploads whose VM goes away.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vmberth_decide::inventory::VolumeState;
use vmberth_e2e::pod::node_of;
use vmberth_e2e::seen;
use vmberth_e2e::upload;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, kind};

use super::{LIMIT, create, first, room, story, vms, wait_placed};
use crate::amounts::at;
use crate::fleet::{self, LABEL, inventory_of};
use crate::machines;
use crate::packing::Source::{Blank, Claim, Upload};

/// What is answered and on its way to be bound when the agent speaks.
const ON_ITS_WAY: i64 = 3;

/// While ten VMs look for volumes, the agent of one node says that all of its are bad: none of them is bound after that but what
/// was on its way, and all VMs are placed.
#[test]
fn a_volume_that_turns_bad_is_not_taken_any_more() -> Result<()> {
    let rooms = [room(0, 6), room(0, 12)];
    story("race bad volumes", &rooms, async |scene, rooms| {
        let bad = first(rooms)?;
        let few = vms(10, 0, &[Claim, Blank]);
        let (created, told) = futures::join!(create(scene, &few), async {
            // In the middle: some of them are bound.
            bound(scene, &bad.node).await?;
            let mut inventory = inventory_of(bad, 0);
            for volume in &mut inventory.volumes {
                volume.state = VolumeState::Unhealthy;
            }
            fleet::publish(&scene.cluster, &bad.node, &inventory).await
        });
        created.and(told)?;
        let said = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let said = i64::try_from(said)?;
        wait_placed(scene, 10).await?;
        let mut before = 0;
        for volume in scene.cluster.list(kind::VOLUME, "", LABEL).await? {
            let here = volume["metadata"]["labels"][LABEL] == bad.node.as_str();
            if here && volume["status"]["phase"] == "Bound" {
                let since = at(&volume["status"]["lastPhaseTransitionTime"]);
                let since = since.context("bound, and no time")?;
                ensure!(
                    since <= said + ON_ITS_WAY,
                    "{} was bound {} s after it was said to be bad",
                    seen::name(&volume),
                    since - said
                );
                before += 1;
            }
        }
        scene.say(&format!("{before} of its volumes had been bound before"));
        Ok(())
    })
}

pub(super) async fn bound(scene: &Scene, node: &str) -> Result<()> {
    let labels = format!("{LABEL}={node}");
    wait::until("a first volume to be bound", LIMIT, async || {
        let volumes = scene.cluster.list(kind::VOLUME, "", &labels).await?;
        let is_bound = |volume: &Value| volume["status"]["phase"] == "Bound";
        let any = volumes.iter().any(is_bound);
        Ok(Look::of(any.then_some(()), || seen::lines(&volumes)))
    })
    .await
}

/// The upload waits for a function that no node has; its VM is deleted, and it is placed.
#[test]
fn an_upload_whose_vm_is_deleted_waits_no_longer() -> Result<()> {
    story("race upload", &[room(0, 3)], async |scene, rooms| {
        let node = &first(rooms)?.node;
        let wishes = vms(1, 1, &[Upload]);
        let vm = wishes.first().context("one")?;
        let stored = machines::vm(vm);
        scene
            .cluster
            .create(kind::VM, &scene.namespace, &stored)
            .await?;
        create(scene, &wishes).await?;
        let says = |pod: &Value| {
            let words = seen::scheduler_words(pod);
            words.is_some_and(|words| words.contains("will need 1 VFs"))
        };
        let pod = scene
            .wait_pod("the upload to be refused", upload::POD, LIMIT, says)
            .await?;
        scene.say(seen::scheduler_words(&pod).unwrap_or_default());
        scene
            .cluster
            .delete(kind::VM, &scene.namespace, &vm.name)
            .await?;
        let is_there = |pod: &Value| node_of(pod) == node;
        scene
            .wait_pod("the upload to be placed", upload::POD, LIMIT, is_there)
            .await
            .map(drop)
    })
}

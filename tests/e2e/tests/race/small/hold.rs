//! A disk that is filled while others want what its VM will need there.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vmberth_e2e::vm::LAUNCHER;
use vmberth_e2e::{kind, seen};

use super::volumes::bound;
use super::{LIMIT, create, first, named, placed_vm, room, story, vms, wait_placed};
use crate::packing::Source::{Claim, Import};

const OTHERS: usize = 3;

/// The node has one function. A disk is imported there for a VM that will need it; meanwhile three more VMs want it, which could have
/// it at once. They are told for whom it is held, the first VM gets it, and after it is deleted one of the others.
#[test]
fn a_function_is_held_while_the_disk_is_filled() -> Result<()> {
    story("race hold", &[room(1, 8)], async |scene, rooms| {
        let node = &first(rooms)?.node;
        create(scene, &named("first-", vms(1, 1, &[Import]))).await?;
        bound(scene, node).await?;
        create(scene, &named("other-", vms(OTHERS, 1, &[Claim]))).await?;
        let held = format!("held for {}/first-vm0", scene.namespace);
        let says = |pod: &Value| {
            let words = seen::scheduler_words(pod);
            words.is_some_and(|words| words.contains(&held))
        };
        let waits = scene.wait_pod("another to be refused", LAUNCHER, LIMIT, says);
        let pod = waits.await?;
        scene.say(seen::scheduler_words(&pod).unwrap_or_default());
        wait_placed(scene, 1).await?;
        let pods = scene
            .cluster
            .list(kind::POD, &scene.namespace, LAUNCHER)
            .await?;
        let vm = placed_vm(&pods).context("counted above")?;
        ensure!(vm == "first-vm0", "{vm} has the function");
        scene
            .cluster
            .delete(kind::VM, &scene.namespace, &vm)
            .await?;
        wait_placed(scene, 1).await.map(drop)
    })
}

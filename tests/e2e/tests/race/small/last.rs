//! Many for the last one.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vmberth_e2e::vm::LAUNCHER;
use vmberth_e2e::wait::Look;
use vmberth_e2e::{kind, wait};

use super::{LIMIT, create, placed_vm, room, story, tally, vms, wait_placed};
use crate::packing::Source::{Blank, Claim};

const VMS: usize = 10;

/// Ten VMs want the only function: one has it, and after that is deleted the next one, and the next.
#[test]
fn one_of_ten_gets_the_last_function() -> Result<()> {
    story(
        "race last function",
        &[room(1, VMS + 1)],
        async |scene, _| {
            create(scene, &vms(VMS, 1, &[Claim, Blank])).await?;
            for round in 0..3 {
                wait_placed(scene, 1).await?;
                wait::holds("one is placed", Duration::from_secs(8), async || {
                    let placed = tally(scene).await?.placed;
                    ensure!(placed == 1, "{placed} are placed");
                    Ok(())
                })
                .await?;
                let pods = scene
                    .cluster
                    .list(kind::POD, &scene.namespace, LAUNCHER)
                    .await?;
                let launches = |pod: &Value| {
                    pod["metadata"]["annotations"]["kubevirt.io/ephemeral-provisioning"].is_null()
                };
                let pods: Vec<_> = pods.into_iter().filter(launches).collect();
                let vm = placed_vm(&pods).context("counted above")?;
                scene.say(&format!("round {round}: {vm}"));
                scene
                    .cluster
                    .delete(kind::VM, &scene.namespace, &vm)
                    .await?;
                wait::until("it to be gone", LIMIT, async || {
                    let left = scene.cluster.find(kind::VM, &scene.namespace, &vm).await?;
                    Ok(Look::of(left.is_none().then_some(()), || vm.clone()))
                })
                .await?;
            }
            wait_placed(scene, 1).await.map(drop)
        },
    )
}

//! Functions of a node are kept for the VM whose disk lies there, until its pod is there or it does not want to run any more.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::guest;
use vmberth_e2e::manifest::{self, Boot, with_function};
use vmberth_e2e::networks::NETWORK;
use vmberth_e2e::pod::node_of;
use vmberth_e2e::seen;
use vmberth_e2e::upload::Asked;
use vmberth_e2e::vm::LAUNCHER;
use vmberth_e2e::{Scene, kind};

use crate::placing::{placed, unschedulable};
use crate::{WITH, cards, story, vm_with_functions};

/// One disk of `early` is there and another is still to be uploaded; `late` would take the last function meanwhile.
#[test]
fn the_last_function_is_kept_for_who_has_a_disk_there() -> Result<()> {
    story("scheduler hold", async |scene| {
        cards(scene, 1).await?;
        let mut early = vm_with_functions("early", "disk", 1);
        with_second_disk(&mut early, "still-to-come");
        scene
            .cluster
            .create(kind::VM, &scene.namespace, &early)
            .await?;
        let disk = scene
            .upload("disk", &guest::file("boot-sector.raw")?, Asked::Nothing)
            .await?;
        ensure!(disk.target.node == WITH, "{disk:?}");

        let late = with_function(manifest::vm("late", Boot::Nothing), "vf", NETWORK);
        scene
            .cluster
            .create(kind::VM, &scene.namespace, &late)
            .await?;
        let launcher = scene.launcher_of("late").await?;
        let words = unschedulable(scene, seen::name(&launcher)).await?;
        scene.say(&words);
        let expected = format!("1 held for {}/early", scene.namespace);
        ensure!(words.contains(&expected), "expected {expected:?}");

        scene
            .cluster
            .delete(kind::VM, &scene.namespace, "early")
            .await?;
        woken(scene).await?;
        scene
            .cluster
            .delete(kind::VM, &scene.namespace, "late")
            .await
    })
}

async fn woken(scene: &Scene) -> Result<()> {
    let since = Instant::now();
    let pod = placed(scene, "late").await?;
    ensure!(node_of(&pod) == WITH, "{}", seen::line(&pod));
    let labels = format!("{LAUNCHER},vm.kubevirt.io/name=late");
    let count = scene
        .cluster
        .list(kind::POD, &scene.namespace, &labels)
        .await?
        .len();
    ensure!(count == 1, "{count} launchers");
    let took = since.elapsed();
    scene.say(&format!(
        "placed {} s after the hold had ended",
        took.as_secs_f32()
    ));
    // Without being woken it would have waited five minutes.
    ensure!(took < Duration::from_secs(60), "woken late");
    Ok(())
}

pub(crate) fn with_second_disk(vm: &mut Value, claim: &str) {
    let spec = &mut vm["spec"]["template"]["spec"];
    let disk = json!({"name": "second", "disk": {"bus": "virtio"}});
    let volume = json!({"name": "second", "persistentVolumeClaim": {"claimName": claim}});
    for (list, one) in [("/domain/devices/disks", disk), ("/volumes", volume)] {
        if let Some(list) = spec.pointer_mut(list).and_then(Value::as_array_mut) {
            list.push(one);
        }
    }
}

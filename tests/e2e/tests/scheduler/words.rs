//! What a person reads when no node will do, and how soon the pod is placed when one does.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::guest;
use vmberth_e2e::pod::node_of;
use vmberth_e2e::seen;
use vmberth_e2e::upload::{self, Asked};
use vmberth_e2e::volumes::place_of;
use vmberth_e2e::{Scene, kind};

use crate::{WITH, cards, make_functions, story, vm_with_functions};

/// The VM is there before its disk, and wants more functions than any node has: the upload waits and says why; with the
/// functions it goes where they are.
#[test]
fn an_upload_waits_for_what_its_vm_needs() -> Result<()> {
    story("scheduler words", async |scene| {
        cards(scene, 2).await?;
        let vm = vm_with_functions("greedy", "disk", 3);
        scene
            .cluster
            .create(kind::VM, &scene.namespace, &vm)
            .await?;
        let image = guest::file("boot-sector.raw")?;
        let (said, placed) = futures::join!(
            async {
                scene
                    .virtctl_upload("dv disk", &image, Asked::Everything)
                    .await?
                    .output()
                    .await
            },
            refused_then_placed(scene),
        );
        placed?;
        ensure!(said?.contains("completed successfully"), "virtctl failed");
        let disk = place_of(&scene.cluster, &scene.namespace, "disk").await?;
        ensure!(disk.node == WITH, "{disk:?}");
        scene
            .cluster
            .delete(kind::VM, &scene.namespace, "greedy")
            .await
    })
}

async fn refused_then_placed(scene: &Scene) -> Result<()> {
    let says = |pod: &Value| seen::scheduler_words(pod).map(str::to_owned);
    let limit = Duration::from_secs(60);
    let refused = |pod: &Value| says(pod).is_some_and(|it| it.contains("will need"));
    let pod = scene
        .wait_pod("the upload to be refused", upload::POD, limit, refused)
        .await?;
    let words = says(&pod).context("seen above")?;
    scene.say(&words);
    let expected = format!(
        "will need 3 VFs intel.com/intel_sriov_vm: 2 of 2 can be used (on {WITH}, the closest)"
    );
    ensure!(words.contains(&expected), "expected {expected:?}");

    make_functions(scene, WITH, 4).await?;
    let since = Instant::now();
    let placed = |pod: &Value| !node_of(pod).is_empty();
    let pod = scene
        .wait_pod("the upload to be placed", upload::POD, limit, placed)
        .await?;
    scene.say(&format!(
        "{} s after the inventory changed: {}",
        since.elapsed().as_secs_f32(),
        seen::line(&pod)
    ));
    Ok(())
}

/// A VM that asks for a rack that no node is in: nothing of it is placed, its disk neither.
#[test]
fn an_upload_follows_the_selector_of_its_vm() -> Result<()> {
    story("scheduler selector", async |scene| {
        let mut vm = vm_with_functions("choosy", "disk", 0);
        vm["spec"]["template"]["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": WITH});
        scene
            .cluster
            .create(kind::VM, &scene.namespace, &vm)
            .await?;
        let disk = scene
            .upload("disk", &guest::file("boot-sector.raw")?, Asked::Nothing)
            .await?;
        ensure!(disk.target.node == WITH, "{disk:?}");
        let instance = scene.wait_running("choosy").await?;
        ensure!(
            instance["status"]["nodeName"] == WITH,
            "{}",
            seen::line(&instance)
        );
        scene
            .cluster
            .delete(kind::VM, &scene.namespace, "choosy")
            .await
    })
}

//! What kube-scheduler sends, compared with the golden files of the extender's tests. `E2E_GOLDEN=refresh` writes them anew.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use vmberth_e2e::exporter::{self, Settings};
use vmberth_e2e::golden::Call;
use vmberth_e2e::guest;
use vmberth_e2e::manifest::{self, Boot, with_function};
use vmberth_e2e::networks::NETWORK;
use vmberth_e2e::seen::{self, items, text};
use vmberth_e2e::upload::Asked;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, kind, vmberth};

use crate::holds::with_second_disk;
use crate::placing::{placed, unschedulable};
use crate::{SCHEDULER, SETTINGS, cards, vm_with_functions, wait_scheduler};

/// Labels of the scheduler's pods.
const PODS: &str = "app.kubernetes.io/component=scheduler";

/// An upload that is placed, a VM that is refused since a function is held for another, and one with a claim.
#[test]
fn calls_have_the_shape_of_the_golden_files() -> Result<()> {
    let settings = Settings {
        calls: true,
        ..SETTINGS
    };
    exporter::story("scheduler calls", settings, async |scene| {
        wait_scheduler(scene, SCHEDULER).await?;
        cards(scene, 1).await?;
        let source = source(scene).await?;
        let check = async |golden: &str, pod: &str, refused: bool| {
            let call = call(scene, pod, refused).await?;
            call.check(golden, &scene.namespace, &source)
        };

        let mut early = vm_with_functions("early", "disk", 1);
        with_second_disk(&mut early, "still-to-come");
        create(scene, &early).await?;
        let image = guest::file("boot-sector.raw")?;
        scene.upload("disk", &image, Asked::Nothing).await?;
        check("filter-upload", "cdi-upload-", false).await?;

        let late = with_function(manifest::vm("late", Boot::Nothing), "vf", NETWORK);
        create(scene, &late).await?;
        let launcher = scene.launcher_of("late").await?;
        let words = unschedulable(scene, seen::name(&launcher)).await?;
        ensure!(words.contains("held for"), "{words}");
        check("filter-refused", "virt-launcher-late-", true).await?;
        for vm in ["late", "early"] {
            delete(scene, vm).await?;
        }

        create(scene, &manifest::vm("reader", Boot::Claim("disk"))).await?;
        placed(scene, "reader").await?;
        check("filter-launcher", "virt-launcher-reader-", false).await?;
        delete(scene, "reader").await
    })
}

async fn create(scene: &Scene, vm: &Value) -> Result<()> {
    let made = scene.cluster.create(kind::VM, &scene.namespace, vm);
    made.await.map(drop)
}

async fn delete(scene: &Scene, vm: &str) -> Result<()> {
    let Scene {
        cluster, namespace, ..
    } = scene;
    cluster.delete(kind::VM, namespace, vm).await
}

/// Which scheduler it was.
async fn source(scene: &Scene) -> Result<String> {
    let pods = scene.cluster.list(kind::POD, vmberth::NAME, PODS).await?;
    let containers = pods
        .iter()
        .flat_map(|pod| items(&pod["spec"]["containers"]));
    let images: Vec<&str> = containers.map(|it| text(&it["image"])).collect();
    let image = images.iter().find(|image| image.contains("kube-scheduler"));
    Ok(format!(
        "recorded from {} by tests/e2e/tests/scheduler/calls.rs",
        image.unwrap_or(&"a scheduler without an image")
    ))
}

/// The last such call about a pod whose name begins so, from whichever replica places.
async fn call(scene: &Scene, pod: &str, refused: bool) -> Result<Call> {
    let what = format!("the extender to log filter of {pod}");
    wait::until(&what, Duration::from_secs(60), async || {
        let mut last = None;
        for replica in scene.cluster.list(kind::POD, vmberth::NAME, PODS).await? {
            let name = seen::name(&replica);
            let log = scene.cluster.log(vmberth::NAME, name, "extender").await?;
            let mut calls = Call::all(&log).into_iter();
            let fits = |call: &Call| {
                let is_answer = match call.passed_and_refused() {
                    (0, 0) => false,
                    (passed, _) => (passed == 0) == refused,
                };
                call.verb == "filter" && call.pod().starts_with(pod) && is_answer
            };
            last = last.or_else(|| calls.rfind(fits));
        }
        Ok(Look::of(last, || "no such line".to_owned()))
    })
    .await
}

//! The seeds' order: the disk is uploaded first, and the VM with a virtual function comes later.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::exporter::{self, Settings};
use vmberth_e2e::guest;
use vmberth_e2e::manifest::Boot;
use vmberth_e2e::networks::FUNCTION;
use vmberth_e2e::pod::node_of;
use vmberth_e2e::seen::{self, text};
use vmberth_e2e::tenant::{devices_of, pod_on, pod_resources};
use vmberth_e2e::upload::Asked;
use vmberth_e2e::vm::LAUNCHER;
use vmberth_e2e::wait;
use vmberth_e2e::{Scene, kind};

use crate::{
    SCHEDULER, SETTINGS, WITH, WITHOUT, assert_scheduler, cards, story, vm_with_functions,
    wait_scheduler,
};

/// What the default scheduler asks of a node says nothing of the VM: a busy node with functions is worse to it than an idle one
/// without.
const BUSY: &str = "700m";

/// Uploaded under the cluster's scheduler the disk is on a node on which the VM can never run; under vmberth's it is where the
/// functions are, and the VM's pod gets one. (No guest runs with it: the function is a file.)
#[test]
fn a_disk_that_comes_first_is_where_its_vm_can_run() -> Result<()> {
    let off = Settings {
        scheduler: false,
        ..SETTINGS
    };
    exporter::story("upload first unscheduled", off, async |scene| {
        wait_scheduler(scene, "").await?;
        cards(scene, 2).await?;
        keep_busy(scene, WITH).await?;
        let disk = scene
            .upload("disk", &guest::file("boot-sector.raw")?, Asked::Nothing)
            .await?;
        ensure!(disk.target.node == WITHOUT, "the control is none: {disk:?}");
        let vm = vm_with_functions("pinned", "disk", 1);
        scene
            .cluster
            .create(kind::VM, &scene.namespace, &vm)
            .await?;
        let launcher = scene.launcher_of("pinned").await?;
        let words = unschedulable(scene, seen::name(&launcher)).await?;
        scene.say(&format!(
            "without: disk on {WITHOUT}, VM never runs: {words}"
        ));
        let stays = wait::holds("it stays Pending", Duration::from_secs(10), async || {
            let pod = scene
                .cluster
                .get(kind::POD, &scene.namespace, seen::name(&launcher))
                .await?;
            ensure!(node_of(&pod).is_empty(), "{}", seen::line(&pod));
            Ok(())
        });
        stays.await?;
        scene
            .cluster
            .delete(kind::VM, &scene.namespace, "pinned")
            .await
    })?;
    story("scheduler upload first", async |scene| {
        cards(scene, 2).await?;
        keep_busy(scene, WITH).await?;
        let disk = scene
            .upload("disk", &guest::file("boot-sector.raw")?, Asked::Nothing)
            .await?;
        ensure!(disk.target.node == WITH, "{disk:?}");
        let mut vm = vm_with_functions("placed", "disk", 1);
        vm["spec"]["template"]["metadata"] =
            json!({"annotations": {"vmberth.io/hugepages": "2Mi"}});
        scene
            .cluster
            .create(kind::VM, &scene.namespace, &vm)
            .await?;
        let launcher = placed(scene, "placed").await?;
        ensure!(node_of(&launcher) == WITH, "{}", seen::line(&launcher));
        assert_scheduler(&launcher, SCHEDULER)?;
        let held = handed_out(scene, &launcher).await?;
        let pages = &launcher["spec"]["containers"][0]["resources"]["limits"]["hugepages-2Mi"];
        ensure!(
            !text(pages).is_empty(),
            "no huge pages: {}",
            launcher["spec"]
        );
        scene.say(&format!(
            "with: disk and VM on {WITH}, function {held:?}, {pages} of huge pages"
        ));
        scene
            .cluster
            .delete(kind::VM, &scene.namespace, "placed")
            .await
    })
}

/// VMs are our scheduler's, and so are the pods that fill their disks; all others are the cluster's.
#[test]
fn vms_run_by_our_scheduler_and_other_pods_by_the_clusters() -> Result<()> {
    story("scheduler VM", async |scene| {
        let disk = scene
            .upload("disk", &guest::file("linux.raw")?, Asked::Nothing)
            .await?;
        scene.create_vm("first", Boot::Claim("disk")).await?;
        let instance = scene.wait_running("first").await?;
        let node = text(&instance["status"]["nodeName"]);
        ensure!(node == disk.target.node, "VM on {node}, disk {disk:?}");
        let launcher = scene.launcher_on("first", node).await?;
        assert_scheduler(&launcher, SCHEDULER)?;
        scene.guest_says(&launcher, "up, kernel").await?;
        let mut other = pod_on("other", WITHOUT);
        other["spec"]["nodeName"] = Value::Null;
        let other = scene.run_pod(&other).await?;
        assert_scheduler(&other, "default-scheduler")
    })
}

/// A pod that asks for most of what is left of the node's processors.
pub(crate) async fn keep_busy(scene: &Scene, node: &str) -> Result<()> {
    let mut pod = pod_on("busy", node);
    pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": BUSY}});
    scene.run_pod(&pod).await.map(drop)
}

/// Waits until the kubelet has taken the pod and given functions to it, and returns which.
pub(crate) async fn handed_out(scene: &Scene, launcher: &Value) -> Result<Vec<String>> {
    let what = "the kubelet to hand out a function";
    wait::until(what, Duration::from_secs(60), async || {
        let answer = pod_resources(WITH).await?;
        let held = devices_of(&answer, &scene.namespace, seen::name(launcher), FUNCTION);
        Ok(wait::Look::of(
            (!held.is_empty()).then(|| held.clone()),
            || answer.to_string(),
        ))
    })
    .await
}

/// Waits until the VM's launcher has a node.
pub(crate) async fn placed(scene: &Scene, vm: &str) -> Result<Value> {
    let labels = format!("{LAUNCHER},vm.kubevirt.io/name={vm}");
    let what = format!("the launcher of {vm} to be placed");
    let has_node = |pod: &Value| !node_of(pod).is_empty();
    scene
        .wait_pod(&what, &labels, Duration::from_secs(90), has_node)
        .await
}

/// Waits until the scheduler has refused a pod, and returns its words.
pub(crate) async fn unschedulable(scene: &Scene, pod: &str) -> Result<String> {
    let what = format!("the scheduler to refuse {pod}");
    wait::until(&what, Duration::from_secs(60), async || {
        let pod = scene.cluster.get(kind::POD, &scene.namespace, pod).await?;
        let words = seen::scheduler_words(&pod).map(str::to_owned);
        Ok(wait::Look::of(words, || seen::line(&pod)))
    })
    .await
    .context("a refusal")
}

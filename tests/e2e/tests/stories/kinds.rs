//! Every kind of object that a guest can be asked for by, and nothing said of vmberth in any.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::kind::Kind;
use vmberth_e2e::manifest::{self, Boot};
use vmberth_e2e::pod::{TAINT, assert_tolerates, process, toleration_count};
use vmberth_e2e::seen::{name, text};
use vmberth_e2e::vm::LAUNCHER;
use vmberth_e2e::{Scene, Story, guest, kind};

/// The process of a running guest.
const QEMU: &str = "qemu-system-x86_64";

/// A VM, an instance of its own, a replica set and a pool reach Running on tainted nodes.
#[test]
fn every_kind_of_machine_runs() -> Result<()> {
    Story::new("every kind").with_vmberth().run(async |scene| {
        let boot = Boot::Nothing;
        let all: [(Kind, Value); 4] = [
            (kind::VM, manifest::vm("machine", boot)),
            (kind::VMI, manifest::instance("bare", boot)),
            (kind::REPLICA_SET, manifest::replica_set("set", boot)),
            (kind::POOL, manifest::pool("pool", boot)),
        ];
        for (kind, object) in &all {
            let stored = scene
                .cluster
                .create(*kind, &scene.namespace, object)
                .await?;
            assert_recorded(&stored)?;
        }
        for instance in scene.wait_instances("", all.len()).await? {
            assert_tolerates(&instance, &instance["spec"])?;
            let node = text(&instance["status"]["nodeName"]);
            let launcher = scene.launcher_on(name(&instance), node).await?;
            process(&launcher, QEMU)?;
            scene.say(&format!("{} runs on {node}", name(&instance)));
        }
        Ok(())
    })
}

fn assert_recorded(stored: &Value) -> Result<()> {
    let record = text(&stored["metadata"]["annotations"]["vmberth.io/injected"]);
    ensure!(
        record.contains("tolerations"),
        "{} {} tells {record:?}",
        stored["kind"],
        name(stored)
    );
    Ok(())
}

/// Whoever opts out, by a label of the VM or of its template, gets what KubeVirt gives: here, no
/// node.
#[test]
fn who_opts_out_is_left_alone() -> Result<()> {
    Story::new("opted out").with_vmberth().run(async |scene| {
        let opt_out = json!({"vmberth.io/inject": "false"});
        let mut by_own = manifest::vm("own", Boot::Nothing);
        by_own["metadata"]["labels"] = opt_out.clone();
        let mut by_template = manifest::vm("template", Boot::Nothing);
        by_template["spec"]["template"]["metadata"] = json!({"labels": opt_out});
        for vm in [&by_own, &by_template] {
            let stored = scene.cluster.create(kind::VM, &scene.namespace, vm).await?;
            let count = toleration_count(&stored["spec"]["template"]["spec"], TAINT);
            ensure!(count == 0, "{stored}");
            let labels = format!("{LAUNCHER},vm.kubevirt.io/name={}", name(vm));
            scene.refused_by_the_taint(&labels).await?;
        }
        Ok(())
    })
}

/// A VM that brings its disk by a template and says nothing of class, mode, or how it is bound: the
/// disk is imported on the node where the VM then runs.
#[test]
fn a_vm_imports_its_own_disk() -> Result<()> {
    Story::new("own disk").with_vmberth().run(async |scene| {
        let server = scene.image_server().await?;
        let mut vm = manifest::vm("importer", Boot::Claim("system"));
        vm["spec"]["template"]["spec"]["volumes"] =
            json!([{"name": "root", "dataVolume": {"name": "system"}}]);
        vm["spec"]["dataVolumeTemplates"] = json!([{
            "metadata": {"name": "system"},
            "spec": {
                "source": {"http": {"url": format!("http://{server}:8080/linux.qcow2")}},
                "storage": {"resources": {"requests": {"storage": "128Mi"}}},
            },
        }]);
        scene
            .cluster
            .create(kind::VM, &scene.namespace, &vm)
            .await?;
        boots_its_disk(scene, "importer", "system").await
    })
}

async fn boots_its_disk(scene: &Scene, vm: &str, disk: &str) -> Result<()> {
    let instance = scene.wait_running(vm).await?;
    let node = text(&instance["status"]["nodeName"]);
    let filled = scene.filled(disk).await?;
    ensure!(
        filled.target.node == node,
        "VM on {node}, its disk {filled:?}"
    );
    let launcher = scene.launcher_on(vm, node).await?;
    let said = scene.guest_says(&launcher, "up, kernel").await?;
    ensure!(said.contains(&guest::payload_digest()?), "{said}");
    Ok(())
}

//! Without vmberth: every story of `stories` that vmberth makes possible fails here, for the reason
//! that vmberth takes away. If one of these tests fails, the plane no longer shows the pain.

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json's values answer null for what they do not have"
)]

use anyhow::{Result, ensure};
use serde_json::json;
use vmberth_e2e::manifest::{self, Boot};
use vmberth_e2e::seen::name;
use vmberth_e2e::upload::{self, Asked};
use vmberth_e2e::{Story, guest, import, kind, networks, vm};

/// Story 1 without vmberth.
#[test]
fn the_pod_of_an_upload_is_never_placed() -> Result<()> {
    Story::new("no upload")
        .without_vmberth()
        .run(async |scene| {
            let image = guest::file("boot-sector.raw")?;
            let upload = scene
                .virtctl_upload("dv disk", &image, Asked::Everything)
                .await?;
            // virtctl would wait for long: it is ended as soon as the pod was seen.
            tokio::select! {
                said = upload.outcome() => anyhow::bail!("virtctl ended: {:?}", said?),
                refused = scene.refused_by_the_taint(upload::POD) => refused?,
            };
            Ok(())
        })
}

/// Story 2 without vmberth.
#[test]
fn the_pod_of_an_import_is_never_placed() -> Result<()> {
    Story::new("no import")
        .without_vmberth()
        .run(async |scene| {
            // Nobody gets as far as asking this address.
            scene
                .import("disk", "http://10.96.0.1/none.qcow2", Asked::Everything)
                .await?;
            scene.refused_by_the_taint(import::POD).await.map(drop)
        })
}

/// Story 3 without vmberth.
#[test]
fn the_pod_of_a_vm_is_never_placed() -> Result<()> {
    Story::new("no VM").without_vmberth().run(async |scene| {
        let stored = scene.create_vm("first", Boot::Image).await?;
        let template = &stored["spec"]["template"]["spec"];
        ensure!(
            template["tolerations"].is_null(),
            "{} tolerates something",
            name(&stored)
        );
        scene.refused_by_the_taint(vm::LAUNCHER).await.map(drop)
    })
}

/// Every other kind of object that a guest can be asked for by.
#[test]
fn the_pods_of_other_kinds_are_never_placed() -> Result<()> {
    Story::new("no other kind")
        .without_vmberth()
        .run(async |scene| {
            let boot = Boot::Nothing;
            for (kind, object) in [
                (kind::VMI, manifest::instance("bare", boot)),
                (kind::REPLICA_SET, manifest::replica_set("set", boot)),
                (kind::POOL, manifest::pool("pool", boot)),
            ] {
                scene
                    .cluster
                    .create(kind, &scene.namespace, &object)
                    .await?;
            }
            for label in ["!set,!pool", "set", "pool"] {
                let labels = format!("{},{label}", vm::LAUNCHER);
                scene.refused_by_the_taint(&labels).await?;
            }
            Ok(())
        })
}

/// `virtctl image-upload` as somebody calls it who knows no classes: CDI has none to offer.
#[test]
fn an_upload_without_a_class_is_never_bound() -> Result<()> {
    Story::new("no plain upload")
        .without_vmberth()
        .run(async |scene| {
            let image = guest::file("boot-sector.raw")?;
            let tool = scene
                .virtctl_upload("dv disk", &image, Asked::Nothing)
                .await?;
            let wait = scene.not_bound("disk");
            tokio::select! {
                said = tool.outcome() => {
                    let said = said?;
                    let words = String::from_utf8_lossy(&said.stderr).into_owned();
                    ensure!(!said.status.success(), "virtctl went through");
                    scene.say(&format!("virtctl: {}", words.trim()));
                }
                words = wait => scene.say(&format!("CDI: {}", words?)),
            }
            Ok(())
        })
}

/// A wish for virtual functions and huge pages is a remark to KubeVirt.
#[test]
fn annotations_mean_nothing() -> Result<()> {
    Story::new("no wishes")
        .without_vmberth()
        .run(async |scene| {
            let mut vm = manifest::vm("wishing", Boot::Nothing);
            let wishes = json!({"vmberth.io/vfs": "2", "vmberth.io/hugepages": "2Mi"});
            vm["metadata"]["annotations"] = wishes;
            scene
                .cluster
                .create(kind::VM, &scene.namespace, &vm)
                .await?;
            let pod = scene.launcher_of("wishing").await?;
            networks::assert_functions(&pod, 0)?;
            let compute = &pod["spec"]["containers"][0]["resources"];
            ensure!(compute["requests"]["hugepages-2Mi"].is_null(), "{compute}");
            Ok(())
        })
}

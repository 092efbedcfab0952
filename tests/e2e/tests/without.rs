//! Without vmberth: every story of `stories` that vmberth makes possible fails here, for the reason
//! that vmberth takes away. If one of these tests fails, the plane no longer shows the pain.

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json's values answer null for what they do not have"
)]

use anyhow::{Result, ensure};
use vmberth_e2e::seen::name;
use vmberth_e2e::vm::Boot;
use vmberth_e2e::{Story, guest, import, upload, vm};

/// Story 1 without vmberth.
#[test]
fn the_pod_of_an_upload_is_never_placed() -> Result<()> {
    Story::new("no upload")
        .without_vmberth()
        .run(async |scene| {
            let image = guest::file("boot-sector.raw")?;
            let upload = scene.virtctl_upload("disk", &image).await?;
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
            scene.import("disk", "http://10.96.0.1/none.qcow2").await?;
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

//! Disks get onto tainted nodes, and onto their local volumes, whatever their user leaves unsaid.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::upload::Asked;
use vmberth_e2e::volumes::{CLASS, place_of, wait_bound};
use vmberth_e2e::{Scene, Story, disk, guest, import, kind, upload};

/// `virtctl image-upload` on tainted nodes: what is on the node's volume is the image.
#[test]
fn an_uploaded_image_is_on_a_nodes_volume() -> Result<()> {
    Story::new("upload").with_vmberth().run(async |scene| {
        let image = guest::file("linux.raw")?;
        let filled = scene.upload("disk", &image, Asked::Everything).await?;
        disk::assert_same_bytes(&image, &filled.target.file("disk.img")?)?;
        scene.say("disk.img is the image, byte by byte");
        Ok(())
    })
}

/// The same without `--force-bind`, class and mode: virtctl would refuse to wait for a first
/// consumer, and CDI would not know where the disk shall be.
#[test]
fn an_upload_needs_to_know_nothing_of_classes() -> Result<()> {
    Story::new("plain upload")
        .with_vmberth()
        .run(async |scene| {
            let image = guest::file("boot-sector.raw")?;
            let filled = scene.upload("disk", &image, Asked::Nothing).await?;
            disk::assert_same_bytes(&image, &filled.target.file("disk.img")?)?;
            let volume = scene
                .cluster
                .get(kind::DATA_VOLUME, &scene.namespace, "disk")
                .await?;
            let storage = &volume["spec"]["storage"];
            ensure!(
                storage["storageClassName"] == CLASS
                    && storage["accessModes"] == json!(["ReadWriteOnce"]),
                "{storage}"
            );
            Ok(())
        })
}

/// `virtctl image-upload pvc` makes a claim by itself, and waits in vain if nobody binds it.
#[test]
fn an_upload_into_a_claim_needs_no_force() -> Result<()> {
    Story::new("upload into a claim")
        .with_vmberth()
        .run(async |scene| {
            let image = guest::file("boot-sector.raw")?;
            let into = format!("pvc disk --storage-class={CLASS}");
            let tool = scene.virtctl_upload(&into, &image, Asked::Nothing).await?;
            let (said, pod) = futures::join!(tool.output(), scene.placed_and_tolerant(upload::POD));
            pod?;
            let said = said?;
            ensure!(said.contains("completed successfully"), "{said}");
            wait_bound(&scene.cluster, &scene.namespace, "disk").await?;
            let place = place_of(&scene.cluster, &scene.namespace, "disk").await?;
            disk::assert_same_bytes(&image, &place.file("disk.img")?)
        })
}

/// Import by http from a server in the cluster, an image that must be converted, without a word
/// about class and mode. CDI is told beforehand that it needs scratch space: one importer pod
/// instead of two, as the other import shows, whose user says that it needs none.
#[test]
fn an_imported_image_is_on_a_nodes_volume() -> Result<()> {
    Story::new("import").with_vmberth().run(async |scene| {
        let server = scene.image_server().await?;
        let url = format!("http://{server}:8080/linux.qcow2");
        scene.import("disk", &url, Asked::Nothing).await?;
        let none_needed = ("cdi.kubevirt.io/storage.import.requiresScratch", "false");
        let small = format!("http://{server}:8080/boot-sector.raw");
        scene
            .import_with("twice", &small, Asked::Nothing, &[none_needed])
            .await?;

        let pod = scene.placed_and_tolerant(import::POD).await?;
        ensure!(!pod["spec"]["nodeName"].is_null(), "{pod}");
        scene.wait_succeeded("disk").await?;
        let filled = scene.filled("disk").await?;
        let image = guest::file("linux.qcow2")?;
        disk::assert_same_content(&image, &filled.target.file("disk.img")?).await?;
        scene.say("disk.img has the image's content");

        scene.wait_succeeded("twice").await?;
        let (once, twice) = (
            importers(scene, "disk").await?,
            importers(scene, "twice").await?,
        );
        scene.say(&format!(
            "importer pods: {once} with the hint, {twice} without"
        ));
        ensure!(
            (once, twice) == (1, 2),
            "{once} importer pods, and {twice} without the hint"
        );
        Ok(())
    })
}

/// How many importer pods were placed for a DataVolume: by the scheduler's events, which stay.
async fn importers(scene: &Scene, volume: &str) -> Result<usize> {
    let events = scene
        .cluster
        .list(kind::EVENT, &scene.namespace, "")
        .await
        .context("events")?;
    let name = format!("importer-{volume}");
    let placed = |event: &&Value| {
        event["reason"] == "Scheduled" && event["involvedObject"]["name"] == name.as_str()
    };
    let pods = events.iter().filter(placed);
    let mut pods: Vec<_> = pods
        .map(|event| event["involvedObject"]["uid"].to_string())
        .collect();
    pods.sort();
    pods.dedup();
    Ok(pods.len())
}

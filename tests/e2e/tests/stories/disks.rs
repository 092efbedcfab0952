//! Stories 1 and 2: disks get onto tainted nodes.

use anyhow::{Result, ensure};
use vmberth_e2e::{Story, disk, guest, import};

/// `virtctl image-upload` on tainted nodes: what is on the node's volume is the image.
#[test]
fn an_uploaded_image_is_on_a_nodes_volume() -> Result<()> {
    Story::new("upload").with_vmberth().run(async |scene| {
        let image = guest::file("linux.raw")?;
        let filled = scene.upload("disk", &image).await?;
        disk::assert_same_bytes(&image, &filled.target.file("disk.img")?)?;
        scene.say("disk.img is the image, byte by byte");
        Ok(())
    })
}

/// Import by http from a server in the cluster: the same, and an image that must be converted.
#[test]
fn an_imported_image_is_on_a_nodes_volume() -> Result<()> {
    Story::new("import").with_vmberth().run(async |scene| {
        let server = scene.image_server().await?;
        scene
            .import("disk", &format!("http://{server}:8080/linux.qcow2"))
            .await?;
        let pod = scene.placed_and_tolerant(import::POD).await?;
        scene.wait_succeeded("disk").await?;
        let filled = scene.filled("disk").await?;
        let node = &pod["spec"]["nodeName"];
        ensure!(
            *node == filled.target.node.as_str(),
            "importer on {node}, disk {filled:?}"
        );
        let image = guest::file("linux.qcow2")?;
        disk::assert_same_content(&image, &filled.target.file("disk.img")?).await?;
        scene.say("disk.img has the image's content");
        Ok(())
    })
}

//! Volumes are offered, filled by real CDI, and taken back; what is to be kept is kept.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::exporter::{
    self, CLASS, NODES, Settings, volume_in, wait_all_available, wait_inventory,
};
use vmberth_e2e::seen::{self, text};
use vmberth_e2e::tool::Tool;
use vmberth_e2e::upload::{self, Asked};
use vmberth_e2e::volumes::Place;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, disk, guest, kind};

/// What a user says who knows the class: nothing of it is vmberth's.
const INTO: &str = "dv disk --storage-class=vmberth-local --access-mode=ReadWriteOnce --force-bind";

/// PVs appear of empty directories; an upload binds disk and scratch on one node; both volumes come back empty, with no
/// hand: the scratch at once, the disk when its DataVolume is deleted.
#[test]
fn an_upload_is_bound_and_its_volumes_come_back() -> Result<()> {
    exporter::story("exporter volumes", Settings::default(), async |scene| {
        ensure!(
            INTO.contains(CLASS),
            "{INTO} is of another class than {CLASS}"
        );
        for node in NODES {
            wait_all_available(&scene.cluster, node).await?;
        }
        let image = guest::file("boot-sector.raw")?;
        let tool = scene.virtctl_upload(INTO, &image, Asked::Nothing).await?;
        let (said, pod, places) = futures::join!(
            tool.output(),
            scene.placed_and_tolerant(upload::POD),
            both_places(scene)
        );
        let (places, pod, said) = (places?, pod?, said?);
        ensure!(
            said.contains("completed successfully"),
            "virtctl said: {said}"
        );
        scene.wait_succeeded("disk").await?;
        let [target, scratch] = places;
        let node = text(&pod["spec"]["nodeName"]);
        ensure!(
            target.node == node && scratch.node == node && target.volume != scratch.volume,
            "pod on {node}, disk {target:?}, scratch {scratch:?}"
        );
        disk::assert_same_bytes(&image, &target.file("disk.img")?)?;
        scene.say(&format!(
            "disk {}, scratch {}",
            target.volume, scratch.volume
        ));
        wait_back(scene, &scratch).await?;
        table(scene).await?;
        scene
            .cluster
            .delete(kind::DATA_VOLUME, &scene.namespace, "disk")
            .await?;
        wait_back(scene, &target).await?;
        for node in NODES {
            wait_all_available(&scene.cluster, node).await?;
        }
        Ok(())
    })
}

/// The annotation keeps the data, whatever the policy says; without it the data goes; and where the policy says so, it stays.
#[test]
fn what_is_to_be_kept_is_kept() -> Result<()> {
    exporter::story("exporter keeps", Settings::default(), async |scene| {
        let [node, _] = NODES;
        let place = scene.tenant("kept", node, CLASS).await?;
        let file = place.file("disk.img")?;
        fs::write(&file, "precious")?;
        keep(scene, &place, json!("true")).await?;
        scene.leave("kept").await?;
        retained(scene, &place).await?;
        keep(scene, &place, Value::Null).await?;
        wait_back(scene, &place).await?;

        let retain = Settings {
            reclaim: "retain",
            ..Settings::default()
        };
        exporter::install(&scene.cluster, retain).await?;
        let place = scene.tenant("retained", node, CLASS).await?;
        fs::write(place.file("disk.img")?, "precious")?;
        scene.leave("retained").await?;
        retained(scene, &place).await
    })
}

async fn keep(scene: &Scene, place: &Place, value: Value) -> Result<()> {
    let patch = json!({"metadata": {"annotations": {"vmberth.io/keep": value}}});
    let patched = scene.cluster.merge(kind::VOLUME, "", &place.volume, &patch);
    patched.await.map(drop)
}

/// The inventory says that it is kept, and it is: for longer than a wipe would take.
async fn retained(scene: &Scene, place: &Place) -> Result<()> {
    let fits = |inventory: &Value| {
        volume_in(inventory, &place.volume).is_some_and(|one| one["state"] == "Retained")
    };
    let what = format!("{} Retained", place.volume);
    let inventory = wait_inventory(&scene.cluster, &place.node, &what, fits).await?;
    let reason = volume_in(&inventory, &place.volume).map(|one| text(&one["reason"]).to_owned());
    scene.say(&format!("{what}: {}", reason.unwrap_or_default()));
    let file = place.file("disk.img")?;
    wait::holds("kept data", Duration::from_secs(15), async || {
        let volume = scene.cluster.get(kind::VOLUME, "", &place.volume).await?;
        ensure!(
            volume["status"]["phase"] == "Released",
            "{}",
            seen::line(&volume)
        );
        ensure!(
            fs::read_to_string(&file)? == "precious",
            "the data has changed"
        );
        Ok(())
    })
    .await
}

/// The volume is Available, without a claim, and empty; and it is never Available before it is empty.
pub(crate) async fn wait_back(scene: &Scene, place: &Place) -> Result<()> {
    let directory = place.file("")?;
    let what = format!("{} to come back", place.volume);
    wait::until(&what, Duration::from_secs(90), async || {
        let volume = scene.cluster.get(kind::VOLUME, "", &place.volume).await?;
        let left = fs::read_dir(&directory)?.count();
        if volume["status"]["phase"] != "Available" {
            return Ok(Look::NotYet(format!(
                "{}, {left} files",
                seen::line(&volume)
            )));
        }
        ensure!(
            left == 0,
            "{} is offered with {left} files in it",
            place.volume
        );
        ensure!(
            volume["spec"]["claimRef"].is_null(),
            "{}",
            volume["spec"]["claimRef"]
        );
        Ok(Look::Found(()))
    })
    .await?;
    scene.say(&format!("{} is Available again, and empty", place.volume));
    Ok(())
}

/// Where disk and scratch are. Looked for while CDI works: the scratch's volume is given back as soon as it may be.
async fn both_places(scene: &Scene) -> Result<[Place; 2]> {
    let mut seen = BTreeMap::new();
    wait::until(
        "disk and scratch to be bound",
        Duration::from_secs(120),
        async || {
            for volume in scene.cluster.list(kind::VOLUME, "", "").await? {
                let claim = &volume["spec"]["claimRef"];
                if claim["namespace"] == scene.namespace.as_str() {
                    seen.insert(text(&claim["name"]).to_owned(), Place::of(&volume)?);
                }
            }
            let both = seen.get("disk").zip(seen.get("disk-scratch"));
            let both = both.map(|(disk, scratch)| [disk.clone(), scratch.clone()]);
            Ok(Look::of(both, || format!("{seen:?}")))
        },
    )
    .await
}

/// What a person sees.
async fn table(scene: &Scene) -> Result<()> {
    let table = Tool::new("kubectl", ["get", "nodeinventories"])
        .output()
        .await?;
    for line in table.lines() {
        scene.say(line);
    }
    let head = table.lines().next().unwrap_or_default();
    for column in [
        "NAME",
        "VOLUMES",
        "VFS",
        "2MI",
        "1GI",
        "DISK-FREE",
        "READY",
        "AGE",
    ] {
        ensure!(
            head.split_whitespace().any(|word| word == column),
            "no {column}: {head}"
        );
    }
    let widest = table.lines().map(str::len).max().unwrap_or_default();
    ensure!(widest <= 120, "the table is {widest} characters wide");
    Ok(())
}

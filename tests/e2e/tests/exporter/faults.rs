//! Disks that fail: read-only, full, held open, replaced, led astray by links. Data stays, is told, and all
//! recovers.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vmberth_e2e::exporter::{
    self, CLASS, FOLDER, NODES, Settings, volume_dir, volumes, wait_all_available, wait_condition,
    wait_inventory,
};
use vmberth_e2e::seen::{self, items};
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, kind, node, vmberth};

use crate::volumes::wait_back;

const NODE: &str = NODES[0];

/// A file system that turned read-only is told, nothing is given back meanwhile, and all of it afterwards.
#[test]
fn a_read_only_file_system_is_told_and_waited_for() -> Result<()> {
    exporter::story("exporter read-only", Settings::default(), async |scene| {
        let place = scene.tenant("tenant", NODE, CLASS).await?;
        fs::write(place.file("disk.img")?, "data")?;
        remount("ro").await?;
        let result = async {
            wait_inventory(&scene.cluster, NODE, "a read-only file system", read_only).await?;
            wait_condition(scene, NODE, "VolumesHealthy", "False", &["read-only"]).await?;
            scene.leave("tenant").await?;
            wait::holds(
                "no volume given back",
                Duration::from_secs(10),
                async || {
                    let volume = scene.cluster.get(kind::VOLUME, "", &place.volume).await?;
                    ensure!(
                        volume["status"]["phase"] != "Available",
                        "{}",
                        seen::line(&volume)
                    );
                    Ok(())
                },
            )
            .await
        }
        .await;
        remount("rw").await?;
        result?;
        wait_back(scene, &place).await?;
        wait_condition(scene, NODE, "VolumesHealthy", "True", &[]).await?;
        wait_all_available(&scene.cluster, NODE).await
    })
}

fn read_only(inventory: &Value) -> bool {
    items(&inventory["status"]["fileSystems"])
        .iter()
        .any(|one| one["mountPoint"] == FOLDER && one["readOnly"] == true)
}

async fn remount(mode: &str) -> Result<()> {
    let options = format!("remount,{mode}");
    let said = node::inside(NODE, ["mount", "-o", &options, FOLDER])?
        .output()
        .await;
    said.map(drop)
}

/// A process that still has the disk open, as QEMU has while it ends, is waited for; the log names it.
#[test]
fn a_disk_that_is_held_open_is_not_emptied() -> Result<()> {
    exporter::story("exporter held", Settings::default(), async |scene| {
        let place = scene.tenant("held", NODE, CLASS).await?;
        let file = place.file("disk.img")?;
        fs::write(&file, "precious")?;
        let hold = format!("exec sleep {HOLD} 3<{}/disk.img", place.directory);
        let holder = node::inside(NODE, ["sh", "-euc", &hold])?.output();
        let watch = async {
            scene.leave("held").await?;
            let agent = exporter::pod(&scene.cluster, NODE).await?;
            let told = format!("disk.img (in {}) is held by process", place.directory);
            let line = wait::until("the holder's name", TOLD, async || {
                let log = scene
                    .cluster
                    .log(vmberth::NAME, seen::name(&agent), "exporter");
                let log = log.await?;
                let line = log.lines().find(|line| line.contains(&told));
                Ok(Look::of(line.map(str::to_owned), || {
                    "not in the log".to_owned()
                }))
            })
            .await?;
            scene.say(&line);
            ensure!(
                fs::read_to_string(&file)? == "precious",
                "the data has changed"
            );
            anyhow::Ok(())
        };
        let (held, watched) = futures::join!(holder, watch);
        held?;
        watched?;
        wait_back(scene, &place).await
    })
}

/// Seconds for which the disk is held.
const HOLD: u32 = 30;
/// Shorter than that, even with neighbours.
const TOLD: Duration = Duration::from_secs(10);

/// Takes all room, in smaller and smaller files: a large one is refused before the last room is taken.
const FILL: &str = "mkdir /var/vmberth-vd/filler; cd /var/vmberth-vd/filler
for size in 1G 64M 1M; do
    n=0
    while fallocate -l $size $size-$n 2>/dev/null; do n=$((n + 1)); done
done";

/// A full disk is pressure; no volume is taken away for it.
#[test]
fn a_full_file_system_is_pressure() -> Result<()> {
    exporter::story("exporter full", Settings::default(), async |scene| {
        wait_all_available(&scene.cluster, NODE).await?;
        wait_condition(scene, NODE, "DiskPressure", "False", &[]).await?;
        let filler = node::path(NODE, FOLDER)?.join("filler");
        let filled = node::inside(NODE, ["sh", "-euc", FILL])?.output().await;
        let told = wait_condition(scene, NODE, "DiskPressure", "True", &["Full", FOLDER]).await;
        fs::remove_dir_all(&filler).with_context(|| filler.display().to_string())?;
        filled?;
        told?;
        wait_condition(scene, NODE, "DiskPressure", "False", &[]).await?;
        wait_all_available(&scene.cluster, NODE).await
    })
}

/// Mounts a file system whose server ends at once, as one of FUSE or NFS does: not even root can look at it.
const DEAD: &str = "mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 e2e";

/// ENOTCONN, as the system says it.
const ENOTCONN: &str = "Transport endpoint is not connected (os error 107)";

/// A volume that can't be read is told with its path and the system's words; the others are offered as before, and so is it
/// when it can be read again.
#[test]
fn a_volume_that_cant_be_read_is_told() -> Result<()> {
    exporter::story("exporter unreadable", Settings::default(), async |scene| {
        wait_all_available(&scene.cluster, NODE).await?;
        let before = names(&volumes(&scene.cluster, NODE).await?);
        let path = format!("{FOLDER}/vol3");
        let mount = format!("{DEAD} {path} 3<>/dev/fuse");
        node::inside(NODE, ["sh", "-euc", &mount])?.output().await?;
        let result = async {
            let words = ["1 of 4 volumes", "vol3 (can't be read", ENOTCONN];
            wait_condition(scene, NODE, "VolumesHealthy", "False", &words).await?;
            let inventory = scene.cluster.get(kind::INVENTORY, "", NODE).await?;
            for one in items(&inventory["status"]["volumes"]) {
                let expected = if one["path"] == path.as_str() {
                    "Unhealthy"
                } else {
                    "Available"
                };
                ensure!(one["state"] == expected, "{one}");
            }
            ensure!(
                names(&volumes(&scene.cluster, NODE).await?) == before,
                "other volumes than before"
            );
            Ok(())
        }
        .await;
        let lifted = node::inside(NODE, ["umount", "-l", &path])?.output().await;
        result?;
        lifted?;
        wait_condition(scene, NODE, "VolumesHealthy", "True", &[]).await?;
        wait_all_available(&scene.cluster, NODE).await
    })
}

/// A directory that became a link is told and never used; a link within a volume is removed, and nothing behind it.
#[test]
fn links_lead_nobody_out_of_a_volume() -> Result<()> {
    exporter::story("exporter links", Settings::default(), async |scene| {
        let outside = node::path(NODE, "/var/lib/e2e-outside")?;
        fs::create_dir_all(outside.join("folder"))?;
        fs::write(outside.join("folder/precious"), "precious")?;
        let result = async {
            links_within(scene).await?;
            directory_replaced(scene).await
        }
        .await;
        let kept = fs::read_to_string(outside.join("folder/precious"));
        fs::remove_dir_all(&outside)?;
        result?;
        ensure!(kept? == "precious", "what was outside has changed");
        Ok(())
    })
}

async fn links_within(scene: &Scene) -> Result<()> {
    let place = scene.tenant("linker", NODE, CLASS).await?;
    let directory = place.file("")?;
    symlink("/var/lib/e2e-outside", directory.join("out"))?;
    symlink(
        "/var/lib/e2e-outside/folder/precious",
        directory.join("disk.img"),
    )?;
    fs::create_dir(directory.join("deep"))?;
    symlink("../../../lib/e2e-outside/folder", directory.join("deep/up"))?;
    scene.leave("linker").await?;
    wait_back(scene, &place).await
}

async fn directory_replaced(scene: &Scene) -> Result<()> {
    let last = exporter::VOLUMES - 1;
    wait_all_available(&scene.cluster, NODE).await?;
    let before = names(&volumes(&scene.cluster, NODE).await?);
    let directory = volume_dir(NODE, last)?;
    let away = directory.with_file_name("away");
    fs::rename(&directory, &away)?;
    symlink("/var/lib/e2e-outside", &directory)?;
    let volume = format!("vol{last}");
    let told = wait_condition(scene, NODE, "VolumesHealthy", "False", &[&volume, "link"]).await;
    let after = volumes(&scene.cluster, NODE).await;
    put_back(&directory, &away)?;
    told?;
    ensure!(names(&after?) == before, "other volumes than before");
    wait_condition(scene, NODE, "VolumesHealthy", "True", &[]).await?;
    wait_all_available(&scene.cluster, NODE).await
}

fn put_back(directory: &Path, away: &Path) -> Result<()> {
    fs::remove_file(directory)?;
    Ok(fs::rename(away, directory)?)
}

/// Name and UID of each.
pub(crate) fn names(volumes: &[Value]) -> Vec<String> {
    let name = |volume: &Value| format!("{} {}", seen::name(volume), volume["metadata"]["uid"]);
    let mut names: Vec<_> = volumes.iter().map(name).collect();
    names.sort();
    names
}

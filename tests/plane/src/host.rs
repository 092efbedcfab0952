//! What the cluster changes on the host itself, remembered so that `down` can put it back: a few
//! kernel settings (kubelet sets some of them, and they are not per namespace), the mount points of
//! the volumes, and the cgroups of the nodes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::cmd::Cmd;
use crate::layout::{self, EXPORTER_VOLUME_DIR, Layout, VOLUME_DIR};
use crate::wait;

/// Settings that kubelet, or the plane itself, changes for the whole machine.
const SETTINGS: [&str; 7] = [
    "vm/nr_hugepages",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
];

/// Where nodes mount their volumes; the host needs the directories, since machines share its root.
const MOUNT_POINTS: [&str; 2] = [VOLUME_DIR, EXPORTER_VOLUME_DIR];

/// The host as it was before `up`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Before {
    settings: BTreeMap<String, String>,
    /// Those of [`MOUNT_POINTS`] that were not there.
    #[serde(default)]
    mount_points_made: Vec<String>,
}

impl Before {
    fn file(layout: &Layout) -> PathBuf {
        layout.cluster.join("host-before.json")
    }

    /// Remembers the host, and makes the mount points of the volumes.
    ///
    /// # Errors
    /// If a file can't be read or written.
    pub fn remember(layout: &Layout) -> Result<()> {
        let mut settings = BTreeMap::new();
        for name in SETTINGS {
            if let Ok(value) = fs::read_to_string(proc_sys(name)) {
                settings.insert(name.to_owned(), value.trim().to_owned());
            }
        }
        let missing = MOUNT_POINTS.iter().filter(|dir| !Path::new(dir).exists());
        let before = Self {
            settings,
            mount_points_made: missing.map(|&dir| dir.to_owned()).collect(),
        };
        layout::write(&Self::file(layout), serde_json::to_vec_pretty(&before)?)?;
        for dir in MOUNT_POINTS {
            fs::create_dir_all(dir).context(dir)?;
        }
        Ok(())
    }

    /// Puts everything back, if something was remembered.
    ///
    /// # Errors
    /// If a file can't be read or written.
    pub fn restore(layout: &Layout) -> Result<()> {
        let Ok(text) = fs::read(Self::file(layout)) else {
            return Ok(());
        };
        let before: Self = serde_json::from_slice(&text).context("host-before.json")?;
        for (name, value) in &before.settings {
            let path = proc_sys(name);
            if fs::read_to_string(&path).is_ok_and(|now| now.trim() != value) {
                fs::write(&path, value).with_context(|| path.display().to_string())?;
            }
        }
        for dir in &before.mount_points_made {
            if Path::new(dir).exists() {
                fs::remove_dir(dir).with_context(|| dir.clone())?;
            }
        }
        Ok(())
    }
}

/// Whether the kernel knows this kind of file system.
///
/// # Errors
/// If /proc can't be read.
pub fn knows_file_system(kind: &str) -> Result<bool> {
    // A module that is not loaded yet is not in the list: modprobe decides then.
    let known = fs::read_to_string("/proc/filesystems")?;
    let listed = known
        .lines()
        .any(|line| line.split_whitespace().last() == Some(kind));
    Ok(listed || Cmd::new("modprobe").arg(kind).succeeds().unwrap_or(false))
}

/// Sets aside this many more 2Mi huge pages; kubelet counts them once, at its start.
///
/// # Errors
/// If the kernel gives fewer.
pub fn set_huge_pages(pages: u32) -> Result<()> {
    let path = proc_sys("vm/nr_hugepages");
    let now = || anyhow::Ok(fs::read_to_string(&path)?.trim().parse::<u32>()?);
    let before = now()?;
    let wanted = before.saturating_add(pages);
    fs::write(&path, wanted.to_string()).with_context(|| path.display().to_string())?;
    let got = now()?.saturating_sub(before);
    anyhow::ensure!(
        got == pages,
        "wanted {pages} huge pages of 2Mi, the kernel gave {got}: free memory or ask for fewer \
         with --huge-pages"
    );
    Ok(())
}

/// Removes the cgroups of all nodes; nothing runs in them any more.
///
/// # Errors
/// With the directory that can't be removed.
pub fn remove_cgroups() -> Result<()> {
    for hierarchy in fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .flatten()
    {
        for entry in fs::read_dir(hierarchy.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with("vmberth-edge-")
            {
                let dir = entry.path();
                let what = format!("{} to be empty", dir.display());
                wait::until_even_if_interrupted(&what, Duration::from_secs(20), || {
                    Ok(remove_tree(&dir).is_ok().then_some(()))
                })?;
            }
        }
    }
    Ok(())
}

/// Only directories are removed: the files of a cgroup go with it.
fn remove_tree(dir: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(dir)
}

fn proc_sys(name: &str) -> PathBuf {
    Path::new("/proc/sys").join(name)
}

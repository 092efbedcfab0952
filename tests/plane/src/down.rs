//! Takes the cluster away: processes first, then what they used. Works on any ruin of a cluster.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal};

use crate::disk::{self, Store};
use crate::host::{self, Before};
use crate::layout::Layout;
use crate::wait;

/// Removes everything of the cluster from the machine; what was built stays in the cache.
///
/// # Errors
/// What could not be removed.
pub fn down(layout: &Layout) -> Result<()> {
    kill_machines(layout)?;
    host::remove_cgroups()?;
    free_disks(layout)?;
    Before::restore(layout)?;
    remove_dir(&layout.cluster)
}

/// Every machine's PID 1 (and the `unshare` above it) has the machine's file on its command line:
/// that finds them also when the cluster's directory was damaged.
fn kill_machines(layout: &Layout) -> Result<()> {
    let machines = layout.cluster.join("machines");
    wait::until(
        "the cluster's machines to end",
        Duration::from_secs(60),
        || {
            let pids = processes_of(&machines)?;
            for pid in &pids {
                let _ = rustix::process::kill_process(*pid, Signal::KILL);
            }
            Ok(pids.is_empty().then_some(()))
        },
    )
}

fn processes_of(machines: &Path) -> Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let ours = line.split(|b| *b == 0).any(|arg| {
            let arg = Path::new(std::str::from_utf8(arg).unwrap_or_default());
            arg.starts_with(machines) && arg.ends_with("spec.json")
        });
        if ours {
            found.extend(Pid::from_raw(pid));
        }
    }
    Ok(found)
}

fn free_disks(layout: &Layout) -> Result<()> {
    let machines = layout.cluster.join("machines");
    for entry in fs::read_dir(&machines).into_iter().flatten().flatten() {
        let volumes = entry.path().join("volumes.ext4");
        if volumes.exists() {
            disk::detach(&volumes)?;
        }
    }
    let file = Store::file(layout);
    if file.exists() {
        let store = Store::open(layout)?;
        for entry in fs::read_dir(&machines).into_iter().flatten().flatten() {
            store.remove(&entry.file_name().to_string_lossy())?;
        }
        disk::detach(&file)?;
    }
    Ok(())
}

fn remove_dir(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| dir.display().to_string())
        }
        _ => Ok(()),
    }
}

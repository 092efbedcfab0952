//! Takes the cluster away: processes first, then what they used. Works on any ruin of a cluster.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::disk::{self, Store};
use crate::host::{self, Before};
use crate::layout::Layout;
use crate::logs;
use crate::machine::process;

/// Removes everything of the cluster from the machine; what was built stays in the cache, and so do
/// the logs of its parts.
///
/// # Errors
/// What could not be removed first; the rest is removed all the same.
pub fn down(layout: &Layout) -> Result<()> {
    // Without the processes nothing else can be removed.
    process::end_below(&layout.cluster)?;
    logs::keep(layout);
    let steps = [
        host::remove_cgroups(),
        free_disks(layout),
        Before::restore(layout),
    ];
    for step in steps {
        step?;
    }
    remove_dir(&layout.cluster)
}

fn free_disks(layout: &Layout) -> Result<()> {
    let machines = layout.cluster.join("machines");
    let names = |dir: &Path| {
        fs::read_dir(dir)
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
    };
    for machine in names(&machines) {
        for file in disk::VOLUME_FILES {
            disk::detach(&machine.join(file))?;
        }
    }
    let Some(store) = Store::open(layout)? else {
        return Ok(());
    };
    let mut removed = Ok(());
    for machine in names(&machines) {
        let name = machine
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        removed = store.remove(&name).and(removed);
    }
    // A store that can't even be mounted has nothing that must be removed: `up` makes it anew.
    let damaged = removed.is_err() && !store.mounts();
    disk::detach(&Store::file(layout))?;
    if damaged { Ok(()) } else { removed }
}

fn remove_dir(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| dir.display().to_string())
        }
        _ => Ok(()),
    }
}

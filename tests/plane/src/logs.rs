//! `plane logs`.

use std::fs;
use std::io::Write;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::cmd;
use crate::layout::Layout;

/// Where the logs of the last cluster are, after it has gone.
#[must_use]
pub fn kept(layout: &Layout) -> PathBuf {
    layout.logs.join("last-cluster")
}

/// Keeps the logs of a cluster that is about to be removed; as many of them as there are.
pub fn keep(layout: &Layout) {
    let machines = fs::read_dir(layout.cluster.join("machines"))
        .into_iter()
        .flatten()
        .flatten();
    let machines: Vec<_> = machines.collect();
    if !machines.is_empty() {
        drop(fs::remove_dir_all(kept(layout)));
    }
    for machine in machines {
        let target = kept(layout).join(machine.file_name());
        drop(fs::create_dir_all(&target));
        drop(fs::rename(machine.path().join("log"), target.join("log")));
        drop(fs::rename(
            machine.path().join("init.log"),
            target.join("init.log"),
        ));
    }
}

/// Prints the end of one part's log, or the list of logs.
///
/// # Errors
/// If there is no such log.
pub fn print(layout: &Layout, part: Option<&str>, lines: usize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut known = Vec::new();
    for machine in fs::read_dir(layout.cluster.join("machines"))
        .into_iter()
        .flatten()
        .flatten()
    {
        for file in fs::read_dir(machine.path().join("log"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = file.path();
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let full = format!("{}/{name}", machine.file_name().to_string_lossy());
            if part.is_some_and(|part| part == name || part == full) {
                let text = fs::read(&path)?;
                writeln!(out, "{}", cmd::tail(&String::from_utf8_lossy(&text), lines))?;
                return Ok(());
            }
            known.push(full);
        }
    }
    known.sort();
    match part {
        Some(part) => bail!("no part {part}; there are: {}", known.join(", ")),
        None => writeln!(out, "{}", known.join("\n"))?,
    }
    Ok(())
}

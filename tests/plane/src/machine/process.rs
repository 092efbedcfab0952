//! Finds the processes that are machines, and ends them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};

use crate::wait;

/// A process that belongs to a machine.
#[derive(Debug)]
pub struct Process {
    /// Its number, as the host counts.
    pub pid: Pid,
    /// The machine's description: the last of its arguments.
    pub spec: PathBuf,
    /// PID 1 of the machine; else the `unshare` above it, which lives until the whole machine is
    /// gone.
    pub init: bool,
}

/// The processes of all machines on this host, whoever started them: `... machine .../spec.json`.
///
/// # Errors
/// If /proc can't be read.
pub fn all() -> Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else {
            continue;
        };
        let line = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        let args: Vec<_> = line.split_terminator('\0').collect();
        let [.., program, "machine", spec] = args[..] else {
            continue;
        };
        let ours = program.starts_with('/') && spec.ends_with("/spec.json");
        if ours {
            let init = is_init(&entry.path());
            found.push(Process {
                pid,
                spec: spec.into(),
                init,
            });
        }
    }
    Ok(found)
}

/// Whether a process is the first of its PID namespace, and that is not the host's.
fn is_init(proc_dir: &Path) -> bool {
    let status = fs::read_to_string(proc_dir.join("status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))
        .is_some_and(|pids| pids.split_whitespace().skip(1).last() == Some("1"))
}

/// Ends all machines whose descriptions lie below `dir`, with everything in them, and whatever was
/// started into their networks from outside.
///
/// # Errors
/// If something still lives after a minute.
pub fn end_below(dir: &Path) -> Result<()> {
    let below = || Ok::<_, anyhow::Error>(all()?.into_iter().filter(|p| p.spec.starts_with(dir)));
    let networks: BTreeSet<_> = below()?
        .filter(|process| process.init)
        .filter_map(|process| network(process.pid.as_raw_nonzero().get()))
        .collect();
    let limit = Duration::from_secs(60);
    wait::until_even_if_interrupted("the machines to end", limit, || {
        let mut living = 0;
        for process in below()? {
            living += 1;
            // The `unshare` above ends by itself, after the kernel has ended all of the machine.
            if process.init {
                let _ = kill_process(process.pid, Signal::KILL);
            }
        }
        Ok((living == 0).then_some(()))
    })?;
    wait::until_even_if_interrupted("shells in the machines' networks to end", limit, || {
        let mut living = 0;
        for entry in fs::read_dir("/proc")?.flatten() {
            let pid = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<i32>().ok());
            let Some(pid) = pid.filter(|p| network(*p).is_some_and(|n| networks.contains(&n)))
            else {
                continue;
            };
            living += 1;
            if let Some(pid) = Pid::from_raw(pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        Ok((living == 0).then_some(()))
    })
}

fn network(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/net")).ok()
}

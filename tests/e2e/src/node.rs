//! The nodes from below: their files and processes, as the host sees them through /proc.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::seen::{items, text};
use crate::tool::Tool;

/// What `plane status --json` says; asked once, since machines live as long as the cluster.
///
/// # Errors
/// If the cluster is not up.
pub fn plane() -> Result<&'static Value> {
    static STATUS: OnceLock<Result<Value, String>> = OnceLock::new();
    let status = STATUS.get_or_init(|| ask().map_err(|e| format!("{e:#}")));
    status.as_ref().map_err(|e| anyhow::anyhow!("{e}"))
}

fn ask() -> Result<Value> {
    let program = std::env::var("PLANE").context("$PLANE is not set: run tests/e2e/run.sh")?;
    let output = Command::new(&program)
        .args(["status", "--json"])
        .output()
        .context(program)?;
    let status: Value = serde_json::from_slice(&output.stdout)?;
    if status["up"] != true {
        bail!("the cluster is {}", status["state"]);
    }
    Ok(status)
}

/// The cache of built things.
///
/// # Errors
/// If the cluster is not up.
pub fn cache() -> Result<PathBuf> {
    Ok(PathBuf::from(text(&plane()?["cache"])))
}

/// A path on a node (or on `control-plane`), as it can be opened from here.
///
/// # Errors
/// If there is no such node.
pub fn path(node: &str, path: &str) -> Result<PathBuf> {
    let machines = items(&plane()?["machines"]);
    let machine = machines.iter().find(|machine| machine["name"] == node);
    let pid = machine.and_then(|machine| machine["pid"].as_u64());
    let pid = pid.with_context(|| format!("no machine {node}"))?;
    Ok(PathBuf::from(format!("/proc/{pid}/root{path}")))
}

/// A process in a container of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number, as the host counts.
    pub pid: u32,
    /// Its command line.
    pub line: String,
    /// The node whose cgroups it is in.
    pub node: String,
}

/// The pod's processes whose program has this name, on whatever node they run.
///
/// # Errors
/// If /proc can't be read.
pub fn processes(pod_uid: &str, program: &str) -> Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        // A process may end at any time.
        let cgroups = fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        let Some(cgroup) = cgroups
            .lines()
            .find(|line| line.contains(&format!("pod{pod_uid}")))
        else {
            continue;
        };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line)
            .replace('\0', " ")
            .trim()
            .to_owned();
        let name = line.split(' ').next().unwrap_or_default();
        if name.rsplit('/').next() == Some(program) {
            let node = cgroup
                .split("vmberth-")
                .nth(1)
                .and_then(|rest| rest.split('/').next());
            let node = node.unwrap_or_default().to_owned();
            found.push(Process { pid, line, node });
        }
    }
    Ok(found)
}

impl Process {
    /// The most memory that it ever had resident, in bytes.
    ///
    /// # Errors
    /// If it has ended.
    pub fn peak_memory(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    /// How much of its memory is huge pages, in bytes.
    ///
    /// # Errors
    /// If it has ended.
    pub fn huge_pages(&self) -> Result<u64> {
        self.status("HugetlbPages:")
    }

    fn status(&self, field: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB"));
        let kib = kib.with_context(|| format!("no {field}"))?;
        let kib: u64 = kib.trim().parse()?;
        Ok(kib * 1024)
    }

    /// A file as this process sees it.
    #[must_use]
    pub fn file(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.pid))
    }
}

/// A program wholly inside a node, or inside `control-plane`.
///
/// # Errors
/// If the stories run without the plane.
pub fn inside<'a>(node: &'a str, command: impl IntoIterator<Item = &'a str>) -> Result<Tool> {
    let program = std::env::var("PLANE").context("$PLANE is not set: run tests/e2e/run.sh")?;
    let args = ["shell", "--node", node].into_iter().chain(command);
    Ok(Tool::new(&program, args))
}

/// Sends a signal (`STOP`, `CONT`) to a part of a machine, such as `control-plane/kube-apiserver`.
///
/// # Errors
/// If there is no such part.
pub async fn signal(part: &str, signal: &str) -> Result<()> {
    let (machine, name) = part.split_once('/').context("MACHINE/PART")?;
    let file = format!("cluster/machines/{machine}/parts/{name}.pid");
    let file = cache()?.join(file);
    let pid = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let command = format!("kill -{signal} {}", pid.trim());
    inside(machine, ["sh", "-c", &command])?
        .output()
        .await
        .map(drop)
}

/// The 2Mi huge pages of the machine, which all nodes share.
const HUGE_PAGES: &str = "/proc/sys/vm/nr_hugepages";

/// How many 2Mi huge pages there are.
///
/// # Errors
/// If the kernel has none at all.
pub fn huge_pages() -> Result<u64> {
    Ok(fs::read_to_string(HUGE_PAGES)?.trim().parse()?)
}

/// Sets how many there are; a kubelet sees it when it is started the next time.
///
/// # Errors
/// If the kernel gives another number.
pub fn set_huge_pages(pages: u64) -> Result<()> {
    fs::write(HUGE_PAGES, pages.to_string())?;
    let got = huge_pages()?;
    anyhow::ensure!(
        got == pages,
        "wanted {pages} huge pages, the kernel gave {got}"
    );
    Ok(())
}

/// Has the plane kill a part of a machine, such as `control-plane/kube-apiserver`, and start it
/// again.
///
/// # Errors
/// The plane's words.
pub async fn restart(part: &str) -> Result<()> {
    let program = std::env::var("PLANE").context("$PLANE is not set: run tests/e2e/run.sh")?;
    Tool::new(&program, ["restart", part])
        .output()
        .await
        .map(drop)
}

//! A machine of the cluster: network, mount, PID and UTS namespaces that live as long as their PID 1.
//!
//! Nothing of a machine is visible in the host's own namespaces but its processes, and no name is
//! given to a namespace: when the processes are gone, everything of it is gone.

pub mod init;
pub mod process;
mod spec;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use self::process::Process;
pub use self::spec::{Mount, Part, Spec};
use crate::cmd::{Cmd, path, tail};
use crate::layout::{self, Layout};
use crate::wait;

/// A machine that was started.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
    /// Its PID 1, as the host counts.
    pub pid: i32,
}

impl Machine {
    /// Starts a machine and waits until its mounts are made.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn start(spec: &Spec) -> Result<Self> {
        let file = spec.dir.join("spec.json");
        layout::write(&file, serde_json::to_vec_pretty(spec)?)?;
        for old in ["pid", "ready"] {
            drop(fs::remove_file(spec.dir.join(old)));
        }
        let log = fs::File::create(spec.dir.join("init.log"))?;
        // unshare(1) stays as the parent outside; setsid keeps a Ctrl-C of the terminal away.
        // Nothing of the user's environment: a proxy of it would swallow the cluster's own calls.
        std::process::Command::new("setsid")
            .env_clear()
            .env("PATH", path())
            .current_dir("/")
            .args([
                "unshare",
                "--net",
                "--mount",
                "--pid",
                "--uts",
                "--fork",
                "--kill-child",
            ])
            .arg(std::env::current_exe()?)
            .arg("machine")
            .arg(&file)
            .stdin(std::process::Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting setsid unshare (util-linux)")?;
        wait::until(
            &format!("machine {} to start", spec.name),
            Duration::from_secs(20),
            || {
                let words = fs::read_to_string(spec.dir.join("init.log")).unwrap_or_default();
                if !words.is_empty() {
                    bail!("machine {}: {}", spec.name, tail(&words, 20));
                }
                Ok(spec.dir.join("ready").exists().then_some(()))
            },
        )?;
        Self::open(&spec.name, &spec.dir)?
            .with_context(|| format!("machine {} ended while it started", spec.name))
    }

    /// The machine of this directory, if it lives.
    ///
    /// # Errors
    /// If /proc can't be read.
    pub fn open(name: &str, dir: &Path) -> Result<Option<Self>> {
        let Ok(text) = fs::read_to_string(dir.join("pid")) else {
            return Ok(None);
        };
        let pid: i32 = text.trim().parse().context("pid file")?;
        let ours = is_machine(pid, dir)?;
        Ok(ours.then(|| Self {
            name: name.to_owned(),
            dir: dir.to_owned(),
            pid,
        }))
    }

    /// All machines of the cluster that live.
    ///
    /// # Errors
    /// If /proc can't be read.
    pub fn all(layout: &Layout) -> Result<Vec<Self>> {
        let Ok(dirs) = fs::read_dir(layout.cluster.join("machines")) else {
            return Ok(vec![]);
        };
        let mut all = Vec::new();
        for dir in dirs {
            let dir = dir?;
            let name = dir.file_name().to_string_lossy().into_owned();
            all.extend(Self::open(&name, &dir.path())?);
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Asks the machine to run a part, and waits until it does.
    ///
    /// # Errors
    /// If it does not start.
    pub fn run(&self, part: &Part) -> Result<()> {
        let request = self.dir.join("parts").join(format!("{}.json", part.name));
        layout::write(&request, serde_json::to_vec(part)?)?;
        wait::until(
            &format!("{} to start {}", self.name, part.name),
            Duration::from_secs(10),
            || Ok((!request.exists()).then_some(())),
        )?;
        self.check_parts()
    }

    /// Fails if a part has ended, naming it with the end of its log.
    ///
    /// # Errors
    /// The part's name, how it ended, its last lines.
    pub fn check_parts(&self) -> Result<()> {
        let Ok(entries) = fs::read_dir(self.dir.join("parts")) else {
            return Ok(());
        };
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "exit") {
                let name = path
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                let how = fs::read_to_string(&path).unwrap_or_default();
                let log = fs::read_to_string(self.log(&name)).unwrap_or_default();
                bail!(
                    "{} on {} has ended: {how}\n{}",
                    name,
                    self.name,
                    tail(&log, 15)
                );
            }
        }
        if !is_machine(self.pid, &self.dir)? {
            let log = fs::read_to_string(self.dir.join("init.log")).unwrap_or_default();
            bail!("machine {} has ended\n{}", self.name, tail(&log, 15));
        }
        Ok(())
    }

    /// Names of the parts that run.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.join("parts"))
            .into_iter()
            .flatten()
            .flatten();
        let mut names: Vec<_> = entries
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|e| e == "pid"))
            .filter_map(|p| Some(p.file_stem()?.to_string_lossy().into_owned()))
            .collect();
        names.sort();
        names
    }

    /// The log of a part.
    #[must_use]
    pub fn log(&self, part: &str) -> PathBuf {
        self.dir.join("log").join(format!("{part}.log"))
    }

    /// A program inside this machine's network only: it sees the host's files.
    #[must_use]
    pub fn in_network(&self, program: impl AsRef<std::ffi::OsStr>) -> Cmd {
        Cmd::new("nsenter")
            .args(["-t", &self.pid.to_string(), "-n", "--"])
            .arg(program)
    }

    /// A program wholly inside this machine.
    #[must_use]
    pub fn inside(&self, program: impl AsRef<std::ffi::OsStr>) -> Cmd {
        Cmd::new("nsenter")
            .args(["-t", &self.pid.to_string(), "-a", "--"])
            .arg(program)
    }

    /// A path inside the machine, as the host can open it.
    #[must_use]
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.pid))
    }

    /// Ends the machine and everything in it.
    ///
    /// # Errors
    /// If something of it still lives after a minute.
    pub fn kill(&self) -> Result<()> {
        process::end_below(&self.dir)
    }
}

/// Whether this process is PID 1 of the machine with this directory (and not a later process that
/// got the same number).
fn is_machine(pid: i32, dir: &Path) -> Result<bool> {
    let spec = dir.join("spec.json");
    let raw = |process: &Process| process.pid.as_raw_nonzero().get();
    Ok(process::all()?
        .iter()
        .any(|p| p.init && raw(p) == pid && p.spec == spec))
}

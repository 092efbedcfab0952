//! A machine of the cluster: network, mount, PID and UTS namespaces that live as long as their PID 1.
//!
//! Nothing of a machine is visible in the host's own namespaces but its processes, and no name is
//! given to a namespace: when the processes are gone, everything of it is gone.

pub mod init;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::cmd::{Cmd, tail};
use crate::layout::{self, Layout};
use crate::wait;

/// What PID 1 of a machine has to know.
#[derive(Debug, Serialize, Deserialize)]
pub struct Spec {
    /// Its name, and host name.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
    /// Made in this order.
    pub mounts: Vec<Mount>,
}

/// One mount inside a machine.
#[derive(Debug, Serialize, Deserialize)]
pub enum Mount {
    /// A directory of the host (made if missing) at another place.
    Bind {
        /// What is shown.
        source: PathBuf,
        /// Where.
        target: PathBuf,
    },
    /// An empty file system in memory.
    Tmpfs {
        /// Where.
        target: PathBuf,
    },
    /// A block device.
    Device {
        /// The device.
        device: PathBuf,
        /// Kind of its file system.
        fstype: String,
        /// Comma separated, as for mount(2).
        options: String,
        /// Where.
        target: PathBuf,
    },
}

impl Mount {
    /// Where the mount appears.
    #[must_use]
    pub fn target(&self) -> &Path {
        match self {
            Self::Bind { target, .. } | Self::Tmpfs { target } | Self::Device { target, .. } => {
                target
            }
        }
    }
}

/// A program that runs in a machine until the machine ends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// Its name: log, pid and exit files are called after it.
    pub name: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Added to the environment.
    pub env: BTreeMap<String, String>,
}

impl Part {
    /// A part without environment of its own.
    pub fn new(name: &str, program: &Path, args: impl IntoIterator<Item = String>) -> Self {
        let program = program.display().to_string();
        let argv = std::iter::once(program).chain(args).collect();
        Self {
            name: name.to_owned(),
            argv,
            env: BTreeMap::new(),
        }
    }
}

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
        std::process::Command::new("setsid")
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
        let ours = is_machine(pid, dir);
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
        let requests = self.dir.join("parts");
        let temporary = requests.join(format!("{}.new", part.name));
        layout::write(&temporary, serde_json::to_vec(part)?)?;
        // Kept beside the request, so that `restart` can ask again.
        layout::write(
            &self.dir.join("specs").join(&part.name),
            serde_json::to_vec(part)?,
        )?;
        let request = requests.join(format!("{}.json", part.name));
        fs::rename(temporary, &request)?;
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
        if !is_machine(self.pid, &self.dir) {
            bail!("machine {} has ended", self.name);
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
    /// If it still lives after ten seconds.
    pub fn kill(&self) -> Result<()> {
        if let Some(pid) = Pid::from_raw(self.pid) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        wait::until(
            &format!("machine {} to end", self.name),
            Duration::from_secs(30),
            || Ok((!is_machine(self.pid, &self.dir)).then_some(())),
        )
    }
}

/// Whether this process is PID 1 of the machine with this directory (and not a later process that
/// got the same number).
fn is_machine(pid: i32, dir: &Path) -> bool {
    let spec = dir.join("spec.json");
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
        line.split(|b| *b == 0)
            .any(|arg| arg == spec.as_os_str().as_encoded_bytes())
    })
}

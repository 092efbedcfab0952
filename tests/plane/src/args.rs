//! The command line.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

use crate::layout::{CONTROL_PLANE, Layout};
use crate::lock::Lock;
use crate::machine::{self, Machine};
use crate::options::Options;
use crate::{build, down, interrupt, kubectl, logs, progress, restart, status, up, volumes};

/// A real edge cluster on one Linux machine: control plane, nodes, CDI and KubeVirt, in namespaces
/// of their own. Needs root; builds what it needs once (about 30 minutes) and keeps it in
/// /var/cache/vmberth (or $VMBERTH_CACHE).
#[derive(Debug, Parser)]
#[command(name = "plane", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Bring the cluster up (about 2 minutes when everything is built); quick if it is up
    Up {
        #[command(flatten)]
        options: Options,
        /// Leave a cluster that did not come up as it is, to look at it
        #[arg(long)]
        keep: bool,
    },
    /// Build what `up` needs and start nothing; for a machine that should be quick later
    Build {
        #[command(flatten)]
        options: Options,
    },
    /// Remove the cluster: no process, mount, namespace, cgroup or loop device is left
    Down,
    /// Say what runs; exit code 1 if the cluster is not up or something of it has ended
    Status {
        /// One JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Import archives of container images (docker save, buildah push) into every real node
    LoadImages {
        /// Archives
        #[arg(required = true)]
        archives: Vec<PathBuf>,
    },
    /// Empty the local volumes whose claims are gone, and make them Available again
    FreeVolumes,
    /// kubectl, as administrator of the cluster
    #[command(disable_help_flag = true)]
    Kubectl(Passed),
    /// helm, as administrator of the cluster
    #[command(disable_help_flag = true)]
    Helm(Passed),
    /// virtctl, as administrator of the cluster
    #[command(disable_help_flag = true)]
    Virtctl(Passed),
    /// A shell (or the given command) in the cluster's network, with KUBECONFIG and PATH set
    Shell {
        /// Wholly inside this node instead: its processes, mounts and network
        #[arg(long)]
        node: Option<String>,
        /// Command and arguments; default: $SHELL
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Print the log of a part, or list the parts that have one
    Logs {
        /// Such as kube-apiserver, or edge-1/kubelet
        part: Option<String>,
        /// The last lines only
        #[arg(long, default_value_t = 200)]
        tail: usize,
    },
    /// Kill a part as a crash would, and start it again with the same arguments
    Restart {
        /// Such as control-plane/kube-apiserver
        part: String,
    },
    /// PID 1 of a machine
    #[command(hide = true)]
    Machine {
        /// Its description
        spec: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Passed {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub fn run(self) -> Result<ExitCode> {
        if let Verb::Machine { spec } = &self.command {
            return machine::init::run(spec).map(|()| ExitCode::SUCCESS);
        }
        if !rustix::process::geteuid().is_root() {
            bail!("`plane` needs root: it makes namespaces and loop devices; run it with sudo");
        }
        let layout = Layout::find()?;
        match self.command {
            Verb::Up { options, keep } => {
                interrupt::watch()?;
                let _lock = Lock::take(&layout, "up")?;
                up::up(&layout, &options, keep)?;
                let program = std::env::current_exe()?;
                progress::say_raw(&format!("next: alias plane={}", program.display()));
                progress::say_raw("      plane kubectl get nodes · plane status · plane down");
            }
            Verb::Build { options } => {
                interrupt::watch()?;
                let _lock = Lock::take(&layout, "build")?;
                up::build(&layout, &options)?;
            }
            Verb::Down => {
                interrupt::watch()?;
                let _lock = Lock::take(&layout, "down")?;
                down::down(&layout)?;
            }
            Verb::Status { json } => return status::print(&layout, json),
            Verb::LoadImages { archives } => load_images(&layout, &archives)?,
            Verb::FreeVolumes => volumes::free(&layout)?,
            Verb::Kubectl(passed) => become_tool(&layout, "kubectl", &passed.args)?,
            Verb::Helm(passed) => become_tool(&layout, "helm", &passed.args)?,
            Verb::Virtctl(passed) => become_tool(&layout, "virtctl", &passed.args)?,
            Verb::Shell { node, command } => become_shell(&layout, node.as_deref(), command)?,
            Verb::Restart { part } => restart::restart(&layout, &part)?,
            Verb::Logs { part, tail } => logs::print(&layout, part.as_deref(), tail)?,
            Verb::Machine { .. } => {}
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn open(layout: &Layout, name: &str) -> Result<Machine> {
    Machine::open(name, &layout.machine(name))?
        .with_context(|| format!("there is no machine {name}: is the cluster up? `plane status`"))
}

fn load_images(layout: &Layout, archives: &[PathBuf]) -> Result<()> {
    let nodes: Vec<_> = Machine::all(layout)?
        .into_iter()
        .filter(|m| m.name != CONTROL_PLANE)
        .collect();
    if nodes.is_empty() {
        bail!("no node runs: `plane up` first");
    }
    for archive in archives {
        let archive = archive
            .canonicalize()
            .with_context(|| archive.display().to_string())?;
        for node in &nodes {
            build::import(node, &archive)?;
        }
        progress::say_raw(&format!(
            "loaded {} into {} nodes",
            archive.display(),
            nodes.len()
        ));
    }
    Ok(())
}

/// Replaces this process by a tool of the cluster, in the control plane's network.
fn become_tool(layout: &Layout, tool: &str, args: &[String]) -> Result<()> {
    let program = layout.bin(tool).display().to_string();
    let words = std::iter::once(program)
        .chain(args.iter().cloned())
        .collect();
    become_shell(layout, None, words)
}

fn become_shell(layout: &Layout, node: Option<&str>, command: Vec<String>) -> Result<()> {
    let machine = open(layout, node.unwrap_or(CONTROL_PLANE))?;
    let namespaces = if node.is_some() { "-a" } else { "-n" };
    let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".to_owned());
    let command = if command.is_empty() {
        vec![shell]
    } else {
        command
    };
    let error = Command::new("nsenter")
        .args(["-t", &machine.pid.to_string(), namespaces, "--"])
        .args(command)
        .envs(kubectl::environment(layout))
        .exec();
    Err(error).context("nsenter (util-linux)")
}

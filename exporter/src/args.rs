//! Flags of `vmberth-exporter`, each also an environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use vmberth_serve::args::{LogArgs, seconds};
use vmberth_serve::build;

use crate::roots::{self, Roots};

/// Sees the volumes, virtual functions and huge pages of a node, tells the cluster, and keeps the node's local volumes.
#[derive(Debug, Clone, Parser)]
#[command(name = "vmberth-exporter", version = build::version())]
pub struct Args {
    /// The node's root directory; everything is read below it
    #[arg(long, env = "VMBERTH_HOST_ROOT", default_value = "/")]
    pub host_root: PathBuf,

    /// The kubelet's root directory, as a path on the node
    #[arg(long, env = "VMBERTH_KUBELET_ROOT", default_value = roots::KUBELET, value_parser = absolute)]
    pub kubelet_root: String,

    /// Name of the node; --once does without
    #[arg(long, env = "NODE_NAME", required_unless_present_any = ["once", "print_crd"])]
    pub node_name: Option<String>,

    /// What to look at and what to do; read again when its content changes [default: volumes /var/vd/vol0 to vol64, only
    /// looked at]
    #[arg(long, env = "VMBERTH_EXPORTER_CONFIG")]
    pub config: Option<PathBuf>,

    /// Look once, print what there is, and end; asks no cluster
    #[arg(long)]
    pub once: bool,

    /// How --once prints
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,

    /// Print the CustomResourceDefinition of NodeInventory as JSON, and end
    #[arg(long)]
    pub print_crd: bool,

    /// Root below which the volumes' directories are writable; without it nothing is ever wiped
    #[arg(long, env = "VMBERTH_VOLUMES_ROOT")]
    pub volumes_root: Option<PathBuf>,

    /// Root below which the node's sys is writable; without it no function is ever made or bound
    #[arg(long, env = "VMBERTH_SYSFS_ROOT")]
    pub sysfs_root: Option<PathBuf>,

    /// Address of the plain port: /healthz, /livez, /readyz, /metrics
    #[arg(long, env = "VMBERTH_ADMIN_LISTEN", default_value = "0.0.0.0:8080")]
    pub admin_listen: SocketAddr,

    /// The longest time between two looks, in seconds; changes are seen at once, but for the kernel's own files
    #[arg(long, env = "VMBERTH_RESYNC", default_value = "60", value_parser = seconds)]
    pub resync: Duration,

    /// How to log
    #[command(flatten)]
    pub log: LogArgs,
}

impl Args {
    /// Where the node's files are.
    #[must_use]
    pub fn roots(&self) -> Roots {
        Roots::new(&self.host_root, &self.kubelet_root)
    }
}

/// A path on the node; one that is not absolute would be looked for nowhere.
fn absolute(text: &str) -> Result<String, String> {
    if text.starts_with('/') {
        Ok(text.to_owned())
    } else {
        Err("expected an absolute path".to_owned())
    }
}

/// Form of what `--once` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::default(&[], Some("/var/lib/kubelet/pod-resources"))]
    #[case::moved(&["--kubelet-root=/mnt/kubelet/"], Some("/mnt/kubelet/pod-resources"))]
    #[case::nowhere(&["--kubelet-root=var/lib/kubelet"], None)]
    fn the_kubelets_root(#[case] flags: &[&str], #[case] expected: Option<&str>) {
        let flags = ["vmberth-exporter", "--once"].iter().chain(flags);
        let args = Args::try_parse_from(flags).ok();
        let path = args.map(|args| args.roots().kubelet("pod-resources"));
        assert_eq!(path.as_deref(), expected);
    }
}

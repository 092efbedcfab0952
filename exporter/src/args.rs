//! Flags of `vmberth-exporter`, each also an environment variable.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
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

    /// The longest time between two looks, in seconds from 1 to 600; changes are seen at once, but for the kernel's own files
    #[arg(long, env = "VMBERTH_RESYNC", default_value = "60", value_parser = resync)]
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

/// At least the second that lies between two rounds; at most less than the 900 s after which the chart's alert says that
/// nobody sees the node.
const RESYNC: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);

fn resync(text: &str) -> Result<Duration, String> {
    let time = seconds(text).ok().filter(|time| RESYNC.contains(time));
    time.ok_or_else(|| "expected seconds as a number from 1 to 600, like 60".to_owned())
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
    use clap::CommandFactory;
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

    /// A page that says less than the binary does is found only by who needs it.
    #[test]
    fn every_flag_is_on_the_page() {
        let page = include_str!("../../docs/exporter.md");
        let command = Args::command();
        let flags = command.get_arguments().filter_map(clap::Arg::get_long);
        let missing: Vec<&str> = flags
            .filter(|flag| !page.contains(&format!("`--{flag}`")))
            .collect();
        assert_eq!(missing, [""; 0]);
    }

    #[rstest]
    #[case::default(&[], Some(60_000))]
    #[case::least(&["--resync=1"], Some(1_000))]
    #[case::parts(&["--resync=2.5"], Some(2_500))]
    #[case::most(&["--resync=600"], Some(600_000))]
    #[case::a_tight_poll(&["--resync=0"], None)]
    #[case::less_than_a_second(&["--resync=0.5"], None)]
    #[case::longer_than_the_alert_waits(&["--resync=601"], None)]
    #[case::no_number(&["--resync=1m"], None)]
    fn time_between_two_looks(#[case] flags: &[&str], #[case] millis: Option<u64>) {
        let flags = ["vmberth-exporter", "--once"].iter().chain(flags);
        match (Args::try_parse_from(flags), millis) {
            (Ok(args), Some(millis)) => assert_eq!(args.resync, Duration::from_millis(millis)),
            (Err(error), None) => {
                let error = error.to_string();
                assert!(error.contains("from 1 to 600"), "{error}");
            }
            (parsed, expected) => panic!("{parsed:?}, expected {expected:?}"),
        }
    }
}

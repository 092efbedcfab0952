//! Flags of `vmberth-webhook`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand};
use vmberth_serve::{ServeArgs, build};

/// Where the chart mounts the policy.
pub const DEFAULT_POLICY: &str = "/etc/vmberth/policy/policy.yaml";

/// Readies virtual machines for edge nodes at admission: tolerations, huge pages, virtual functions, storage.
#[derive(Debug, Clone, Parser)]
#[command(name = "vmberth-webhook", version = build::version())]
pub struct Args {
    /// Other things to do than to serve.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The policy; read again when its content changes [default: /etc/vmberth/policy/policy.yaml; explain: the built-in policy]
    #[arg(long, global = true, env = "VMBERTH_POLICY")]
    pub policy: Option<PathBuf>,

    /// Watch NetworkAttachmentDefinitions, for the virtual functions of launcher pods and for warnings
    #[arg(long, env = "VMBERTH_WATCH_NETWORKS")]
    pub watch_networks: bool,

    /// Watch claims, for the scheduler of CDI's pods
    #[arg(long, env = "VMBERTH_WATCH_CLAIMS")]
    pub watch_claims: bool,

    /// Watch all that placement reads, for a word on VMs that no node could ever hold and the node of claims that bind at once; networks and claims are known from there
    #[arg(long, env = "VMBERTH_WATCH_PLACEMENT")]
    pub watch_placement: bool,

    /// ConfigMap that the policy comes from; gets an Event when its content is refused
    #[arg(long, env = "VMBERTH_POLICY_CONFIGMAP", requires = "namespace")]
    pub policy_configmap: Option<String>,

    /// Namespace of vmberth
    #[arg(long, env = "POD_NAMESPACE")]
    pub namespace: Option<String>,

    /// Threads that serve [default: the machine's, at most 2]
    #[arg(long, env = "VMBERTH_WORKER_THREADS", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub worker_threads: Option<u8>,

    /// The shell's flags.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// Other things to do than to serve.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Says what would be changed in an object or AdmissionReview from a file (YAML or JSON, - for standard input)
    Explain {
        /// The file.
        file: PathBuf,
    },
}

/// How often the policy's content is compared with what is in force.
pub const POLICY_POLL: Duration = Duration::from_secs(2);

impl Args {
    /// The policy's file when serving.
    #[must_use]
    pub fn policy_file(&self) -> &Path {
        self.policy
            .as_deref()
            .unwrap_or_else(|| Path::new(DEFAULT_POLICY))
    }

    /// Two threads are enough for 10,000 reviews a second; each more costs memory on every node.
    #[must_use]
    pub fn worker_threads(&self) -> usize {
        let machine = std::thread::available_parallelism().map_or(1, usize::from);
        self.worker_threads
            .map_or_else(|| machine.min(2), usize::from)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn flags_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn flags_of_the_chart_are_known() {
        let args = Args::try_parse_from([
            "vmberth-webhook",
            "--listen=0.0.0.0:8443",
            "--admin-listen=0.0.0.0:8080",
            "--tls-dir=/etc/vmberth/tls",
            "--policy=/etc/vmberth/policy/policy.yaml",
            "--policy-configmap=vmberth-policy",
            "--namespace=vmberth",
            "--watch-networks",
            "--watch-claims",
            "--watch-placement",
            "--client-ca=/etc/vmberth/client-ca/ca.crt",
        ])
        .unwrap();
        assert_eq!(args.policy_file(), Path::new(DEFAULT_POLICY));
    }
}

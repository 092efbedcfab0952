//! Flags of `vmberth-extender`: those of every server, with defaults for a scheduler in the same pod.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use vmberth_serve::server::is_loopback;
use vmberth_serve::{ServeArgs, build};

/// Tells kube-scheduler which nodes can hold a VM, all of it and at every stage, and which of them is best.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "vmberth-extender",
    version = build::version(),
    mut_arg("listen", |flag| flag.default_value("127.0.0.1:8888").help(
        "Address of /filter and /prioritize: plain HTTP on loopback, TLS with --tls-dir and --client-ca, which any other \
         address needs"
    )),
    mut_arg("tls_dir", |flag| flag.requires("client_ca")),
    mut_arg("client_ca", |flag| flag.requires("tls_dir")),
    mut_arg("max_body", |flag| flag.default_value("16777216").help(
        "Largest body in bytes: a scheduler that sends nodes whole sends 10 MiB for a thousand of them"
    )),
    mut_arg("body_budget", |flag| flag.default_value("33554432"))
)]
pub struct Args {
    /// The policy, for profiles of disks and the time of holds; read again when its content changes [default: the built-in policy]
    #[arg(long, env = "VMBERTH_POLICY")]
    pub policy: Option<PathBuf>,

    /// CSIStorageCapacity to touch when a refused pod might fit by now; none: such pods wait until kube-scheduler asks again
    #[arg(long, env = "VMBERTH_WAKE", requires = "namespace")]
    pub wake: Option<String>,

    /// Namespace of vmberth
    #[arg(long, env = "POD_NAMESPACE")]
    pub namespace: Option<String>,

    /// The shell's flags.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// An address that others reach, and nobody who says who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "--listen: found {0}, which others reach, and no --client-ca, so anybody could ask: give --tls-dir with tls.crt and tls.key, \
     and --client-ca with the CA of the scheduler's certificate, or listen on loopback, as in 127.0.0.1:8888"
)]
pub struct Exposed(SocketAddr);

impl Args {
    /// Whether calls come over TLS.
    ///
    /// # Errors
    /// If they had to, and nobody is told by whom.
    pub fn has_tls(&self) -> Result<bool, Exposed> {
        let address = self.serve.listen;
        match self.serve.client_ca {
            Some(_) => Ok(true),
            None if is_loopback(address) => Ok(false),
            None => Err(Exposed(address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use rstest::rstest;

    use super::*;

    const TLS: [&str; 2] = ["--tls-dir=/etc/vmberth/tls", "--client-ca=/etc/ca.crt"];

    fn args(flags: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(["vmberth-extender"].iter().chain(flags))
    }

    #[test]
    fn flags_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn defaults_are_those_of_a_sidecar() {
        let args = args(&[]).unwrap();
        assert_eq!(args.serve.listen.to_string(), "127.0.0.1:8888");
        assert_eq!(args.serve.admin_listen.to_string(), "0.0.0.0:8080");
        assert_eq!(args.serve.max_body, 16 << 20);
        assert_eq!(args.serve.body_budget, 32 << 20);
        assert_eq!(args.has_tls(), Ok(false));
    }

    #[rstest]
    #[case::loopback("--listen=127.0.0.1:0", &[], Ok(false))]
    #[case::loopback_of_ipv6("--listen=[::1]:8888", &[], Ok(false))]
    #[case::loopback_with_tls("--listen=127.0.0.1:0", &TLS, Ok(true))]
    #[case::all("--listen=0.0.0.0:8888", &[], Err(()))]
    #[case::all_of_ipv6("--listen=[::]:8888", &[], Err(()))]
    #[case::all_with_tls("--listen=0.0.0.0:8888", &TLS, Ok(true))]
    fn others_need_a_certificate(
        #[case] listen: &str,
        #[case] tls: &[&str],
        #[case] expected: Result<bool, ()>,
    ) {
        let args = args(&[&[listen], tls].concat()).unwrap();
        assert_eq!(args.has_tls().map_err(|_| ()), expected);
    }

    #[test]
    fn half_of_tls_is_refused() {
        for (flag, other) in [(TLS[0], "--client-ca"), (TLS[1], "--tls-dir")] {
            let error = args(&[flag]).unwrap_err().to_string();
            assert!(error.contains(other), "{error}");
        }
    }
}

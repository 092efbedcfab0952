//! Flags, each also an environment variable, and the checked configuration made of them.

use std::net::SocketAddr;

use clap::Args as ClapArgs;
use clap::Parser;
use jiff::SignedDuration;
use thiserror::Error;
use vmberth_serve::args::LogArgs;
use vmberth_serve::build;

use crate::plan::Settings;

/// The kubelet may serve a running pod the old Secret for up to 90 s; less overlap than this and an
/// admission could fail in a rotation.
const LEAST_OVERLAP: SignedDuration = SignedDuration::from_mins(2);

/// Creates, rotates and installs the certificates of vmberth's admission webhook.
#[derive(Clone, Debug, Parser)]
#[command(name = "vmberth-certs", version = build::version())]
pub struct Args {
    /// Namespace of the Secrets, the Lease and the webhook's Service.
    #[arg(long, env = "VMBERTH_NAMESPACE", default_value = "vmberth")]
    pub namespace: String,
    /// Secret that the webhook's pods mount: tls.crt, tls.key, ca.crt.
    #[arg(long, env = "VMBERTH_SECRET", default_value = "vmberth-webhook-tls")]
    pub secret: String,
    /// Secret with the CA's key, which nobody but this program reads.
    #[arg(long, env = "VMBERTH_CA_SECRET", default_value = "vmberth-ca")]
    pub ca_secret: String,
    /// Service of the webhook; the certificate's DNS names are made of it.
    #[arg(long, env = "VMBERTH_SERVICE", default_value = "vmberth-webhook")]
    pub service: String,
    /// MutatingWebhookConfiguration whose caBundle is kept up to date; may be given several times.
    #[arg(
        long,
        env = "VMBERTH_WEBHOOK_CONFIGURATION",
        value_delimiter = ',',
        default_value = "admission.vmberth.io"
    )]
    pub webhook_configuration: Vec<String>,
    /// Lease that says which replica acts.
    #[arg(long, env = "VMBERTH_LEASE", default_value = "vmberth-certs")]
    pub lease: String,
    /// Name of this replica in the Lease: the pod's name.
    #[arg(long, env = "VMBERTH_POD_NAME", default_value = "vmberth-certs")]
    pub identity: String,
    /// Deployment that owns the Secrets and the Lease, so that they go when it goes.
    #[arg(long, env = "VMBERTH_OWNER")]
    pub owner: Option<String>,
    /// Address of the plain HTTP port with /healthz, /readyz and /metrics.
    #[arg(long, env = "VMBERTH_ADMIN_LISTEN", default_value = "0.0.0.0:8080")]
    pub admin_listen: SocketAddr,
    /// How long certificates live.
    #[command(flatten)]
    pub lifetimes: Lifetimes,
    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The flags that are durations, written like 720h or 10m.
#[derive(Clone, Debug, ClapArgs)]
pub struct Lifetimes {
    /// Validity of the CA; a new one is introduced after two thirds of it.
    #[arg(long, env = "VMBERTH_CA_LIFETIME", default_value = "8760h")]
    pub ca_lifetime: SignedDuration,
    /// Validity of the serving certificate; renewed after two thirds of it.
    #[arg(long, env = "VMBERTH_LEAF_LIFETIME", default_value = "720h")]
    pub leaf_lifetime: SignedDuration,
    /// How long a replaced CA stays trusted; at least 2m.
    #[arg(long, env = "VMBERTH_OVERLAP", default_value = "10m")]
    pub overlap: SignedDuration,
    /// How long a new CA is in every caBundle before a certificate of it is published.
    #[arg(long, env = "VMBERTH_SETTLE", default_value = "10s")]
    pub settle: SignedDuration,
}

/// Flags that cannot work together.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Invalid {
    /// Pods could still serve a leaf that is not trusted any more.
    #[error(
        "--overlap {0:#} is less than {LEAST_OVERLAP:#}, which the kubelet needs to refresh a Secret"
    )]
    Overlap(SignedDuration),
    /// A CA in its last third could not sign a whole leaf.
    #[error("--leaf-lifetime {leaf:#} is more than a third of --ca-lifetime {ca:#}")]
    LeafLifetime {
        /// Asked for.
        leaf: SignedDuration,
        /// Asked for.
        ca: SignedDuration,
    },
    /// A leaf would be due before its rotation is over.
    #[error(
        "--leaf-lifetime {leaf:#} is less than six times --overlap {overlap:#} and --settle {settle:#}"
    )]
    LeafTooShort {
        /// Asked for.
        leaf: SignedDuration,
        /// Asked for.
        overlap: SignedDuration,
        /// Asked for.
        settle: SignedDuration,
    },
    /// Time does not run backwards.
    #[error("--settle {0:#} is negative")]
    Settle(SignedDuration),
}

impl Args {
    /// What the plan needs of the flags.
    ///
    /// # Errors
    /// When a rotation with these lifetimes could fail an admission.
    pub fn settings(&self) -> Result<Settings, Invalid> {
        let Lifetimes {
            ca_lifetime: ca,
            leaf_lifetime: leaf,
            overlap,
            settle,
        } = self.lifetimes.clone();
        if overlap < LEAST_OVERLAP {
            return Err(Invalid::Overlap(overlap));
        }
        if settle.is_negative() {
            return Err(Invalid::Settle(settle));
        }
        if leaf > ca / 3 {
            return Err(Invalid::LeafLifetime { leaf, ca });
        }
        if leaf / 6 < overlap.saturating_add(settle) {
            return Err(Invalid::LeafTooShort {
                leaf,
                overlap,
                settle,
            });
        }
        let mut names = vec![
            // What kube-apiserver asks for when a webhook is given as a Service (its
            // serviceresolver); the short form is for people with curl.
            format!("{}.{}.svc", self.service, self.namespace),
            format!("{}.{}", self.service, self.namespace),
        ];
        names.sort();
        Ok(Settings {
            names,
            authority_lifetime: ca,
            leaf_lifetime: leaf,
            overlap,
            settle,
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::defaults(&[], "")]
    #[case::shortest(&["--leaf-lifetime=13m", "--ca-lifetime=39m", "--overlap=2m"], "")]
    #[case::overlap(&["--overlap=119s"], "--overlap")]
    #[case::leaf(&["--ca-lifetime=100h", "--leaf-lifetime=34h"], "--leaf-lifetime")]
    #[case::short_leaf(&["--leaf-lifetime=30m"], "less than six times")]
    #[case::settle(&["--settle=-1s"], "--settle")]
    fn lifetimes_are_checked_together(#[case] flags: &[&str], #[case] complaint: &str) {
        let args = Args::parse_from([&["vmberth-certs"], flags].concat());
        let text = args
            .settings()
            .map_or_else(|invalid| invalid.to_string(), |_| String::new());
        assert!(
            text.contains(complaint) && complaint.is_empty() == text.is_empty(),
            "{text}"
        );
    }

    #[test]
    fn names_are_those_that_the_api_server_asks_for() {
        let args = Args::parse_from(["vmberth-certs", "--service=hook", "--namespace=ns"]);
        assert_eq!(args.settings().unwrap().names, ["hook.ns", "hook.ns.svc"]);
    }
}

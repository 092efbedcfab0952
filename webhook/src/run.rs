//! From flags to the end of the process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use prometheus::Registry;
use vmberth_decide::policy::Policy;
use vmberth_serve::body::BodyBudget;
use vmberth_serve::ready::Ready;
use vmberth_serve::shutdown::Shutdown;
use vmberth_serve::{Parts, Server, build};

use crate::args::{Args, POLICY_POLL};
use crate::http::{AppState, app};
use crate::metrics::{self, Metrics};
use crate::policy_file::{self, PolicyFile};

/// A webhook whose ports are bound.
#[derive(Debug)]
pub struct Webhook {
    /// The shell around it.
    pub server: Server,
    policy: Arc<ArcSwap<Policy>>,
    policy_file: PolicyFile,
    metrics: Metrics,
}

impl Webhook {
    /// Reads the policy and binds the ports.
    ///
    /// # Errors
    /// If the policy is bad, with its path and what was expected, or a port cannot be bound.
    pub async fn bind(args: Args) -> anyhow::Result<Self> {
        let mut policy_file = PolicyFile::new(args.policy_file());
        let policy = policy_file
            .refresh()
            .context("policy refused")?
            .unwrap_or_default();
        policy_file::announce(&policy);
        let registry = Registry::new();
        let metrics = Metrics::register(&registry)?;
        metrics.policy_loaded();
        let policy = Arc::new(ArcSwap::from_pointee(policy));
        let state = AppState {
            policy: Arc::clone(&policy),
            bodies: BodyBudget::new(args.serve.max_body, args.serve.body_budget),
            metrics: metrics.clone(),
        };
        let parts = Parts {
            app: app(state),
            registry,
            metrics_prefix: metrics::PREFIX,
            ready: Ready::default(),
        };
        let server = Server::bind(args.serve, parts).await?;
        Ok(Self {
            server,
            policy,
            policy_file,
            metrics,
        })
    }

    /// Serves until the shutdown has begun and everything is drained.
    ///
    /// # Errors
    /// If no certificate comes in time or a port cannot be served any longer.
    pub async fn run(self, shutdown: &Shutdown, policy_poll: Duration) -> anyhow::Result<()> {
        tokio::select! {
            served = self.server.run(shutdown) => Ok(served?),
            () = self.policy_file.follow(&self.policy, &self.metrics, policy_poll) => Ok(()),
        }
    }
}

/// Serves until SIGTERM or SIGINT; a second one aborts.
///
/// # Errors
/// If it cannot start, ends badly, or is aborted.
pub async fn until_signalled(args: Args) -> anyhow::Result<()> {
    tracing::info!(
        version = build::VERSION,
        revision = build::REVISION,
        "vmberth-webhook starts"
    );
    let shutdown = Shutdown::default();
    let webhook = Webhook::bind(args).await?;
    tokio::select! {
        ended = webhook.run(&shutdown, POLICY_POLL) => ended,
        signals = shutdown.follow_signals() => {
            signals.context("cannot listen for signals")?;
            bail!("aborted by a second signal")
        }
    }
}

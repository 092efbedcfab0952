//! From flags to the end of the process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use futures::future::OptionFuture;
use kube::Client;
use prometheus::Registry;
use vmberth_decide::policy::Policy;
use vmberth_serve::body::BodyBudget;
use vmberth_serve::ready::{Condition, Ready};
use vmberth_serve::shutdown::Shutdown;
use vmberth_serve::{Parts, Server, build};

use crate::args::{Args, POLICY_POLL};
use crate::event::PolicyEvents;
use crate::http::{AppState, app};
use crate::metrics::{self, Metrics};
use crate::policy_file::{self, PolicyFile};
use crate::watch::{self, Known};

/// A webhook whose ports are bound.
pub struct Webhook {
    /// The shell around it.
    pub server: Server,
    policy: Arc<ArcSwap<Policy>>,
    policy_file: PolicyFile,
    metrics: Metrics,
    known: Arc<ArcSwap<Known>>,
    /// The API server, if something is watched or told there.
    client: Option<Client>,
    networks: Option<Condition>,
    claims: Option<Condition>,
    events: Option<PolicyEvents>,
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
        let asks = args.watch_networks || args.watch_claims || args.policy_configmap.is_some();
        let client = if asks {
            let client = Client::try_default().await;
            Some(
                client
                    .context("no cluster to watch; leave out --watch-... and --policy-configmap")?,
            )
        } else {
            None
        };
        let events = client
            .clone()
            .zip(args.namespace.as_deref())
            .zip(args.policy_configmap.clone())
            .map(|((client, namespace), name)| PolicyEvents::new(client, namespace, name));
        let ready = Ready::default();
        let condition = |wanted: bool, name| wanted.then(|| ready.condition(name));
        let networks = condition(args.watch_networks, "networks");
        let claims = condition(args.watch_claims, "claims");
        let known = Arc::<ArcSwap<Known>>::default();
        let state = AppState {
            policy: Arc::clone(&policy),
            known: Arc::clone(&known),
            bodies: BodyBudget::new(args.serve.max_body, args.serve.body_budget),
            metrics: metrics.clone(),
        };
        let parts = Parts {
            app: app(state),
            registry,
            metrics_prefix: metrics::PREFIX,
            ready,
        };
        let server = Server::bind(args.serve, parts).await?;
        Ok(Self {
            server,
            policy,
            policy_file,
            metrics,
            known,
            client,
            networks,
            claims,
            events,
        })
    }

    /// Serves until the shutdown has begun and everything is drained.
    ///
    /// # Errors
    /// If no certificate comes in time or a port cannot be served any longer.
    pub async fn run(self, shutdown: &Shutdown, policy_poll: Duration) -> anyhow::Result<()> {
        let watches = async {
            let networks = self.client.clone().zip(self.networks);
            let claims = self.client.clone().zip(self.claims);
            tokio::join!(
                OptionFuture::from(networks.map(|(client, listed)| {
                    watch::networks(client, Arc::clone(&self.known), listed)
                })),
                OptionFuture::from(claims.map(|(client, listed)| {
                    watch::claims(client, Arc::clone(&self.known), listed)
                })),
            );
            std::future::pending::<()>().await;
        };
        let events = self.events.as_ref();
        let policy = self
            .policy_file
            .follow(&self.policy, &self.metrics, events, policy_poll);
        tokio::select! {
            served = self.server.run(shutdown) => Ok(served?),
            () = policy => Ok(()),
            () = watches => Ok(()),
        }
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("server", &self.server)
            .finish_non_exhaustive()
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

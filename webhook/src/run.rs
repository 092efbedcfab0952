//! From flags to the end of the process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use axum::Router;
use futures::future::OptionFuture;
use kube::{Client, Config};
use prometheus::Registry;
use vmberth_cluster::feed::RESOURCES;
use vmberth_decide::immediate::has_immediate;
use vmberth_decide::policy::Policy;
use vmberth_serve::body::BodyBudget;
use vmberth_serve::ready::{Condition, Ready};
use vmberth_serve::shutdown::{Shutdown, until_signalled};
use vmberth_serve::{Parts, Server, build};

use crate::args::{Args, POLICY_POLL};
use crate::event::PolicyEvents;
use crate::http::{AppState, app};
use crate::metrics::{self, Metrics};
use crate::placement::{self, Follower, Placement};
use crate::policy_file::{self, PolicyFile};
use crate::watch::{self, Known, Sink};

/// A webhook whose ports are bound.
pub struct Webhook {
    /// The shell around it.
    pub server: Server,
    policy: Arc<ArcSwap<Policy>>,
    policy_file: PolicyFile,
    metrics: Metrics,
    cluster: Cluster,
}

/// What is watched in the cluster, and told there.
#[derive(Default)]
struct Cluster {
    networks: Option<(Client, Sink)>,
    claims: Option<(Client, Sink)>,
    placement: Option<Follower>,
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
        let ready = Ready::default();
        let known = Arc::<ArcSwap<Known>>::default();
        let sink = |resource, condition| Sink {
            known: Arc::clone(&known),
            listed: ready.condition(condition),
            metrics: metrics.watch(resource),
        };
        let placement = args.watch_placement.then(Arc::<Placement>::default);
        let follower = |client| Follower {
            placement: placement.clone().unwrap_or_default(),
            client,
            watches: metrics.watches().clone(),
            policy: Arc::clone(&policy),
            awaited: awaited(&args, &policy.load(), &ready),
        };
        let cluster = Cluster::of(&args, sink, follower).await?;
        let state = AppState {
            policy: Arc::clone(&policy),
            known: Arc::clone(&known),
            placement: placement.clone(),
            bodies: BodyBudget::new(args.serve.max_body, args.serve.body_budget),
            metrics: metrics.clone(),
        };
        let parts = Parts {
            app: app(state),
            registry,
            metrics_prefix: metrics::PREFIX,
            ready,
            shown: Router::new(),
        };
        let server = Server::bind(args.serve, parts).await?;
        Ok(Self {
            server,
            policy,
            policy_file,
            metrics,
            cluster,
        })
    }

    /// Serves until the shutdown has begun and everything is drained.
    ///
    /// # Errors
    /// If no certificate comes in time or a port cannot be served any longer.
    pub async fn run(self, shutdown: &Shutdown, policy_poll: Duration) -> anyhow::Result<()> {
        let Cluster {
            networks,
            claims,
            placement,
            events,
        } = self.cluster;
        let watches = async {
            tokio::join!(
                OptionFuture::from(networks.map(|(client, sink)| watch::networks(client, sink))),
                OptionFuture::from(claims.map(|(client, sink)| watch::claims(client, sink))),
                OptionFuture::from(placement.map(Follower::run)),
            );
            std::future::pending::<()>().await;
        };
        let policy =
            self.policy_file
                .follow(&self.policy, &self.metrics, events.as_ref(), policy_poll);
        let (server, shutdown) = (self.server, shutdown.clone());
        // Its own task: a list of thousands is told in one go, and reviews have to be answered meanwhile.
        let server = tokio::spawn(async move { server.run(&shutdown).await });
        tokio::select! {
            served = server => Ok(served??),
            () = policy => Ok(()),
            () = watches => Ok(()),
        }
    }
}

impl Cluster {
    /// Nothing is asked of the cluster yet; `sink` is told resource and condition of what will be watched, `follower` who watches
    /// the whole.
    async fn of(
        args: &Args,
        sink: impl Fn(&'static str, &'static str) -> Sink,
        follower: impl FnOnce(Client) -> Follower,
    ) -> anyhow::Result<Self> {
        let configmap = args.namespace.as_deref().zip(args.policy_configmap.clone());
        let watches = args.watch_networks || args.watch_claims || args.watch_placement;
        if !watches && configmap.is_none() {
            return Ok(Self::default());
        }
        let config = Config::infer()
            .await
            .context("no cluster to watch; leave out --watch-... and --policy-configmap")?;
        let client = Client::try_from(config)?;
        let watched = |wanted: bool, resource, condition| {
            let is_own = wanted && !args.watch_placement;
            is_own.then(|| (client.clone(), sink(resource, condition)))
        };
        Ok(Self {
            networks: watched(args.watch_networks, placement::NETWORKS, "networks"),
            claims: watched(args.watch_claims, placement::CLAIMS, "claims"),
            placement: args.watch_placement.then(|| follower(client.clone())),
            events: configmap.map(|(namespace, name)| PolicyEvents::new(client, namespace, name)),
        })
    }
}

/// Without the first lists of these no review is decided, whoever watches them: all, if claims bind at once, since who binds one
/// without a word from us has done it for ever.
fn awaited(args: &Args, policy: &Policy, ready: &Ready) -> Vec<(&'static str, Condition)> {
    if args.watch_placement && has_immediate(policy) {
        let all = RESOURCES.into_iter();
        return all.map(|it| (it, ready.condition(it))).collect();
    }
    let all = [
        (args.watch_networks, placement::NETWORKS, "networks"),
        (args.watch_claims, placement::CLAIMS, "claims"),
    ];
    let asked_for = all.into_iter().filter(|(is_asked_for, ..)| *is_asked_for);
    asked_for
        .map(|(_, resource, condition)| (resource, ready.condition(condition)))
        .collect()
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
pub async fn to_the_end(args: Args) -> anyhow::Result<()> {
    tracing::info!(
        version = build::VERSION,
        revision = build::REVISION,
        "vmberth-webhook starts"
    );
    until_signalled(async |shutdown| {
        let webhook = Webhook::bind(args).await?;
        Box::pin(webhook.run(&shutdown, POLICY_POLL)).await
    })
    .await
}

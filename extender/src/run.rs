//! From flags to the end of the process.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use futures::future::OptionFuture;
use kube::{Client, Config};
use prometheus::Registry;
use tokio::time::interval;
use vmberth_cluster::feed::feed;
use vmberth_decide::event::Event;
use vmberth_decide::index::Index;
use vmberth_serve::body::BodyBudget;
use vmberth_serve::ready::Ready;
use vmberth_serve::shutdown::{Shutdown, until_signalled};
use vmberth_serve::{Parts, Server, build};

use crate::args::Args;
use crate::holds;
use crate::http::{AppState, app};
use crate::lists::Lists;
use crate::metrics::{self, Metrics};
use crate::policy_file::PolicyFile;
use crate::tell::Teller;
use crate::wake::{Refusals, Waker};

/// How often the index is told the time: what is kept for a VM is kept for so many seconds.
const TICK: Duration = Duration::from_secs(1);

/// An extender whose ports are bound.
pub struct Extender {
    /// The shell around it.
    pub server: Server,
    client: Client,
    state: AppState,
    policy: Option<PolicyFile>,
    waker: Option<Waker>,
}

impl Extender {
    /// Binds the ports; nothing is asked of the cluster yet.
    ///
    /// # Errors
    /// If others could ask unchecked, the policy is bad, no cluster is configured, or a port cannot be bound.
    pub async fn bind(args: Args) -> anyhow::Result<Self> {
        let has_tls = args.has_tls()?;
        let mut index = Index::default();
        let mut policy = args.policy.as_deref().map(PolicyFile::new);
        let read = policy.as_mut().map(PolicyFile::refresh).transpose();
        if let Some(policy) = read.context("policy refused")?.flatten() {
            index.apply(Event::Policy(policy));
        }
        let config = Config::infer().await.context("no cluster to watch")?;
        let client = Client::try_from(config)?;
        let registry = Registry::new();
        let ready = Ready::default();
        let state = AppState {
            index: Arc::new(RwLock::new(index)),
            lists: Lists::awaited(&ready),
            bodies: BodyBudget::new(args.serve.max_body, args.serve.body_budget),
            metrics: Metrics::register(&registry)?,
            refusals: Refusals::default(),
            verdicts: Arc::default(),
            last: Arc::default(),
            log: Arc::default(),
        };
        let waker = args.namespace.zip(args.wake).map(|(namespace, name)| {
            Waker::new(client.clone(), &namespace, name, state.metrics.clone())
        });
        let parts = Parts {
            app: app(state.clone()),
            registry,
            metrics_prefix: metrics::PREFIX,
            ready,
            shown: holds::app(Arc::clone(&state.index)),
        };
        let server = if has_tls {
            Server::bind(args.serve, parts).await?
        } else {
            Server::bind_plain(args.serve, parts).await?
        };
        Ok(Self {
            server,
            client,
            state,
            policy,
            waker,
        })
    }

    /// Serves until the shutdown has begun and everything is drained.
    ///
    /// # Errors
    /// If no certificate comes in time or a port cannot be served any longer.
    pub async fn run(self, shutdown: &Shutdown) -> anyhow::Result<()> {
        let AppState {
            index,
            lists,
            metrics,
            refusals,
            ..
        } = &self.state;
        let teller = Teller::new(self.client.clone());
        let tell = |event| tell(index, event);
        let listed = |resource| lists.complete(resource);
        let (server, shutdown) = (self.server, shutdown.clone());
        // Its own task: a list of thousands is told in one go, and health has to be answered meanwhile.
        let server = tokio::spawn(async move { server.run(&shutdown).await });
        let beside = async {
            tokio::join!(
                feed(self.client, metrics.watches(), listed, tell),
                tick(index, metrics),
                teller.run(index, lists),
                OptionFuture::from(self.policy.map(|policy| policy.follow(tell))),
                OptionFuture::from(self.waker.map(|waker| waker.run(index, refusals))),
            )
        };
        tokio::select! {
            served = server => Ok(served??),
            _ = beside => Ok(()),
        }
    }
}

/// The only writer: one event after the other.
fn tell(index: &RwLock<Index>, event: Event) {
    let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
    index.apply(event);
}

async fn tick(index: &RwLock<Index>, metrics: &Metrics) {
    let mut timer = interval(TICK);
    loop {
        timer.tick().await;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        tell(index, Event::Time(since_1970.unwrap_or_default().as_secs()));
        let index = index.read().unwrap_or_else(PoisonError::into_inner);
        metrics.holds(index.holds());
        metrics.promises(index.promises());
    }
}

impl std::fmt::Debug for Extender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extender")
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
        "vmberth-extender starts"
    );
    until_signalled(async |shutdown| {
        let extender = Extender::bind(args).await?;
        Box::pin(extender.run(&shutdown)).await
    })
    .await
}

//! The agent from its start to its end, and its rounds.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use vmberth_serve::admin::{self, Admin};
use vmberth_serve::build;
use vmberth_serve::metrics::ProcessMetrics;
use vmberth_serve::ready::Ready;
use vmberth_serve::shutdown::{Shutdown, until_signalled};

use crate::args::Args;
use crate::config_file::ConfigFile;
use crate::fresh::Fresh;
use crate::metrics::{self, Metrics};
use crate::round::Agent;
use crate::wake::Wake;
use crate::watch::{self, ClusterState, Watches};

/// The condition of readiness that says that the node was looked at lately, and that the API server has what was seen.
const SCAN: &str = "scan";

/// Runs until a signal; a second signal does not wait.
///
/// # Errors
/// If the config is bad, the port is taken, or there is no cluster to talk to.
pub async fn to_the_end(args: Args) -> anyhow::Result<()> {
    tracing::info!(
        version = build::VERSION,
        revision = build::REVISION,
        node = args.node_name,
        "vmberth-exporter starts"
    );
    until_signalled(|shutdown| Box::pin(run(args, shutdown))).await
}

async fn run(args: Args, shutdown: Shutdown) -> anyhow::Result<()> {
    let node = args.node_name.clone().context("--node-name is missing")?;
    let config = ConfigFile::load(args.config.clone()).context("--config refused")?;
    let registry = Registry::new();
    let metrics = Metrics::register(&registry)?;
    metrics.config(true);
    let ready = Ready::default();
    let fresh = Fresh::new(ready.condition(SCAN), args.resync);
    let port = TcpListener::bind(args.admin_listen)
        .await
        .with_context(|| format!("--admin-listen {}", args.admin_listen))?;
    let process = ProcessMetrics::register(&registry, metrics::PREFIX)?;

    let changed = Arc::new(Notify::new());
    let state = Arc::new(ClusterState::new(&node, Arc::clone(&changed)));
    let watches = Watches::new(&state, &ready, &metrics);
    let client = watch::client()
        .await
        .context("no cluster to talk to; --once asks none")?;
    let wake = Wake::new(Arc::clone(&changed), args.resync);
    let agent = Agent::new(&args, client.clone(), config, state, changed, metrics);
    let listed = ready.clone();
    let admin = Admin {
        registry,
        ready,
        process,
    };
    let plain = axum::serve(port, admin::app(admin)).with_graceful_shutdown({
        let shutdown = shutdown.clone();
        async move { shutdown.begun().await }
    });
    tokio::select! {
        served = async { plain.await } => served.context("the plain port could not be served"),
        () = watches.follow(&client) => Ok(()),
        () = fresh.follow() => Ok(()),
        ended = rounds(agent, wake, &fresh, &listed, &shutdown) => ended,
    }
}

/// One round after the other until the shutdown begins. What is being emptied then stops at its next file, and is waited for:
/// the next start goes on.
async fn rounds(
    mut agent: Agent,
    mut wake: Wake,
    fresh: &Fresh,
    ready: &Ready,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let mut again = Some(Duration::ZERO);
    loop {
        wake.watch(agent.watched()).await?;
        tokio::select! {
            _ = wake.next(again) => {}
            () = shutdown.begun() => {
                agent.end().await;
                return Ok(());
            }
        }
        let cluster_is_known = || ready.missing().iter().all(|missing| *missing == SCAN);
        let ended = agent.round(cluster_is_known, shutdown).await?;
        again = ended.again;
        if ended.is_fresh {
            fresh.told();
        }
    }
}

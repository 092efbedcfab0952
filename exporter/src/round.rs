//! One round of the agent, from top to bottom.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use kube::Client;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;
use vmberth_decide::node::assess::assess;
use vmberth_decide::node::cluster::Cluster;
use vmberth_decide::node::device_plugin::Restarts;
use vmberth_decide::node::facts::Facts;
use vmberth_decide::node::local_volumes::ReclaimOrder;
use vmberth_decide::node::{
    Assessment, binder, device_plugin as plugin, local_volumes as volumes, publish,
};
use vmberth_serve::shutdown::Shutdown;

use crate::args::Args;
use crate::config_file::{ConfigFile, Refreshed};
use crate::events::Events;
use crate::local_volumes::{Executor, Outcome, StillFree};
use crate::metrics::Metrics;
use crate::publish::{Published, Publisher};
use crate::watch::ClusterState;
use crate::{bind, device_plugin, look, told, wake};

/// An action on a volume that fails is tried again after so long.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// What it takes to do rounds.
pub struct Agent {
    host_root: PathBuf,
    sysfs_root: Option<PathBuf>,
    client: Client,
    config: ConfigFile,
    state: Arc<ClusterState>,
    changed: Arc<Notify>,
    metrics: Metrics,
    publisher: Publisher,
    events: Events,
    executor: Executor,
    /// Actions on volumes run beside the rounds: removing much data takes long.
    working: Option<JoinHandle<Vec<Outcome>>>,
    /// Not before then: an action failed.
    patient_until: Option<Instant>,
    told: told::Told,
    restarts: Restarts,
    started: Instant,
}

impl Agent {
    /// An agent that did nothing yet. `changed` is told when actions are done.
    #[must_use]
    pub fn new(
        args: &Args,
        client: Client,
        config: ConfigFile,
        state: Arc<ClusterState>,
        changed: Arc<Notify>,
        metrics: Metrics,
    ) -> Self {
        metrics.config_loaded(since_1970());
        let executor = Executor {
            client: client.clone(),
            node: state.node_name().to_owned(),
            host_root: args.host_root.clone(),
            volumes_root: args.volumes_root.clone(),
            still_free: still_free(args.host_root.clone()),
        };
        Self {
            host_root: args.host_root.clone(),
            sysfs_root: args.sysfs_root.clone(),
            publisher: Publisher::new(client.clone(), state.node_name(), metrics.clone()),
            events: Events::new(client.clone(), metrics.clone()),
            client,
            config,
            state,
            changed,
            metrics,
            executor,
            working: None,
            patient_until: None,
            told: told::Told::default(),
            restarts: Restarts::default(),
            started: Instant::now(),
        }
    }

    /// Directories in which a change is a reason for a round.
    #[must_use]
    pub fn watched(&self) -> BTreeSet<PathBuf> {
        let mut directories = wake::directories(&self.host_root, self.config.config());
        directories.extend(self.config.directory());
        directories
    }

    /// Looks, judges, tells, acts. Nothing is told or done before the cluster's view is complete. Returns when the next
    /// round is due, if that is before the next change.
    ///
    /// # Errors
    /// If a thread ended without a word.
    pub async fn round(
        &mut self,
        cluster_is_known: bool,
        shutdown: &Shutdown,
    ) -> Result<Option<Duration>, JoinError> {
        self.metrics.round();
        self.refresh_config();
        let facts = self.look().await?;
        let cluster = self.state.snapshot();
        let assessment = assess(&facts, &cluster, self.config.config());
        self.metrics.set(&assessment);
        if !cluster_is_known {
            return Ok(None);
        }
        let published = self.publish(&assessment, &cluster).await;
        let bound = self.bind(&facts).await?;
        let kept = self.keep_volumes(&assessment, &cluster, shutdown).await?;
        let restarted = self.restart_plugin(&assessment, &cluster).await;
        Ok([published, bound, kept, restarted]
            .into_iter()
            .flatten()
            .min())
    }

    /// Waits for what was begun.
    pub async fn end(mut self) {
        if let Some(working) = self.working.take() {
            let _ended = working.await;
        }
    }

    fn refresh_config(&mut self) {
        let refreshed = self.config.refresh();
        self.metrics.config(refreshed != Refreshed::Refused);
        if refreshed == Refreshed::Changed {
            self.metrics.config_loaded(since_1970());
        }
    }

    async fn look(&self) -> Result<Facts, JoinError> {
        let begun = Instant::now();
        let facts = look::at(self.host_root.clone(), self.config.config().clone()).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.metrics
            .scanned(begun.elapsed(), now.unwrap_or_default());
        Ok(facts)
    }

    async fn publish(&mut self, assessment: &Assessment, cluster: &Cluster) -> Option<Duration> {
        let node = cluster.node.as_ref()?;
        let now = Timestamp::now();
        // Conditions have seconds, as those of Kubernetes.
        let text = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let status = |before: Option<&_>| publish::status(assessment, before, &text);
        let published = self.publisher.round(node, status).await;
        let told = self.events.round(node, &assessment.advice, now).await;
        let again = match published {
            Published::Later(wait) => Some(wait),
            Published::Unchanged | Published::Written => None,
        };
        [again, told].into_iter().flatten().min()
    }

    async fn bind(&mut self, facts: &Facts) -> Result<Option<Duration>, JoinError> {
        let Some(root) = self.sysfs_root.clone() else {
            return Ok(None);
        };
        let steps = binder::plan(facts, self.config.config()).steps;
        bind::carry_out(root, steps, &self.metrics, &mut self.told).await
    }

    /// The next batch of actions begins when the last one has ended, and some time later if an action failed.
    async fn keep_volumes(
        &mut self,
        assessment: &Assessment,
        cluster: &Cluster,
        shutdown: &Shutdown,
    ) -> Result<Option<Duration>, JoinError> {
        if let Some(working) = self.working.take_if(|working| working.is_finished()) {
            let outcomes = working.await?;
            let failed = outcomes.iter().any(|outcome| outcome.result.is_err());
            self.patient_until = failed.then(|| Instant::now() + TRY_AGAIN);
            for outcome in outcomes {
                self.told.volume(&outcome, &self.metrics);
            }
        }
        let actions = volumes::plan(assessment, cluster, self.config.config());
        if self.working.is_some() || actions.is_empty() {
            return Ok(None);
        }
        let patience = self
            .patient_until
            .map(|until| until.saturating_duration_since(Instant::now()));
        if let Some(patience) = patience.filter(|patience| !patience.is_zero()) {
            return Ok(Some(patience));
        }
        let (executor, shutdown) = (self.executor.clone(), shutdown.clone());
        let changed = Arc::clone(&self.changed);
        self.working = Some(tokio::spawn(async move {
            let outcomes = executor.carry_out(actions, &shutdown).await;
            changed.notify_one();
            outcomes
        }));
        Ok(None)
    }

    async fn restart_plugin(
        &mut self,
        assessment: &Assessment,
        cluster: &Cluster,
    ) -> Option<Duration> {
        let now = self.started.elapsed();
        let config = self.config.config();
        let decision = plugin::decide(assessment, cluster, config, &mut self.restarts, now);
        device_plugin::execute(&decision, &self.client, &self.metrics).await
    }
}

fn since_1970() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
}

/// The last look at the mounts of the node, directly before a directory is emptied.
fn still_free(root: PathBuf) -> StillFree {
    Arc::new(move |order: &ReclaimOrder| {
        let pods = crate::scan::pods_with(&root, &order.path, order.directory.device)?;
        match pods.first() {
            None => Ok(()),
            Some(pod) => Err(format!("{} is mounted for pod {pod}", order.path)),
        }
    })
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent")
            .field("executor", &self.executor)
            .finish_non_exhaustive()
    }
}

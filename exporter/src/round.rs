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
use vmberth_decide::node::facts::{Area, Device, Facts};
use vmberth_decide::node::local_volumes::Action;
use vmberth_decide::node::{
    Assessment, binder, device_plugin as plugin, local_volumes as volumes, publish,
};
use vmberth_serve::shutdown::Shutdown;

use crate::args::Args;
use crate::config_file::{ConfigFile, Refreshed};
use crate::events::Events;
use crate::local_volumes::{Executor, LOOK_AGAIN, Outcome, Retries, StillFree, batch};
use crate::metrics::Metrics;
use crate::publish::{Published, Publisher};
use crate::roots::Roots;
use crate::watch::ClusterState;
use crate::{bind, device_plugin, look, told, wake};

/// What became of a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// The node was looked at, and the API server has what was seen.
    pub is_fresh: bool,
    /// When the next round is due, if that is before the next change.
    pub again: Option<Duration>,
}

/// What it takes to do rounds.
pub struct Agent {
    roots: Roots,
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
    /// What failed waits longer each time.
    retries: Retries,
    told: told::Told,
    binder: bind::Binder,
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
            look_again: LOOK_AGAIN,
        };
        Self {
            roots: args.roots(),
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
            retries: Retries::default(),
            told: told::Told::default(),
            binder: bind::Binder::default(),
            restarts: Restarts::default(),
            started: Instant::now(),
        }
    }

    /// Directories in which a change is a reason for a round.
    #[must_use]
    pub fn watched(&self) -> BTreeSet<PathBuf> {
        let mut directories = wake::directories(&self.roots, self.config.config());
        directories.extend(self.config.directory());
        directories
    }

    /// Looks, judges, tells, acts. Nothing is told or done before the cluster's view is complete, which is asked for after
    /// it was taken.
    ///
    /// # Errors
    /// If a thread ended without a word.
    pub async fn round(
        &mut self,
        cluster_is_known: impl Fn() -> bool,
        shutdown: &Shutdown,
    ) -> Result<Ended, JoinError> {
        self.metrics.round();
        self.refresh_config();
        let facts = self.look().await?;
        self.hear().await?;
        let cluster = self.state.snapshot();
        let mut assessment = assess(&facts, &cluster, self.config.config());
        self.metrics.set(&assessment);
        if !cluster_is_known() {
            return Ok(Ended::default());
        }
        let actions = volumes::plan(&assessment, &cluster, self.config.config());
        self.retries.keep(&actions);
        self.told.keep(&actions);
        self.told.explain(&mut assessment.volumes, &actions);
        let (is_published, published) = self.publish(&assessment, &cluster).await;
        let bound = self.bind(&facts).await?;
        let kept = self.keep_volumes(actions, shutdown);
        let restarted = self.restart_plugin(&assessment, &cluster).await;
        Ok(Ended {
            is_fresh: is_published && root_was_seen(&facts),
            again: [published, bound, kept, restarted]
                .into_iter()
                .flatten()
                .min(),
        })
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
        let facts = look::at(self.roots.clone(), self.config.config().clone()).await?;
        self.metrics.scanned(begun.elapsed(), since_1970());
        Ok(facts)
    }

    /// True if the API server has it, and when the next round is due.
    async fn publish(
        &mut self,
        assessment: &Assessment,
        cluster: &Cluster,
    ) -> (bool, Option<Duration>) {
        let Some(node) = cluster.node.as_ref() else {
            return (false, None);
        };
        let now = Timestamp::now();
        // Conditions have seconds, as those of Kubernetes.
        let text = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let status = |before: Option<&_>| publish::status(assessment, before, &text);
        let published = self.publisher.round(node, status).await;
        let told = self.events.round(node, &assessment.advice, now).await;
        let again = match published {
            Published::Later(wait) | Published::Near(wait) => Some(wait),
            Published::Unchanged | Published::Written => None,
        };
        let is_there = !matches!(published, Published::Later(_));
        (is_there, [again, told].into_iter().flatten().min())
    }

    async fn bind(&mut self, facts: &Facts) -> Result<Option<Duration>, JoinError> {
        let Some(root) = self.sysfs_root.clone() else {
            return Ok(None);
        };
        let config = self.config.config();
        let plan = binder::plan(facts, config);
        let again = async {
            let facts = look::at(self.roots.clone(), config.clone()).await?;
            Ok(binder::plan(&facts, config))
        };
        self.binder.round(&root, plan, again, &self.metrics).await
    }

    /// What became of the last batch of actions, if it has ended.
    async fn hear(&mut self) -> Result<(), JoinError> {
        if let Some(working) = self.working.take_if(|working| working.is_finished()) {
            let now = Instant::now();
            for outcome in working.await? {
                self.retries.ended(&outcome, now);
                self.told.volume(&outcome, &self.metrics);
            }
        }
        Ok(())
    }

    /// The next batch of actions begins when the last one has ended, which wakes a round.
    fn keep_volumes(&mut self, actions: Vec<Action>, shutdown: &Shutdown) -> Option<Duration> {
        if self.working.is_some() {
            return None;
        }
        let (due, wait) = batch(actions, &self.retries, Instant::now());
        if due.is_empty() {
            return wait;
        }
        let (executor, shutdown) = (self.executor.clone(), shutdown.clone());
        let changed = Arc::clone(&self.changed);
        self.working = Some(tokio::spawn(async move {
            let outcomes = executor.carry_out(due, &shutdown).await;
            changed.notify_one();
            outcomes
        }));
        None
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

/// Without the host's root nothing was seen, and what is told of the node then is not fresh.
fn root_was_seen(facts: &Facts) -> bool {
    let is_root = |area: Area, path: &str| area == Area::Volumes && path == "/";
    !(facts.problems.iter()).any(|problem| is_root(problem.area, &problem.path))
}

/// The last look at the mounts of the node, directly before a directory is offered or emptied.
fn still_free(root: PathBuf) -> StillFree {
    Arc::new(move |path: &str, device: Device| {
        let pods = crate::scan::pods_with(&root, path, device)?;
        match pods.first() {
            None => Ok(()),
            Some(pod) => Err(format!("{path} is mounted for pod {pod}")),
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

#[cfg(test)]
mod tests;

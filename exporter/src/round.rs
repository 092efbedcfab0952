//! One round of the agent, from top to bottom.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use kube::Client;
use tokio::sync::Notify;
use tokio::task::JoinError;
use tokio::time::Instant;
use vmberth_decide::node::assess::assess;
use vmberth_decide::node::binder::Plan;
use vmberth_decide::node::cluster::Cluster;
use vmberth_decide::node::device_plugin::Decision;
use vmberth_decide::node::facts::{Device, Facts};
use vmberth_decide::node::local_volumes::Action;
use vmberth_decide::node::{Assessment, binder, local_volumes as volumes, publish};
use vmberth_serve::shutdown::Shutdown;

use crate::args::Args;
use crate::config_file::{ConfigFile, Refreshed};
use crate::device_plugin::Restarter;
use crate::events::Events;
use crate::local_volumes::{Executor, LOOK_AGAIN, Retries, StillFree, Work};
use crate::look::{Looker, root_was_seen};
use crate::metrics::Metrics;
use crate::publish::{Published, Publisher};
use crate::roots::Roots;
use crate::watch::ClusterState;
use crate::{bind, told, wake};

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
    looker: Looker,
    sysfs_root: Option<PathBuf>,
    config: ConfigFile,
    state: Arc<ClusterState>,
    changed: Arc<Notify>,
    metrics: Metrics,
    publisher: Publisher,
    events: Events,
    executor: Executor,
    /// Actions on volumes run beside the rounds.
    work: Work,
    /// What failed waits longer each time.
    retries: Retries,
    told: told::Told,
    binder: bind::Binder,
    restarter: Restarter,
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
            looker: Looker::new(args.roots(), Arc::clone(&changed)),
            sysfs_root: args.sysfs_root.clone(),
            publisher: Publisher::new(client.clone(), state.node_name(), metrics.clone()),
            events: Events::new(client.clone(), metrics.clone()),
            restarter: Restarter::new(client, metrics.clone()),
            config,
            state,
            changed,
            metrics,
            executor,
            work: Work::default(),
            retries: Retries::default(),
            told: told::Told::default(),
            binder: bind::Binder::default(),
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
        let bindings = binder::plan(&facts, self.config.config());
        let standing = self.binder.standing(self.sysfs_root.as_deref(), &bindings);
        binder::tell(&mut assessment, &bindings, &standing);
        self.metrics.set(&assessment);
        if !cluster_is_known() {
            return Ok(Ended::default());
        }
        let actions = volumes::plan(&assessment, &cluster, self.config.config());
        self.retries.keep(&actions);
        self.told.keep(&actions);
        self.told.explain(&mut assessment.volumes, &actions);
        let is_seen = root_was_seen(&facts);
        let restart = if is_seen {
            (self.restarter).decide(&mut assessment, &cluster, self.config.config())
        } else {
            Decision::Nothing
        };
        let (is_published, published) = self.publish(&assessment, &cluster).await;
        if !is_seen {
            // What the node was like before is no ground to do anything.
            return Ok(Ended {
                is_fresh: false,
                again: published,
            });
        }
        let restarted = self.restarter.execute(&restart).await;
        let bound = self.bind(bindings).await?;
        let kept = self.keep_volumes(actions, shutdown);
        Ok(Ended {
            is_fresh: is_published,
            again: [published, bound, kept, restarted]
                .into_iter()
                .flatten()
                .min(),
        })
    }

    /// Waits for what was begun.
    pub async fn end(self) {
        self.work.end().await;
    }

    fn refresh_config(&mut self) {
        let refreshed = self.config.refresh();
        self.metrics.config(refreshed != Refreshed::Refused);
        if refreshed == Refreshed::Changed {
            self.metrics.config_loaded(since_1970());
        }
    }

    async fn look(&mut self) -> Result<Facts, JoinError> {
        let begun = Instant::now();
        let facts = self.looker.look(self.config.config()).await?;
        if root_was_seen(&facts) {
            self.metrics.scanned(begun.elapsed(), since_1970());
        }
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

    async fn bind(&mut self, plan: Plan) -> Result<Option<Duration>, JoinError> {
        let Some(root) = self.sysfs_root.clone() else {
            return Ok(None);
        };
        let config = self.config.config();
        let again = async {
            let facts = self.looker.look(config).await?;
            Ok(binder::plan(&facts, config))
        };
        self.binder.round(&root, plan, again, &self.metrics).await
    }

    /// What became of actions that have ended.
    async fn hear(&mut self) -> Result<(), JoinError> {
        let outcomes = self.work.ended().await?;
        let now = Instant::now();
        for outcome in outcomes {
            self.retries.ended(&outcome, now);
            self.told.volume(&outcome, &self.metrics);
        }
        Ok(())
    }

    /// What finds no task free begins when the last batch has ended, which wakes a round.
    fn keep_volumes(&mut self, actions: Vec<Action>, shutdown: &Shutdown) -> Option<Duration> {
        let start = |actions: Vec<Action>| {
            let (executor, shutdown) = (self.executor.clone(), shutdown.clone());
            let changed = Arc::clone(&self.changed);
            tokio::spawn(async move {
                let outcomes = executor.carry_out(actions, &shutdown).await;
                changed.notify_one();
                outcomes
            })
        };
        self.work.begin(actions, &self.retries, start)
    }
}

fn since_1970() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
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

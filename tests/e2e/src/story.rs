//! A story: a test with a namespace of its own, and a report of the cluster's state if it fails.

use std::fs::OpenOptions;
use std::future::Future;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use futures::FutureExt;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::RwLock;

use crate::cluster::Cluster;
use crate::wait::{self, Look};
use crate::{kind, seen, vmberth, volumes};

/// Longest time of one story; each wait in it has its own, shorter one.
const LIMIT: Duration = Duration::from_secs(1200);

/// A story that nobody else may be told beside takes it alone.
static STAGE: RwLock<()> = RwLock::const_new(());

/// How a story is told.
#[derive(Debug)]
pub struct Story {
    name: &'static str,
    vmberth: Vmberth,
    alone: bool,
    limit: Duration,
}

/// What must be true of vmberth when a story begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vmberth {
    Installed,
    Absent,
    Any,
}

/// Where a story plays.
#[derive(Debug)]
pub struct Scene {
    /// The cluster.
    pub cluster: Cluster,
    /// The story's own namespace.
    pub namespace: String,
    name: &'static str,
    started: Instant,
}

impl Story {
    /// A story about whatever there is of vmberth.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            vmberth: Vmberth::Any,
            alone: false,
            limit: LIMIT,
        }
    }

    /// It may take so long, in place of twenty minutes.
    #[must_use]
    pub fn at_most(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// vmberth is installed from this checkout's chart when it begins.
    #[must_use]
    pub fn with_vmberth(self) -> Self {
        Self {
            vmberth: Vmberth::Installed,
            ..self
        }
    }

    /// vmberth is not installed.
    #[must_use]
    pub fn without_vmberth(self) -> Self {
        Self {
            vmberth: Vmberth::Absent,
            ..self
        }
    }

    /// No other story of this binary runs meanwhile.
    #[must_use]
    pub fn alone(self) -> Self {
        Self {
            alone: true,
            ..self
        }
    }

    /// Tells it. The namespace is deleted afterwards, also after a failure or a panic.
    ///
    /// # Errors
    /// The story's own, or what could not be cleaned up.
    pub fn run(self, body: impl AsyncFnOnce(&Scene) -> Result<()>) -> Result<()> {
        prepare(self.vmberth)?;
        let runtime = runtime()?;
        runtime.block_on(async {
            let (_alone, _beside) = if self.alone {
                (Some(STAGE.write().await), None)
            } else {
                (None, Some(STAGE.read().await))
            };
            let scene = Scene::open(self.name).await?;
            let result = bounded(self.limit, body(&scene)).await;
            if let Err(error) = &result {
                scene.report(error).await;
            }
            let told = scene.started.elapsed();
            let closed = scene.close().await;
            note(self.name, result.is_ok(), told, scene.started.elapsed());
            result.and(closed)
        })
    }
}

/// A failure of the story itself, a panic in it, or too much time.
async fn bounded(limit: Duration, story: impl Future<Output = Result<()>>) -> Result<()> {
    let story = AssertUnwindSafe(story).catch_unwind();
    match tokio::time::timeout(limit, story).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            Err(anyhow!("panicked: {}", text.unwrap_or_default()))
        }
        Err(_) => Err(anyhow!("the story took more than {} s", limit.as_secs())),
    }
}

fn runtime() -> Result<Runtime> {
    // One thread, the test's own.
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context("runtime")
}

/// Once in each binary: all of its stories begin with the same.
fn prepare(wanted: Vmberth) -> Result<()> {
    static PREPARED: OnceLock<Mutex<Option<Vmberth>>> = OnceLock::new();
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    });
    if wanted == Vmberth::Any {
        return Ok(());
    }
    let prepared = PREPARED.get_or_init(Mutex::default);
    let mut state = prepared
        .lock()
        .map_err(|_| anyhow!("an earlier story did not get vmberth"))?;
    if *state == Some(wanted) {
        return Ok(());
    }
    runtime()?.block_on(async {
        let cluster = Cluster::connect().await?;
        match wanted {
            Vmberth::Installed => vmberth::install(&cluster).await,
            Vmberth::Absent => vmberth::uninstall().await,
            Vmberth::Any => Ok(()),
        }
    })?;
    *state = Some(wanted);
    Ok(())
}

impl Scene {
    async fn open(name: &'static str) -> Result<Self> {
        let cluster = Cluster::connect().await?;
        let label = name.replace(' ', "-");
        let namespace = json!({"metadata": {"generateName": "e2e-", "labels": {"e2e": label}}});
        let namespace = cluster.create(kind::NAMESPACE, "", &namespace).await?;
        let namespace = seen::name(&namespace).to_owned();
        let scene = Self {
            cluster,
            namespace,
            name,
            started: Instant::now(),
        };
        scene.say(&format!("in namespace {}", scene.namespace));
        Ok(scene)
    }

    /// Tells what happens, with the time; not captured, so that a long run is seen to move.
    pub fn say(&self, words: &str) {
        let seconds = self.started.elapsed().as_secs_f32();
        drop(writeln!(
            std::io::stderr(),
            "  [{:<20} {seconds:5.1} s] {words}",
            self.name
        ));
    }

    async fn report(&self, error: &anyhow::Error) {
        self.say(&format!("FAILED: {error:#}"));
        let report = match seen::namespace(&self.cluster, &self.namespace).await {
            Ok(report) => report,
            Err(e) => format!("the namespace can't be read: {e:#}"),
        };
        for line in report.lines() {
            drop(writeln!(std::io::stderr(), "  [{:<20}] {line}", self.name));
        }
    }

    /// Machines are ended at once, the namespace is deleted, volumes are given back.
    async fn close(&self) -> Result<()> {
        let Self {
            cluster, namespace, ..
        } = self;
        for kind in [kind::VM, kind::VMI] {
            for machine in cluster.list(kind, namespace, "").await.unwrap_or_default() {
                cluster
                    .delete_at_once(kind, namespace, seen::name(&machine))
                    .await?;
            }
        }
        let pods = cluster.list(kind::POD, namespace, "").await?;
        let claims = cluster.list(kind::CLAIM, namespace, "").await?;
        cluster.delete(kind::NAMESPACE, "", namespace).await?;
        if pods.is_empty() && claims.is_empty() {
            // Nobody needs to wait for it.
            return Ok(());
        }
        let what = format!("namespace {namespace} to go");
        wait::until(&what, Duration::from_secs(150), async || {
            let Some(left) = cluster.find(kind::NAMESPACE, "", namespace).await? else {
                return Ok(Look::Found(()));
            };
            let pods = cluster.list(kind::POD, namespace, "").await?;
            let words = seen::lines(&pods);
            Ok(Look::NotYet(format!(
                "{} with pods {words}",
                left["status"]["conditions"]
            )))
        })
        .await?;
        volumes::give_back(cluster, namespace).await
    }
}

/// A line for run.sh's table.
fn note(name: &str, well: bool, told: Duration, all: Duration) {
    let Some(file) = std::env::var_os("E2E_TIMES").map(PathBuf::from) else {
        return;
    };
    let Ok(mut file) = OpenOptions::new().create(true).append(true).open(file) else {
        return;
    };
    let well = if well { "ok" } else { "FAILED" };
    let (told, all) = (told.as_secs(), all.as_secs());
    drop(writeln!(
        file,
        "{all:6} s  {well:<6}  {name} ({told} s without cleaning up)"
    ));
}

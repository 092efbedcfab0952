//! What goes wrong meanwhile: processes are killed as the kernel kills them, agents say nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use vmberth_e2e::seen::{self, name, text};
use vmberth_e2e::tool::Tool;
use vmberth_e2e::{Scene, kind, node, vmberth};

use crate::SCHEDULER;
use crate::agents::Agents;

/// Between two deaths of an extender; the replicas die in turn.
const EXTENDER_DIES: Duration = Duration::from_secs(5);

/// When the scheduler that places is killed.
const LEADER_DIES: [Duration; 2] = [Duration::from_secs(12), Duration::from_secs(45)];

/// kube-scheduler, as the plane's image has it.
const KUBE_SCHEDULER: &str = "control-plane";

/// When the API server is killed.
const API_SERVER_DIES: Duration = Duration::from_secs(30);

/// So many agents are silent, from the beginning until then.
const SILENT: usize = 20;
const SPEAK_AGAIN: Duration = Duration::from_secs(120);

/// What was done, by name.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    done: RefCell<BTreeMap<&'static str, u32>>,
}

impl Faults {
    /// How often each thing was done.
    pub(crate) fn done(&self) -> BTreeMap<&'static str, u32> {
        self.done.borrow().clone()
    }

    fn count(&self, what: &'static str) {
        let mut done = self.done.borrow_mut();
        let times = done.entry(what).or_default();
        *times = times.saturating_add(1);
    }

    /// Goes on for ever.
    pub(crate) async fn work(
        &self,
        scene: &Scene,
        agents: &Agents<'_>,
        nodes: &[String],
    ) -> Infallible {
        let silent: Vec<String> = nodes.iter().take(SILENT).cloned().collect();
        for _ in &silent {
            self.count("agents silent for 2 min");
        }
        agents.silence(silent);
        futures::join!(
            self.extenders(scene),
            self.leaders(scene),
            self.api_server(scene),
            async {
                sleep(SPEAK_AGAIN).await;
                agents.silence([]);
            },
        );
        std::future::pending().await
    }

    async fn extenders(&self, scene: &Scene) {
        let mut turn = 0_usize;
        loop {
            sleep(EXTENDER_DIES).await;
            let killed = async {
                let mut pods = schedulers(scene).await?;
                pods.sort_by_key(|pod| name(pod).to_owned());
                let pod = pods.get(turn % pods.len().max(1)).context("no pod")?;
                kill(pod, "vmberth-extender").await
            };
            match killed.await {
                Ok(()) => self.count("extender killed"),
                Err(_) => self.count("extender was dead already"),
            }
            turn = turn.wrapping_add(1);
        }
    }

    async fn leaders(&self, scene: &Scene) {
        let since = Instant::now();
        for at in LEADER_DIES {
            tokio::time::sleep_until(since + at).await;
            let killed = async {
                let lease = scene
                    .cluster
                    .get(kind::LEASE, vmberth::NAME, SCHEDULER)
                    .await?;
                let holder = text(&lease["spec"]["holderIdentity"]).to_owned();
                let pods = schedulers(scene).await?;
                let leader = pods.iter().find(|pod| holder.starts_with(name(pod)));
                let leader = leader.with_context(|| format!("no pod of {holder:?}"))?;
                kill(leader, KUBE_SCHEDULER).await
            };
            match killed.await {
                Ok(()) => self.count("leading scheduler killed"),
                Err(error) => scene.say(&format!("leader not killed: {error:#}")),
            }
        }
    }

    async fn api_server(&self, scene: &Scene) {
        sleep(API_SERVER_DIES).await;
        match node::restart("control-plane/kube-apiserver").await {
            Ok(()) => self.count("API server killed"),
            Err(error) => scene.say(&format!("API server not killed: {error:#}")),
        }
    }
}

async fn schedulers(scene: &Scene) -> Result<Vec<Value>> {
    let labels = "app.kubernetes.io/component=scheduler";
    scene.cluster.list(kind::POD, vmberth::NAME, labels).await
}

/// Kills a program of a pod, whatever it is doing.
async fn kill(pod: &Value, program: &str) -> Result<()> {
    let found = node::processes(text(&pod["metadata"]["uid"]), program)?;
    let process = found
        .first()
        .with_context(|| format!("{} does not run {program}", seen::line(pod)))?;
    let pid = process.pid.to_string();
    Tool::new("kill", ["-KILL", &pid]).output().await.map(drop)
}

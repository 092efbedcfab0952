//! Two Deployments of the same kube-scheduler, the chart's with the extender beside it and one without, of which one runs at a
//! time: the same image, profile, name and configuration but for `extenders`. Who has its turn starts when it is told to, with
//! all of the cluster read: until then the lease is held by nobody who places.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use vmberth_e2e::cluster::Cluster;
use vmberth_e2e::seen::{self, items, text};
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{kind, vmberth};

/// vmberth's scheduler: its name, its Deployment, its configuration, its lease.
pub(crate) const SCHEDULER: &str = "vmberth-scheduler";
/// The one without the extender.
const ALONE: &str = "bench-scheduler-alone";
/// Tells the pods of one component from those of another.
const COMPONENT: &str = "app.kubernetes.io/component";

/// Beside the stories' values: vmberth's own pods stay on the real nodes, and the scheduler may write as fast as it can. With
/// its 200 writes a second both sides would wait for the same clock.
const VALUES: [&str; 14] = [
    "--set-json",
    r#"policy.tolerations=[{"key": "kwok.x-k8s.io/node", "operator": "Exists"}]"#,
    "--set",
    "tolerateOwnPolicy=false",
    "--set-json",
    r#"extraTolerations=[{"key": "cmk", "operator": "Exists"}]"#,
    "--set-json",
    r#"exporter={"enabled": true, "tolerations": [], "volumes": []}"#,
    "--set-string",
    "scheduler.mode=own",
    "--set",
    "scheduler.replicas=1",
    "--set-json",
    r#"scheduler.clientConnection={"qps": 5000, "burst": 10000}"#,
];

/// Who places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// kube-scheduler with vmberth's extender.
    Ours,
    /// The same without it.
    Alone,
}

impl Side {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Ours, Self::Alone];

    fn deployment(self) -> &'static str {
        match self {
            Self::Ours => SCHEDULER,
            Self::Alone => ALONE,
        }
    }

    fn component(self) -> &'static str {
        match self {
            Self::Ours => "scheduler",
            Self::Alone => ALONE,
        }
    }

    /// Labels of its pod.
    pub(crate) fn labels(self) -> String {
        format!("{COMPONENT}={}", self.component())
    }

    /// In a line of what is said.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Ours => "with the extender",
            Self::Alone => "without",
        }
    }
}

/// The two, neither of which runs.
#[derive(Debug)]
pub(crate) struct Turns<'c> {
    cluster: &'c Cluster,
}

impl<'c> Turns<'c> {
    /// Installs the chart, and the second Deployment beside it.
    ///
    /// # Errors
    /// What could not be installed.
    pub(crate) async fn begin(cluster: &'c Cluster) -> Result<Self> {
        vmberth::upgrade(cluster, &VALUES).await?;
        vmberth::refresh(cluster).await?;
        let turns = Self { cluster };
        turns.scale(Side::Ours, 0).await?;
        turns.take_away().await?;
        let ours = cluster
            .get(kind::CONFIG_MAP, vmberth::NAME, SCHEDULER)
            .await?;
        let config = text(&ours["data"]["config.yaml"]);
        let (config, _) = config
            .split_once("\nextenders:")
            .context("the configuration has no extenders")?;
        let config = json!({
            "metadata": {"name": ALONE},
            "data": {"config.yaml": config},
        });
        cluster
            .create(kind::CONFIG_MAP, vmberth::NAME, &config)
            .await?;
        let ours = cluster
            .get(kind::DEPLOYMENT, vmberth::NAME, SCHEDULER)
            .await?;
        cluster
            .create(kind::DEPLOYMENT, vmberth::NAME, &alone(&ours))
            .await?;
        Ok(turns)
    }

    /// One of them is there, has read the cluster, and waits for [`Self::go`].
    ///
    /// # Errors
    /// What it waits for.
    pub(crate) async fn ready(&self, side: Side) -> Result<()> {
        for side in Side::ALL {
            self.scale(side, 0).await?;
        }
        self.hold_lease("nobody").await?;
        self.scale(side, 1).await
    }

    /// It places from now on.
    ///
    /// # Errors
    /// What the API server said.
    pub(crate) async fn go(&self) -> Result<()> {
        self.hold_lease("").await
    }

    /// Nobody places any more; the chart's Deployment is as it was.
    ///
    /// # Errors
    /// What the API server said.
    pub(crate) async fn end(&self) -> Result<()> {
        self.scale(Side::Alone, 0).await?;
        self.take_away().await?;
        self.hold_lease("").await?;
        self.scale(Side::Ours, 1).await
    }

    async fn take_away(&self) -> Result<()> {
        for kind in [kind::DEPLOYMENT, kind::CONFIG_MAP] {
            self.cluster.delete(kind, vmberth::NAME, ALONE).await?;
        }
        wait::until(
            "the second Deployment to go",
            Duration::from_secs(30),
            async || {
                let left = self
                    .cluster
                    .find(kind::DEPLOYMENT, vmberth::NAME, ALONE)
                    .await?;
                Ok(Look::of(left.is_none().then_some(()), || ALONE.to_owned()))
            },
        )
        .await
    }

    /// client-go's election lets a lease run out after the time that stands in it.
    async fn hold_lease(&self, holder: &str) -> Result<()> {
        let lease = json!({"spec": {"holderIdentity": holder, "leaseDurationSeconds": 3600}});
        let held = self
            .cluster
            .merge(kind::LEASE, vmberth::NAME, SCHEDULER, &lease);
        held.await.map(drop)
    }

    async fn scale(&self, side: Side, replicas: usize) -> Result<()> {
        let wanted = json!({"spec": {"replicas": replicas}});
        let deployment = side.deployment();
        let scaled = self
            .cluster
            .merge(kind::DEPLOYMENT, vmberth::NAME, deployment, &wanted);
        match scaled.await {
            Err(error) if replicas == 0 && vmberth_e2e::cluster::is_missing(&error) => {
                return Ok(());
            }
            scaled => scaled.map(drop)?,
        }
        let labels = side.labels();
        let what = format!("{replicas} pods of {deployment}");
        wait::until(&what, Duration::from_secs(90), async || {
            let pods = self.cluster.list(kind::POD, vmberth::NAME, &labels).await?;
            let ready = pods.iter().filter(|pod| seen::is(pod, "Ready")).count();
            let are = ready == replicas && pods.len() == replicas;
            Ok(Look::of(are.then_some(()), || seen::lines(&pods)))
        })
        .await
    }
}

/// The same Deployment without the extender.
fn alone(ours: &Value) -> Value {
    let mut spec = ours["spec"].clone();
    let component = json!(ALONE);
    spec["replicas"] = 0.into();
    spec["selector"]["matchLabels"][COMPONENT] = component.clone();
    spec["template"]["metadata"]["labels"][COMPONENT] = component;
    let pod = &mut spec["template"]["spec"];
    let containers = items(&pod["containers"]).iter();
    let others = containers.filter(|container| name_of(container) != "extender");
    pod["containers"] = others.cloned().collect();
    let volumes = items(&pod["volumes"]).iter();
    pod["volumes"] = volumes
        .cloned()
        .map(|mut volume| {
            if volume["name"] == "config" {
                volume["configMap"]["name"] = ALONE.into();
            }
            volume
        })
        .collect();
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": ALONE},
        "spec": spec,
    })
}

fn name_of(container: &Value) -> &str {
    text(&container["name"])
}

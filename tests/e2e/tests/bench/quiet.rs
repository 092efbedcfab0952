//! KubeVirt's controllers rest meanwhile: the pods of VMs are made here, as many and as fast as is measured.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use vmberth_e2e::cluster::Cluster;
use vmberth_e2e::seen::{self, name};
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, kind};

/// Where they run.
const NAMESPACE: &str = "kubevirt";
/// The operator first, since it would wake the controller.
const RESTING: [&str; 2] = ["virt-operator", "virt-controller"];

/// Lets them rest; how many of each there were.
pub(crate) async fn controllers(cluster: &Cluster) -> Result<Vec<(&'static str, Value)>> {
    let mut replicas = Vec::new();
    for deployment in RESTING {
        let found = cluster.get(kind::DEPLOYMENT, NAMESPACE, deployment).await?;
        let count = found["spec"]["replicas"].clone();
        // An interrupted run left them so.
        let count = if count == 0 { json!(1) } else { count };
        scale(cluster, deployment, &json!(0)).await?;
        replicas.push((deployment, count));
    }
    wait::until(
        "the controllers to end",
        Duration::from_secs(60),
        async || {
            let pods = cluster.list(kind::POD, NAMESPACE, "").await?;
            let left = pods
                .iter()
                .filter(|pod| RESTING.iter().any(|it| name(pod).starts_with(it)));
            let left: Vec<_> = left.cloned().collect();
            Ok(Look::of(left.is_empty().then_some(()), || {
                seen::lines(&left)
            }))
        },
    )
    .await?;
    Ok(replicas)
}

/// Deletes what is left of VMs, and starts the controllers again.
pub(crate) async fn wake(scene: &Scene, replicas: &[(&str, Value)]) -> Result<()> {
    forget_machines(scene).await?;
    for (deployment, count) in replicas {
        scale(&scene.cluster, deployment, count).await?;
    }
    Ok(())
}

/// Deletes all VMs and instances. Their finalizers are for controllers, which rest.
pub(crate) async fn forget_machines(scene: &Scene) -> Result<()> {
    let Scene {
        cluster, namespace, ..
    } = scene;
    for kind in [kind::VM, kind::VMI] {
        for machine in cluster.list(kind, namespace, "").await? {
            let machine = name(&machine);
            cluster.delete_at_once(kind, namespace, machine).await?;
            let freed = json!({"metadata": {"finalizers": null}});
            let freed = cluster.merge(kind, namespace, machine, &freed).await;
            if let Err(error) = freed
                && !vmberth_e2e::cluster::is_missing(&error)
            {
                return Err(error);
            }
        }
    }
    Ok(())
}

async fn scale(cluster: &Cluster, deployment: &str, replicas: &Value) -> Result<()> {
    let wanted = json!({"spec": {"replicas": replicas}});
    let scaled = cluster.merge(kind::DEPLOYMENT, NAMESPACE, deployment, &wanted);
    scaled.await.map(drop)
}

//! Story 7, last part: vmberth goes, and nothing of it stays in the way.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use vmberth_e2e::kind::{self, Kind};
use vmberth_e2e::pod::{launcher_like, tolerates};
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, Story, certs, seen, vmberth, webhook};

/// Everything in vmberth's namespace that it, its chart or helm could have left.
const THERE: [(&str, Kind); 6] = [
    ("Secret", kind::SECRET),
    ("Lease", kind::LEASE),
    ("Pod", kind::POD),
    ("Deployment", kind::DEPLOYMENT),
    ("Service", kind::SERVICE),
    ("Role", kind::ROLE),
];

/// The same for what has no namespace.
const EVERYWHERE: [(&str, Kind); 3] = [
    ("MutatingWebhookConfiguration", kind::WEBHOOKS),
    ("ClusterRole", kind::CLUSTER_ROLE),
    ("ClusterRoleBinding", kind::CLUSTER_ROLE_BINDING),
];

#[test]
fn uninstall_leaves_nothing() -> Result<()> {
    Story::new("uninstall").alone().run(async |scene| {
        vmberth::install(&scene.cluster).await?;
        vmberth::uninstall().await?;
        nothing_is_left(scene).await
    })
}

/// Nobody of vmberth is alive to clean up when helm takes it away.
#[test]
fn uninstall_leaves_nothing_when_its_pods_are_dead_first() -> Result<()> {
    Story::new("uninstall dead").alone().run(async |scene| {
        let cluster = &scene.cluster;
        vmberth::install(cluster).await?;
        for part in [webhook::DEPLOYMENT, certs::DEPLOYMENT] {
            let nobody = json!({"spec": {"replicas": 0}});
            cluster
                .merge(kind::DEPLOYMENT, vmberth::NAME, part, &nobody)
                .await?;
        }
        for pod in cluster.list(kind::POD, vmberth::NAME, "").await? {
            cluster
                .delete_at_once(kind::POD, vmberth::NAME, seen::name(&pod))
                .await?;
        }
        let what = "admission to fail";
        let refused = wait::until(what, Duration::from_secs(30), async || {
            let answer = vmberth::ask(cluster, &launcher_like("refused")).await;
            Ok(Look::of(answer.err(), || {
                "a launcher pod was admitted".to_owned()
            }))
        })
        .await?;
        scene.say(&format!("dead: {refused:#}"));
        vmberth::uninstall().await?;
        nothing_is_left(scene).await
    })
}

async fn nothing_is_left(scene: &Scene) -> Result<()> {
    let cluster = &scene.cluster;
    wait::until(
        "everything of vmberth to be gone",
        Duration::from_secs(60),
        async || {
            let mut left = Vec::new();
            for (title, kind) in THERE {
                let all = cluster.list(kind, vmberth::NAME, "").await?;
                left.extend(all.iter().map(|one| format!("{title} {}", seen::name(one))));
            }
            for (title, kind) in EVERYWHERE {
                let all = cluster.list(kind, "", "").await?;
                let ours = all
                    .iter()
                    .filter(|one| seen::name(one).contains(vmberth::NAME));
                left.extend(ours.map(|one| format!("{title} {}", seen::name(one))));
            }
            Ok(Look::of(left.is_empty().then_some(()), || left.join(", ")))
        },
    )
    .await?;
    let pod = vmberth::ask(cluster, &launcher_like("plain")).await?;
    ensure!(!tolerates(&pod["spec"]), "somebody still adds tolerations");
    scene.say("nothing is left, and pods are admitted as they are");
    Ok(())
}

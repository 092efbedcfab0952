//! Story 5: while 20 pods a second are admitted, webhook pods are killed and certificates rotated.

use std::time::Duration;

use anyhow::{Result, ensure};
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::webhook::{self, Webhook};
use vmberth_e2e::{Scene, Story, certs, kind, load, seen, vmberth};

/// Not one of the admissions fails, or passes without its toleration.
#[test]
fn no_admission_fails_while_pods_die_and_certificates_change() -> Result<()> {
    Story::new("rotation").alone().run(async |scene| {
        let cluster = &scene.cluster;
        vmberth::install(cluster).await?;
        let tally = load::admitted_during(cluster, async {
            kill_one_after_the_other(scene).await?;
            certs::rotate(cluster, "once").await?;
            scene.say("rotated once: every pod serves a new certificate");
            kill_all_at_once(scene).await?;
            certs::rotate(cluster, "twice").await?;
            scene.say("rotated twice");
            Ok(())
        })
        .await?;
        ensure!(
            tally.admitted > 200,
            "only {} admissions: no load",
            tally.admitted
        );
        scene.say(&format!("{} admissions, none failed", tally.admitted));
        Ok(())
    })
}

async fn kill_one_after_the_other(scene: &Scene) -> Result<()> {
    for pod in Webhook::wait(&scene.cluster).await?.pods {
        scene
            .cluster
            .delete(kind::POD, vmberth::NAME, seen::name(&pod))
            .await?;
        wait_gone(scene, &[pod]).await?;
        scene.say("a webhook pod was killed, and replaced");
    }
    Ok(())
}

/// Worse than any upgrade or drain does it: a moment with nothing but pods that are ending.
async fn kill_all_at_once(scene: &Scene) -> Result<()> {
    let pods = Webhook::wait(&scene.cluster).await?.pods;
    for pod in &pods {
        scene
            .cluster
            .delete(kind::POD, vmberth::NAME, seen::name(pod))
            .await?;
    }
    wait_gone(scene, &pods).await?;
    scene.say("all webhook pods were killed at once, and replaced");
    Ok(())
}

async fn wait_gone(scene: &Scene, pods: &[serde_json::Value]) -> Result<()> {
    wait::until(
        "killed pods to be gone",
        Duration::from_secs(60),
        async || {
            let now = scene
                .cluster
                .list(kind::POD, vmberth::NAME, webhook::PODS)
                .await?;
            let left = now
                .iter()
                .any(|one| pods.iter().any(|old| seen::name(old) == seen::name(one)));
            Ok(Look::of((!left).then_some(()), || seen::lines(&now)))
        },
    )
    .await?;
    Webhook::wait(&scene.cluster).await.map(drop)
}

//! The chart is accepted, and an upgrade takes effect.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::pod::{TAINT, launcher_like, toleration_count};
use vmberth_e2e::tool::Tool;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, Story, load, vmberth};

/// A taint that the default policy does not know.
const OTHER: &str = "example.org/other";

#[test]
fn helm_and_the_api_server_accept_the_chart() -> Result<()> {
    Story::new("chart").run(async |scene| {
        vmberth::install(&scene.cluster).await?;
        let chart = vmberth::chart().display().to_string();
        vmberth::helm(["lint", "--strict", &chart]).output().await?;
        let yaml = vmberth::rendered_yaml(&[]).await?;
        let namespace = format!("--namespace={}", vmberth::NAME);
        let args = ["apply", "--dry-run=server", "-f", "-", &namespace];
        let said = Tool::new("kubectl", args).stdin(yaml).output().await?;
        ensure!(said.contains("admission.vmberth.io"), "{said}");
        scene.say(&format!("{} objects accepted", said.lines().count()));
        Ok(())
    })
}

/// `helm upgrade` with another list, and `helm rollback`: both take effect. vmberth's own pods follow
/// the policy too and are replaced, but no admission fails meanwhile.
#[test]
fn an_upgrade_and_a_rollback_change_the_tolerations() -> Result<()> {
    Story::new("upgrade").run(async |scene| {
        let cluster = &scene.cluster;
        vmberth::install(cluster).await?;
        let list = format!("policy.tolerations={}", two_taints());
        let tally = load::admitted_during(cluster, async {
            vmberth::upgrade(cluster, &["--set-json", &list]).await?;
            wait_others(scene, 1).await?;
            scene.say("upgraded: a launcher pod tolerates the other taint");
            rollback().await?;
            wait_others(scene, 0).await?;
            scene.say("rolled back: it does not any more");
            Ok(())
        })
        .await?;
        scene.say(&format!(
            "{} admissions meanwhile, none failed",
            tally.admitted
        ));
        Ok(())
    })
}

pub(crate) fn two_taints() -> Value {
    json!([{"key": TAINT, "operator": "Exists"}, {"key": OTHER, "operator": "Exists"}])
}

pub(crate) async fn rollback() -> Result<()> {
    vmberth::helm(["rollback", vmberth::NAME, "--wait"])
        .output()
        .await
        .map(drop)
}

async fn others(scene: &Scene) -> Result<usize> {
    let pod: Value = vmberth::ask(&scene.cluster, &launcher_like("question")).await?;
    Ok(toleration_count(&pod["spec"], OTHER))
}

/// Several answers in a row, so that every pod has been asked.
pub(crate) async fn wait_others(scene: &Scene, wanted: usize) -> Result<()> {
    let mut in_a_row = 0;
    let what = format!("launcher pods to have {wanted} tolerations of {OTHER}");
    wait::until(&what, Duration::from_secs(100), async || {
        let found = others(scene).await?;
        in_a_row = if found == wanted { in_a_row + 1 } else { 0 };
        if in_a_row == 0 {
            vmberth::refresh(&scene.cluster).await?;
        }
        Ok(Look::of((in_a_row == 8).then_some(()), || {
            format!("they have {found}")
        }))
    })
    .await
}

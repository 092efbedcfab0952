//! Story 7, first part: the chart is accepted, and a changed policy takes effect.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::pod::{TAINT, launcher_like, toleration_count};
use vmberth_e2e::seen::text;
use vmberth_e2e::tool::Tool;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::webhook::Webhook;
use vmberth_e2e::{Scene, Story, kind, load, vmberth};

/// A taint that the default policy does not know.
const OTHER: &str = "example.org/other";

/// Where the policy is.
const POLICY: &str = "vmberth-policy";

#[test]
fn helm_and_the_api_server_accept_the_chart() -> Result<()> {
    Story::new("chart").with_vmberth().run(async |scene| {
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

/// `helm upgrade` with another list, and `helm rollback`: both take effect, and no admission fails
/// meanwhile.
#[test]
fn an_upgrade_and_a_rollback_change_the_tolerations() -> Result<()> {
    Story::new("upgrade").with_vmberth().run(async |scene| {
        let cluster = &scene.cluster;
        ensure!(
            others(scene).await? == 0,
            "the default policy knows {OTHER}"
        );
        let list =
            json!([{"key": TAINT, "operator": "Exists"}, {"key": OTHER, "operator": "Exists"}]);
        let list = format!("policy.tolerations={list}");
        let tally = load::admitted_during(cluster, async {
            vmberth::upgrade(cluster, &["--set-json", &list]).await?;
            vmberth::refresh(cluster).await?;
            wait_others(scene, 1).await?;
            scene.say("upgraded: a launcher pod tolerates the other taint");
            vmberth::helm(["rollback", vmberth::NAME, "--wait"])
                .output()
                .await?;
            vmberth::refresh(cluster).await?;
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

/// The policy alone is changed, as its file: it takes effect in the same pods.
#[test]
fn a_changed_policy_takes_effect_without_a_restart() -> Result<()> {
    Story::new("policy").with_vmberth().run(async |scene| {
        let cluster = &scene.cluster;
        let webhook = Webhook::wait(cluster).await?;
        let map = cluster.get(kind::CONFIG_MAP, vmberth::NAME, POLICY).await?;
        let policy = text(&map["data"]["policy.yaml"]);
        let mut changed = vmberth::yaml(policy)?;
        if let Some(list) = changed["tolerations"].as_array_mut() {
            list.push(json!({"key": OTHER, "operator": "Exists"}));
        }
        write_policy(scene, &changed.to_string()).await?;
        wait_others(scene, 1).await?;
        write_policy(scene, "no policy at all").await?;
        wait_refused(&webhook).await?;
        ensure!(
            others(scene).await? == 1,
            "a bad file replaced the good one before it"
        );
        write_policy(scene, policy).await?;
        wait_others(scene, 0).await?;
        let now = Webhook::wait(cluster).await?;
        ensure!(
            now.lives() == webhook.lives(),
            "was {:?}, is {:?}",
            webhook.lives(),
            now.lives()
        );
        scene.say("changed, damaged and changed back in the same pods");
        Ok(())
    })
}

async fn write_policy(scene: &Scene, text: &str) -> Result<()> {
    let change = json!({"data": {"policy.yaml": text}});
    scene
        .cluster
        .merge(kind::CONFIG_MAP, vmberth::NAME, POLICY, &change)
        .await?;
    vmberth::refresh(&scene.cluster).await
}

/// Every pod says that its file is not what is in force.
async fn wait_refused(webhook: &Webhook) -> Result<()> {
    wait::until(
        "the webhook to refuse the bad policy",
        Duration::from_secs(100),
        async || {
            let valid = webhook.count("policy_valid", &[]).await?;
            Ok(Look::of((valid == 0.0).then_some(()), || {
                format!("{valid} pods find it good")
            }))
        },
    )
    .await
}

async fn others(scene: &Scene) -> Result<usize> {
    let pod: Value = vmberth::ask(&scene.cluster, &launcher_like("question")).await?;
    Ok(toleration_count(&pod["spec"], OTHER))
}

/// Several answers in a row, so that every pod has been asked.
async fn wait_others(scene: &Scene, wanted: usize) -> Result<()> {
    let mut in_a_row = 0;
    let what = format!("launcher pods to have {wanted} tolerations of {OTHER}");
    wait::until(&what, Duration::from_secs(100), async || {
        let found = others(scene).await?;
        in_a_row = if found == wanted { in_a_row + 1 } else { 0 };
        Ok(Look::of((in_a_row == 8).then_some(()), || {
            format!("they have {found}")
        }))
    })
    .await
}

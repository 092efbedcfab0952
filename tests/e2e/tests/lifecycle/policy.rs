//! The policy of running pods: what is good takes effect, what is bad is told.

use anyhow::{Result, ensure};
use serde_json::json;
use vmberth_e2e::pod::TAINT;
use vmberth_e2e::webhook::Webhook;
use vmberth_e2e::{Story, policy, vmberth};

use crate::chart::{rollback, two_taints, wait_others};

/// Pages of a size that no processor has.
const BAD: &str = "apiVersion: vmberth.io/v1alpha1\nkind: Policy\nhugepages: 3Mi\n";

/// Where vmberth's own pods have tolerations of their own, they reload a changed policy and are not
/// restarted; a file that is no policy changes nothing, and is told by metric and Event.
#[test]
fn a_changed_policy_takes_effect_without_a_restart() -> Result<()> {
    Story::new("policy").run(async |scene| {
        let cluster = &scene.cluster;
        let own = [
            "--set=tolerateOwnPolicy=false",
            "--set-json",
            &own_tolerations(),
        ];
        vmberth::install(cluster).await?;
        vmberth::upgrade(cluster, &own).await?;
        let webhook = Webhook::wait(cluster).await?;

        let list = format!("policy.tolerations={}", two_taints());
        vmberth::upgrade(cluster, &[&own[..], &["--set-json", &list]].concat()).await?;
        wait_others(scene, 1).await?;
        rollback().await?;
        wait_others(scene, 0).await?;
        policy::write(cluster, BAD).await?;
        policy::wait_refused(cluster, &webhook).await?;
        let told = policy::wait_told(cluster, "hugepages").await?;
        scene.say(&format!("Event: {told}"));
        vmberth::ask_tolerant(cluster).await?;

        let now = Webhook::wait(cluster).await?;
        ensure!(
            now.lives() == webhook.lives(),
            "was {:?}, is {:?}",
            webhook.lives(),
            now.lives()
        );
        // helm would not overwrite what somebody else wrote.
        vmberth::uninstall().await?;
        scene.say("changed, rolled back and damaged in the same pods");
        Ok(())
    })
}

fn own_tolerations() -> String {
    format!(
        "extraTolerations={}",
        json!([{"key": TAINT, "operator": "Exists"}])
    )
}

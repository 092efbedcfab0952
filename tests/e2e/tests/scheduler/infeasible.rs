//! A VM that no node could ever hold: told at its creation, and as an Event on it, or refused, as the policy says.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vmberth_e2e::manifest::{self, Boot, with_function};
use vmberth_e2e::networks::NETWORK;
use vmberth_e2e::seen::text;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, kind, vmberth};

use crate::{WITH, cards, story};

const DRY_RUN: [&str; 2] = ["create", "--dry-run=server"];
const LIMIT: Duration = Duration::from_secs(120);

/// Three functions where the best node has two. kube-scheduler alone says "Insufficient" of a pod, minutes later, and nothing of
/// the VM.
#[test]
fn a_vm_that_no_node_could_hold_is_told_of_at_once() -> Result<()> {
    story("scheduler infeasible", async |scene| {
        cards(scene, 2).await?;
        let vm = greedy();
        let words = format!(
            "no node could ever hold this VM: will need 3 VFs intel.com/intel_sriov_vm: 2 of 2 can be used (on {WITH}, the closest)"
        );
        // What the exporter saw has to reach the webhook.
        said(
            scene,
            &vm,
            &words,
            |answer| matches!(answer, Ok(warnings) if warnings.contains(&words)),
        )
        .await?;
        let stored = scene.kubectl(&["create"], &vm).await?;
        scene.say(stored.assert_warned(&[&words])?);
        event(scene, &words).await?;
        scene
            .cluster
            .delete(kind::VM, &scene.namespace, "greedy")
            .await?;

        let fits = with_function(manifest::vm("modest", Boot::Nothing), "vf", NETWORK);
        let stored = scene.kubectl(&DRY_RUN, &fits).await?;
        ensure!(
            stored.assert_warned(&["could ever hold"]).is_err(),
            "{stored:?}"
        );

        under(scene, "deny").await?;
        let refusal = format!("{words} (policy infeasible: deny)");
        said(
            scene,
            &vm,
            "a refusal",
            |answer| matches!(answer, Err(refused) if refused.contains(&refusal)),
        )
        .await?;
        under(scene, "ignore").await?;
        said(
            scene,
            &vm,
            "no word",
            |answer| matches!(answer, Ok(warnings) if !warnings.contains("could ever hold")),
        )
        .await?;
        under(scene, "warn").await
    })
}

fn greedy() -> Value {
    (0..3).fold(manifest::vm("greedy", Boot::Nothing), |vm, number| {
        with_function(vm, &format!("vf{number}"), NETWORK)
    })
}

/// Waits until admission says this of the VM: its warnings, or its refusal.
async fn said(
    scene: &Scene,
    vm: &Value,
    what: &str,
    fits: impl Fn(&Result<String, String>) -> bool,
) -> Result<()> {
    wait::until(&format!("admission to say: {what}"), LIMIT, async || {
        let answer = scene.kubectl(&DRY_RUN, vm).await;
        let answer = answer
            .map(|said| said.warnings.join("\n"))
            .map_err(|error| format!("{error:#}"));
        Ok(Look::of(fits(&answer).then_some(()), || {
            format!("{answer:?}")
        }))
    })
    .await
}

/// Waits for the Event on the very VM.
async fn event(scene: &Scene, words: &str) -> Result<()> {
    let vm = scene
        .cluster
        .get(kind::VM, &scene.namespace, "greedy")
        .await?;
    let event = wait::until("an Event on the VM", LIMIT, async || {
        let events = scene
            .cluster
            .list(kind::EVENT, &scene.namespace, "")
            .await?;
        let fits = |event: &&Value| {
            let about = &event["involvedObject"];
            event["reason"] == "NoNodeCanHoldVM" && about["uid"] == vm["metadata"]["uid"]
        };
        let found: Vec<_> = events.iter().filter(fits).cloned().collect();
        Ok(Look::of((!found.is_empty()).then_some(found), || {
            let reasons = events.iter().map(|event| text(&event["reason"]));
            reasons.collect::<Vec<_>>().join(" ")
        }))
    })
    .await?;
    // Both replicas say it, and one is heard.
    let [event] = event.as_slice() else {
        anyhow::bail!("{} Events: {event:?}", event.len());
    };
    ensure!(event["type"] == "Warning", "{event}");
    ensure!(event["reportingComponent"] == "vmberth-extender", "{event}");
    let message = text(&event["message"]);
    ensure!(message.contains(words), "{message}");
    scene.say(&format!("Event on the VM: {message}"));
    Ok(())
}

/// The policy's `infeasible`, as an operator changes it; all other values stay.
async fn under(scene: &Scene, infeasible: &str) -> Result<()> {
    let chart = vmberth::chart().display().to_string();
    let value = format!("policy.infeasible={infeasible}");
    let args = [
        "upgrade",
        vmberth::NAME,
        &chart,
        "--reuse-values",
        "--wait",
        "--timeout=240s",
        "--set",
        &value,
    ];
    vmberth::helm(args).output().await.context(value.clone())?;
    vmberth::refresh(&scene.cluster).await
}

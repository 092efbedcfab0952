//! Story 4: pods that are not VMs never notice.

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use serde_json::{Value, json};
use vmberth_e2e::cluster::Stored;
use vmberth_e2e::pod::ordinary;
use vmberth_e2e::webhook::Webhook;
use vmberth_e2e::{Story, kind, pod, vmberth};

const PODS: usize = 200;

/// 200 pods of several shapes: the webhook is not called once, and every stored object is, byte for
/// byte, what the same pod becomes in a namespace that the webhook is kept away from by label.
#[test]
fn two_hundred_ordinary_pods_are_not_touched() -> Result<()> {
    Story::new("ordinary pods")
        .with_vmberth()
        .alone()
        .run(async |scene| {
            let webhook = Webhook::find(&scene.cluster).await?;
            let kept_away = scene.namespace_kept_away().await?;
            let before = webhook.count("requests_total", &[]).await?;

            let pairs = futures::stream::iter(0..PODS).map(|number| {
                let pod = shape(number);
                let kept_away = &kept_away;
                async move {
                    let stored = scene
                        .cluster
                        .create(kind::POD, &scene.namespace, &pod)
                        .await?;
                    let cluster = &scene.cluster;
                    let plain = cluster
                        .post(kind::POD, kept_away, &pod, Stored::DryRun)
                        .await?;
                    anyhow::Ok((stored, plain))
                }
            });
            let pairs: Vec<_> = pairs.buffer_unordered(10).collect().await;
            for pair in pairs {
                let (stored, plain) = pair?;
                let (stored, plain) = (content(stored)?, content(plain)?);
                ensure!(
                    stored == plain,
                    "touched:\n{stored}\nand untouched:\n{plain}"
                );
            }

            let after = webhook.count("requests_total", &[]).await?;
            ensure!(
                after == before,
                "the webhook was called {} times",
                after - before
            );
            scene.say(&format!(
                "{PODS} pods, no call, no byte ({after} calls before and after)"
            ));

            // The counter counts: a pod that is meant does reach the webhook.
            vmberth::ask(&scene.cluster, &pod::launcher_like("meant")).await?;
            let one_more = webhook.count("requests_total", &[]).await?;
            ensure!(
                one_more > after,
                "a launcher pod did not reach the webhook either"
            );
            let now = Webhook::find(&scene.cluster).await?;
            ensure!(
                now.lives() == webhook.lives(),
                "a webhook pod was replaced meanwhile"
            );
            Ok(())
        })
}

/// Pods as people have them, and some that look like KubeVirt's and CDI's own servers.
fn shape(number: usize) -> Value {
    let mut pod = ordinary(&format!("ordinary-{number}"));
    let (metadata, spec) = match number % 8 {
        0 => (json!({}), json!({})),
        1 => (
            json!({"labels": {"app": "web", "tier": "front"}}),
            json!({}),
        ),
        2 => (
            json!({}),
            json!({"tolerations": [{"key": "cmk", "operator": "Exists"}]}),
        ),
        3 => (
            json!({"annotations": {"a": "<&> \u{00e9} \"quoted\""}}),
            json!({"tolerations": []}),
        ),
        4 => (
            json!({"labels": {"kubevirt.io": "virt-handler"}}),
            json!({"hostNetwork": false}),
        ),
        5 => (
            json!({"labels": {"app": "containerized-data-importer"}}),
            json!({}),
        ),
        6 => (
            json!({"labels": {"app": "virt-launcher", "vm.kubevirt.io/name": "not-a-vm"}}),
            json!({"nodeSelector": {"kubernetes.io/arch": "amd64"}}),
        ),
        _ => (
            json!({"labels": {"cdi.kubevirt.io": "cdi-uploadproxy", "app": "other"}}),
            json!({"priority": null, "containers": [
                {"name": "main", "image": pod::TOOLBOX, "env": [{"name": "A", "value": ""}]},
                {"name": "other", "image": pod::TOOLBOX, "resources": {"limits": {"cpu": "1"}}},
            ]}),
        ),
    };
    merge(&mut pod["metadata"], metadata);
    merge(&mut pod["spec"], spec);
    pod
}

fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

/// All of an object but what is new in each: who it is, where and when.
fn content(mut pod: Value) -> Result<String> {
    let metadata = pod["metadata"].as_object_mut().context("metadata")?;
    for own in ["uid", "namespace", "creationTimestamp", "resourceVersion"] {
        metadata.remove(own);
    }
    for manager in metadata
        .get_mut("managedFields")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        manager["time"].take();
    }
    Ok(serde_json::to_string(&pod)?)
}

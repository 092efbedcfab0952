//! Every entry of the webhook's configuration is reached by the real API server, as it counts itself.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::cluster::Stored;
use vmberth_e2e::kind::{self, Kind};
use vmberth_e2e::manifest::{self, Boot};
use vmberth_e2e::pod::ordinary;
use vmberth_e2e::seen::{items, text};
use vmberth_e2e::volumes::CLASS;
use vmberth_e2e::{Scene, Story, metrics, vmberth};

/// Calls of webhooks, by the name of the entry.
const CALLS: &str = "apiserver_admission_webhook_request_total";

/// One object for each entry, most of them as a dry run; an entry that nobody here knows fails.
#[test]
fn every_entry_is_reached() -> Result<()> {
    Story::new("entries")
        .with_vmberth()
        .alone()
        .run(async |scene| {
            let before = calls(scene).await?;
            reach_all(scene).await?;
            let after = calls(scene).await?;
            let mut reached = Vec::new();
            for (entry, count) in &after {
                let called = count - before.get(entry).copied().unwrap_or_default();
                ensure!(called > 0.0, "{entry} was not called");
                reached.push(format!("{entry} {called}"));
            }
            scene.say(&reached.join(", "));
            Ok(())
        })
}

/// How often each entry of the configuration was called and answered.
async fn calls(scene: &Scene) -> Result<BTreeMap<String, f64>> {
    let samples = metrics::parse(&scene.cluster.text("/metrics").await?);
    let configuration = vmberth::CONFIGURATION;
    let configuration = scene.cluster.get(kind::WEBHOOKS, "", configuration).await?;
    let entries = items(&configuration["webhooks"]).iter();
    let called = |entry: &Value| {
        let name = text(&entry["name"]);
        let answered = [("name", name), ("code", "200")];
        (name.to_owned(), metrics::sum(&samples, CALLS, &answered))
    };
    Ok(entries.map(called).collect())
}

async fn reach_all(scene: &Scene) -> Result<()> {
    let boot = Boot::Nothing;
    let mut vm = manifest::vm("stored", boot);
    vm["spec"]["runStrategy"] = json!("Halted");
    scene
        .cluster
        .create(kind::VM, &scene.namespace, &vm)
        .await?;
    let update = json!({"spec": {"template": {"metadata": {"labels": {"site": "north"}}}}});
    scene
        .cluster
        .merge(kind::VM, &scene.namespace, "stored", &update)
        .await?;
    let dry: [(Kind, Value); 12] = [
        (kind::VMI, manifest::instance("bare", boot)),
        (kind::REPLICA_SET, manifest::replica_set("set", boot)),
        (kind::POOL, manifest::pool("pool", boot)),
        (kind::POD, pod(&json!({"kubevirt.io": "hotplug-disk"}))),
        (
            kind::POD,
            pod(&json!({"kubevirt.io.virt-export-service": "a"})),
        ),
        (
            kind::POD,
            pod(&json!({"app": CDI, "cdi.kubevirt.io": "importer"})),
        ),
        (
            kind::POD,
            pod(&json!({"cdi.kubevirt.io/dataImportCronPoller": ""})),
        ),
        (
            kind::DAEMON_SET,
            daemon_set(&json!({"vmberth.io/inject": "true"})),
        ),
        (kind::DAEMON_SET, daemon_set(&json!({}))),
        (kind::DATA_VOLUME, data_volume()),
        (
            kind::CLAIM,
            claim(&json!({"cdi.kubevirt.io/applyStorageProfile": "true"})),
        ),
        (kind::CLAIM, claim(&json!({"app": CDI}))),
    ];
    for (kind, object) in &dry {
        // The listed DaemonSet has its place in the policy.
        let namespace = match kind.plural {
            "daemonsets" => "default",
            _ => &scene.namespace,
        };
        scene
            .cluster
            .post(*kind, namespace, object, Stored::DryRun)
            .await?;
    }
    Ok(())
}

/// Label `app` of everything that is CDI's.
const CDI: &str = "containerized-data-importer";

fn pod(labels: &Value) -> Value {
    let mut pod = ordinary("reached");
    pod["metadata"]["labels"] = labels.clone();
    pod
}

fn daemon_set(labels: &Value) -> Value {
    let mut template = ordinary("pod");
    template["spec"]["restartPolicy"] = json!("Always");
    json!({
        "metadata": {"name": "e2e-listed", "labels": labels},
        "spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": template["spec"]},
        },
    })
}

fn data_volume() -> Value {
    json!({
        "apiVersion": "cdi.kubevirt.io/v1beta1",
        "kind": "DataVolume",
        "metadata": {"name": "reached"},
        "spec": {
            "source": {"blank": {}},
            "storage": {"resources": {"requests": {"storage": "64Mi"}}},
        },
    })
}

/// A claim that waits for an upload.
fn claim(labels: &Value) -> Value {
    json!({
        "metadata": {
            "name": "reached",
            "labels": labels,
            "annotations": {"cdi.kubevirt.io/storage.upload.target": ""},
        },
        "spec": {
            "storageClassName": CLASS,
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "64Mi"}},
        },
    })
}

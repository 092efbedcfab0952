//! DaemonSets that serve VMs, such as a device plugin, on tainted nodes.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::pod::{TOOLBOX, assert_tolerates, node_of, tolerates};
use vmberth_e2e::seen;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Story, kind};

/// One that is opted in by its label gets a pod on every real node; one that is not gets none, and
/// simulated nodes stay out of it.
#[test]
fn a_daemon_set_that_opts_in_reaches_tainted_nodes() -> Result<()> {
    Story::new("daemon set").with_vmberth().run(async |scene| {
        let real = scene.cluster.list(kind::NODE, "", "!type").await?.len();
        let plugin = daemon_set("plugin", &json!({"vmberth.io/inject": "true"}));
        let other = daemon_set("other", &json!({}));
        let create = async |set: &Value| {
            scene
                .cluster
                .create(kind::DAEMON_SET, &scene.namespace, set)
                .await
        };
        let stored = create(&plugin).await?;
        assert_tolerates(&stored, &stored["spec"]["template"]["spec"])?;
        let stored = create(&other).await?;
        ensure!(!tolerates(&stored["spec"]["template"]["spec"]), "{stored}");

        let what = "the daemon set to be on every real node";
        wait::until(what, Duration::from_secs(60), async || {
            let set = scene
                .cluster
                .get(kind::DAEMON_SET, &scene.namespace, "plugin")
                .await?;
            let all = set["status"]["numberReady"] == real
                && set["status"]["desiredNumberScheduled"] == real;
            Ok(Look::of(all.then_some(()), || set["status"].to_string()))
        })
        .await?;
        let pods = scene.cluster.list(kind::POD, &scene.namespace, "").await?;
        ensure!(pods.len() == real, "{}", seen::lines(&pods));
        for pod in &pods {
            scene.say(&format!("{} runs on {}", seen::name(pod), node_of(pod)));
        }
        Ok(())
    })
}

fn daemon_set(name: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "automountServiceAccountToken": false,
                    "containers": [{"name": "main", "image": TOOLBOX}],
                },
            },
        },
    })
}

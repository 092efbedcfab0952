//! Servers die while fifty VMs are made at once: nothing is left half done.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use futures::StreamExt;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use vmberth_e2e::manifest::{self, Boot};
use vmberth_e2e::pod::assert_tolerates;
use vmberth_e2e::seen::{name, text};
use vmberth_e2e::simulated::on_simulated_node;
use vmberth_e2e::vm::LAUNCHER;
use vmberth_e2e::webhook::Webhook;
use vmberth_e2e::{Scene, Story, kind, node, vmberth};

const MACHINES: usize = 50;

/// How long one VM may be refused, or not even heard.
const PATIENCE: Duration = Duration::from_secs(90);

/// While they are made a webhook pod is killed, and the API server is killed and started again:
/// whoever makes a VM tries until it is stored, as every controller does. In the end each is there
/// once, with its toleration and record, and runs; so does each of their pods.
#[test]
fn fifty_machines_are_whole_though_servers_die() -> Result<()> {
    Story::new("killed servers").alone().run(async |scene| {
        vmberth::install(&scene.cluster).await?;
        scene.simulated_nodes().await?;
        let webhook = Webhook::wait(&scene.cluster).await?;
        let made = futures::stream::iter(0..MACHINES)
            .map(|number| make(scene, number))
            .buffer_unordered(10);
        let made = made.collect::<Vec<_>>();
        let (made, killed) = futures::join!(made, kill(scene, &webhook));
        killed?;
        let mut refused = BTreeSet::new();
        for words in made {
            refused.extend(words?);
        }
        for words in &refused {
            scene.say(&format!("meanwhile: {words}"));
        }
        ensure!(!refused.is_empty(), "nobody noticed the killed servers");
        Webhook::wait(&scene.cluster).await?;
        assert_whole(scene).await
    })
}

/// Tries until it is stored; returns what was said before.
async fn make(scene: &Scene, number: usize) -> Result<BTreeSet<String>> {
    let vm = manifest::vm(&format!("machine-{number}"), Boot::Nothing);
    let vm = on_simulated_node(vm);
    let start = Instant::now();
    let mut refused = BTreeSet::new();
    loop {
        let made = scene.cluster.create(kind::VM, &scene.namespace, &vm).await;
        let Err(error) = made else {
            return Ok(refused);
        };
        let words = format!("{error:#}");
        // Stored, but the answer was lost.
        if words.contains("already exists") {
            return Ok(refused);
        }
        if start.elapsed() > PATIENCE {
            bail!("{} is not made: {words}", name(&vm));
        }
        refused.insert(words);
        sleep(Duration::from_millis(500)).await;
    }
}

async fn kill(scene: &Scene, webhook: &Webhook) -> Result<()> {
    let Some(victim) = webhook.pods.first() else {
        bail!("no webhook pod");
    };
    scene
        .cluster
        .delete_at_once(kind::POD, vmberth::NAME, name(victim))
        .await?;
    scene.say("a webhook pod was killed");
    node::restart("control-plane/kube-apiserver").await?;
    scene.say("the API server was killed, and started again");
    Ok(())
}

async fn assert_whole(scene: &Scene) -> Result<()> {
    let machines = scene.cluster.list(kind::VM, &scene.namespace, "").await?;
    ensure!(machines.len() == MACHINES, "{} VMs", machines.len());
    for machine in &machines {
        assert_tolerates(machine, &machine["spec"]["template"]["spec"])?;
        let record = text(&machine["metadata"]["annotations"]["vmberth.io/injected"]);
        let once = record.matches("tolerations").count() > 0;
        ensure!(once, "{}: {record:?}", name(machine));
    }
    let instances = scene.wait_instances("", MACHINES).await?;
    let uids: BTreeSet<_> = instances.iter().map(uid).collect();
    let pods = scene
        .cluster
        .list(kind::POD, &scene.namespace, LAUNCHER)
        .await?;
    ensure!(
        uids.len() == MACHINES && pods.len() == MACHINES,
        "{} instances, {} pods",
        uids.len(),
        pods.len()
    );
    for pod in &pods {
        assert_tolerates(pod, &pod["spec"])?;
    }
    scene.say(&format!("{MACHINES} VMs, instances and pods, all whole"));
    Ok(())
}

fn uid(object: &Value) -> &str {
    text(&object["metadata"]["uid"])
}

//! What users, tools and controllers do to a VM that is there: vmberth adds no generation, no
//! restart and no quarrel of its own.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::manifest::{self, Boot, with_cloud_init};
use vmberth_e2e::networks::{FUNCTION, NETWORK};
use vmberth_e2e::pod::TAINT;
use vmberth_e2e::seen::{self, text};
use vmberth_e2e::tool::Tool;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, Story, kind};

/// A user's VM, and its twin that opted out and says itself what the other gets: whatever is done to
/// both, their generations move alike.
const TWINS: [&str; 2] = ["user", "twin"];

/// Applied again, patched, taken over by another manager.
const TAKE_OVER: [&str; 4] = [
    "apply",
    "--server-side",
    "--force-conflicts",
    "--field-manager=gitops",
];

#[test]
fn a_running_vm_is_not_disturbed() -> Result<()> {
    Story::new("updates").with_vmberth().run(async |scene| {
        let apply = ["apply"];
        for twin in TWINS {
            scene.kubectl(&apply, &vm(twin)).await?;
        }
        both(scene, "Running", "created", async |_| Ok(())).await?;
        let again = async |twin: &str| {
            let said = scene.kubectl(&apply, &vm(twin)).await?;
            ensure!(said.done.ends_with("unchanged"), "{}", said.done);
            Ok(())
        };
        both(scene, "Running", "applied unchanged", again).await?;
        let edit = async |twin: &str| {
            let patch = json!({"metadata": {"labels": {"site": "north"}},
                "spec": {"runStrategy": "RerunOnFailure"}});
            let cluster = &scene.cluster;
            let patched = cluster.merge(kind::VM, &scene.namespace, twin, &patch);
            patched.await.map(drop)
        };
        both(scene, "Running", "edited elsewhere", edit).await?;
        let take_over = async |twin: &str| {
            let said = scene.kubectl(&TAKE_OVER, &vm(twin)).await?;
            ensure!(said.done.contains("serverside-applied"), "{}", said.done);
            Ok(())
        };
        both(scene, "Running", "taken over", take_over).await?;
        both(scene, "Running", "taken over again", take_over).await?;
        for (verb, then) in [
            ("pause", "Paused"),
            ("unpause", "Running"),
            ("stop", "Stopped"),
            ("start", "Running"),
            ("restart", "Running"),
        ] {
            let words = format!("virtctl {verb}");
            both(scene, then, &words, async |twin| {
                virtctl(scene, verb, twin).await
            })
            .await?;
        }
        Ok(())
    })
}

fn vm(name: &str) -> Value {
    let mut vm = manifest::vm(name, Boot::Nothing);
    if name == "twin" {
        let template = &mut vm["spec"]["template"];
        template["metadata"] = json!({"labels": {"vmberth.io/inject": "false"}});
        template["spec"]["tolerations"] = json!([{"key": TAINT, "operator": "Exists"}]);
    }
    vm
}

async fn virtctl(scene: &Scene, verb: &str, vm: &str) -> Result<()> {
    let namespace = format!("--namespace={}", scene.namespace);
    // `pause` wants to know what is paused.
    let kind = ["pause", "unpause"].contains(&verb).then_some("vm");
    let args = [verb]
        .into_iter()
        .chain(kind)
        .chain([vm, namespace.as_str()]);
    Tool::new("virtctl", args).output().await.map(drop)
}

/// Does it to both, waits until both are in that state, and compares them.
async fn both(
    scene: &Scene,
    state: &str,
    what: &str,
    act: impl AsyncFn(&str) -> Result<()>,
) -> Result<()> {
    let before = instances(scene).await?;
    for twin in TWINS {
        act(twin).await.with_context(|| format!("{what}: {twin}"))?;
    }
    let anew = what == "virtctl restart";
    wait::until(what, Duration::from_secs(120), async || {
        let mut all = Vec::new();
        for twin in TWINS {
            all.push(scene.cluster.get(kind::VM, &scene.namespace, twin).await?);
        }
        let there = |vm: &Value| vm["status"]["printableStatus"] == state;
        // An instance that is to be replaced still runs for a moment.
        let replaced = !anew
            || instances(scene)
                .await?
                .iter()
                .all(|uid| !before.contains(uid));
        if !all.iter().all(there) || !replaced {
            return Ok(Look::NotYet(seen::lines(&all)));
        }
        for vm in &all {
            let restart = seen::is(vm, "RestartRequired");
            ensure!(!restart, "{what}: {} wants to be restarted", seen::line(vm));
        }
        let generations: Vec<_> = all
            .iter()
            .map(|vm| vm["metadata"]["generation"].as_i64())
            .collect();
        // virt-controller may be between the two.
        let alike = generations.first() == generations.last();
        let words = format!("{what}: generations {generations:?}");
        Ok(Look::of(alike.then(|| scene.say(&words)), || words.clone()))
    })
    .await
}

async fn instances(scene: &Scene) -> Result<Vec<String>> {
    let all = scene.cluster.list(kind::VMI, &scene.namespace, "").await?;
    let uid = |instance: &Value| text(&instance["metadata"]["uid"]).to_owned();
    Ok(all.iter().map(uid).collect())
}

/// A VM in which vmberth changed lists and amounts that the user wrote: applied again, a tool wants
/// them as they were, and gets the same answer as the first time.
#[test]
fn an_unchanged_manifest_stays_unchanged() -> Result<()> {
    Story::new("applied again")
        .with_vmberth()
        .run(async |scene| {
            scene.network(NETWORK, Some(FUNCTION)).await?;
            let vm = rich();
            let get = async || scene.cluster.get(kind::VM, &scene.namespace, "rich").await;
            scene.kubectl(&["apply"], &vm).await?;
            let first = get().await?;
            let memory = &first["spec"]["template"]["spec"]["domain"]["memory"];
            ensure!(memory["guest"] == "124Mi", "{memory}");
            let other_field = json!({"metadata": {"labels": {"site": "north"}}});
            for verb in [&["apply"][..], &TAKE_OVER, &TAKE_OVER, &["apply"]] {
                let said = scene.kubectl(verb, &vm).await?;
                assert_same(&first, &get().await?).with_context(|| format!("{verb:?}"))?;
                scene.say(&format!("kubectl {}: {}", verb.join(" "), said.done));
                scene
                    .cluster
                    .merge(kind::VM, &scene.namespace, "rich", &other_field)
                    .await?;
                assert_same(&first, &get().await?).context("another field")?;
            }
            Ok(())
        })
}

/// A manifest with a wish of every sort; halted, since no virtual function is here.
fn rich() -> Value {
    let vm = manifest::vm("rich", Boot::Nothing);
    let mut vm = with_cloud_init(vm, &json!({"userData": "#cloud-config\n"}));
    vm["spec"]["runStrategy"] = json!("Halted");
    let template = &mut vm["spec"]["template"];
    template["spec"]["domain"]["memory"]["guest"] = json!("129M");
    template["spec"]["domain"]["resources"] = json!({"requests": {"memory": "129M"}});
    template["metadata"] = json!({"annotations": {
        "vmberth.io/hugepages": "2Mi",
        "vmberth.io/vfs": "2",
        "vmberth.io/addresses": "vf1=192.168.20.5/24",
        "vmberth.io/ssh-keys": "keys",
    }});
    vm["spec"]["dataVolumeTemplates"] = json!([{
        "metadata": {"name": "data"},
        "spec": {"source": {"blank": {}},
            "storage": {"resources": {"requests": {"storage": "64Mi"}}}},
    }]);
    let data = json!({"name": "data", "dataVolume": {"name": "data"}});
    if let Value::Array(volumes) = &mut vm["spec"]["template"]["spec"]["volumes"] {
        volumes.push(data);
    }
    vm
}

fn assert_same(first: &Value, now: &Value) -> Result<()> {
    let record = |vm: &Value| vm["metadata"]["annotations"]["vmberth.io/injected"].clone();
    ensure!(
        first["spec"] == now["spec"],
        "was {}\nis {}",
        first["spec"],
        now["spec"]
    );
    ensure!(
        first["metadata"]["generation"] == now["metadata"]["generation"],
        "generation {}",
        now["metadata"]["generation"]
    );
    ensure!(
        record(first) == record(now),
        "was {}\nis {}",
        record(first),
        record(now)
    );
    Ok(())
}

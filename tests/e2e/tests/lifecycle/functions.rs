//! Virtual functions: how many a VM's pod asks for, whoever else has a say in it.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::manifest::{self, Boot, with_function};
use vmberth_e2e::networks::{FUNCTION, NETWORK, assert_functions};
use vmberth_e2e::pod::tolerates;
use vmberth_e2e::seen::{self, items, name};
use vmberth_e2e::standin::{self, Standin};
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, Story, kind, vmberth};

/// Off, KubeVirt counts the functions itself; on, it leaves them to an injector. From KubeVirt 1.9
/// on it is on by default (facts: kubevirt-cdi 0.1).
const GATE: &str = "ExternalNetResourceInjection";

/// Who else is asked about a VM's pod: nobody, or an injector whose configuration's name, by which
/// the API server orders them, is before or after vmberth's.
const OTHERS: [(&str, Option<&str>); 3] = [
    ("alone", None),
    ("before", Some("aaa-standin-network-resources-injector")),
    ("after", Some("standin-network-resources-injector")),
];

/// A VM that wants two functions gets a pod with exactly two, in requests and limits of `compute`,
/// with KubeVirt's gate off and on, and with an injector that acts before or after vmberth. VMs that
/// opted out show what the others do: with the gate on, none without and two with the injector.
#[test]
fn a_pod_asks_for_two_functions_whoever_counts_them() -> Result<()> {
    Story::new("functions").alone().run(async |scene| {
        vmberth::install(&scene.cluster).await?;
        scene.network(NETWORK, Some(FUNCTION)).await?;
        let standin = Standin::start(env!("CARGO_BIN_EXE_standin-network-resources-injector"));
        let standin = standin.await?;
        for (label, configuration) in OTHERS {
            if let Some(configuration) = configuration {
                scene.call_standin(&standin, configuration, label).await?;
            }
        }
        all_have_two(scene, "off").await?;
        opted_out_has(scene, "off", "alone", 2).await?;
        scene
            .with_gate(GATE, async || {
                follows(scene).await?;
                all_have_two(scene, "on").await?;
                opted_out_has(scene, "on", "before", 2).await
            })
            .await
    })
}

/// One VM for each of the others, at once.
async fn all_have_two(scene: &Scene, gate: &str) -> Result<()> {
    for (other, _) in OTHERS {
        let mut vm = manifest::vm(&format!("{gate}-{other}"), Boot::Nothing);
        vm["metadata"]["annotations"] = json!({"vmberth.io/vfs": "2"});
        vm["spec"]["template"]["metadata"] = json!({"labels": {standin::LABEL: other}});
        let stored = scene.cluster.create(kind::VM, &scene.namespace, &vm);
        let stored = stored.await?;
        let spec = &stored["spec"]["template"]["spec"];
        let functions = items(&spec["domain"]["devices"]["interfaces"])
            .iter()
            .filter(|interface| interface["sriov"].is_object());
        ensure!(functions.count() == 2, "{spec}");
    }
    for (other, _) in OTHERS {
        let pod = scene.launcher_of(&format!("{gate}-{other}")).await?;
        ensure!(tolerates(&pod["spec"]), "{}", seen::line(&pod));
        assert_functions(&pod, 2)?;
        scene.say(&format!("gate {gate}, injector {other}: 2 of {FUNCTION}"));
    }
    Ok(())
}

async fn opted_out_has(scene: &Scene, gate: &str, other: &str, wanted: u64) -> Result<()> {
    let vm = opted_out(&format!("{gate}-out-{other}"), other);
    scene
        .cluster
        .create(kind::VM, &scene.namespace, &vm)
        .await?;
    let pod = scene.launcher_of(name(&vm)).await?;
    ensure!(!tolerates(&pod["spec"]), "{}", seen::line(&pod));
    assert_functions(&pod, wanted)
}

/// Virtual functions written by hand, and nothing wanted of vmberth.
fn opted_out(name: &str, other: &str) -> Value {
    let vm = manifest::vm(name, Boot::Nothing);
    let vm = with_function(vm, "one", NETWORK);
    let mut vm = with_function(vm, "two", NETWORK);
    let labels = json!({"vmberth.io/inject": "false", standin::LABEL: other});
    vm["spec"]["template"]["metadata"] = json!({ "labels": labels });
    vm
}

/// virt-controller has seen that the gate is on: pods of VMs that opted out ask for none.
async fn follows(scene: &Scene) -> Result<()> {
    let mut number = 0;
    let what = "virt-controller to leave functions to others";
    wait::until(what, Duration::from_secs(30), async || {
        number += 1;
        let vm = opted_out(&format!("probe-{number}"), "alone");
        scene
            .cluster
            .create(kind::VM, &scene.namespace, &vm)
            .await?;
        let pod = scene.launcher_of(name(&vm)).await?;
        let none = assert_functions(&pod, 0);
        Ok(Look::of(none.as_ref().ok().copied(), || {
            format!("{none:?}")
        }))
    })
    .await
}

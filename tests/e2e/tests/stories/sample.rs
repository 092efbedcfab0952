//! Generated VMs against KubeVirt's own validation: what vmberth makes of a VM is never refused for
//! a reason that the VM did not have.

mod machine;

use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt;
use serde_json::{Value, json};
use vmberth_e2e::cluster::{Refused, Stored};
use vmberth_e2e::seen::text;
use vmberth_e2e::{Scene, Story, kind};

use machine::machine;

const SAMPLE: u64 = 300;

/// What became of one VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Admitted, with and without vmberth.
    Admitted,
    /// Refused by vmberth, with path and expectation.
    Denied,
    /// KubeVirt refuses what the user wrote.
    Wrong,
    /// KubeVirt refuses what the user wrote, but not what became of it: memory that was no whole
    /// number of the pages it asked for.
    Mended,
}

/// 300 VMs as a dry run, each where vmberth acts and where it is kept away. The numbers are the
/// seeds, so a VM that fails is the same in the next run.
#[test]
fn what_vmberth_makes_is_never_refused_by_kubevirt() -> Result<()> {
    Story::new("sample").with_vmberth().run(async |scene| {
        let kept_away = scene.namespace_kept_away().await?;
        let fates = futures::stream::iter(0..SAMPLE).map(|seed| {
            let kept_away = kept_away.as_str();
            async move {
                let fate = fate(scene, kept_away, seed).await;
                fate.with_context(|| format!("VM {seed}: {}", machine(seed)))
            }
        });
        let fates: Vec<_> = fates.buffer_unordered(6).collect().await;
        let fates = fates.into_iter().collect::<Result<Vec<_>>>()?;
        let count = |wanted: Fate| fates.iter().filter(|fate| **fate == wanted).count();
        let kinds = [Fate::Admitted, Fate::Denied, Fate::Wrong, Fate::Mended];
        let counts = kinds.map(count);
        scene.say(&format!("{SAMPLE} VMs: {kinds:?} {counts:?}"));
        // Else the sample shows nothing.
        let [admitted, denied, ..] = counts;
        ensure!(admitted >= 80 && denied >= 40, "a poor sample: {counts:?}");
        Ok(())
    })
}

async fn fate(scene: &Scene, kept_away: &str, seed: u64) -> Result<Fate> {
    let vm = machine(seed);
    let dry = Stored::DryRun;
    let plain = scene.cluster.post(kind::VM, kept_away, &vm, dry).await;
    let ours = scene
        .cluster
        .post(kind::VM, &scene.namespace, &vm, dry)
        .await;
    match (plain, ours) {
        (plain, Ok(ours)) => {
            assert_stable(scene, &ours).await?;
            Ok(if plain.is_ok() {
                Fate::Admitted
            } else {
                Fate::Mended
            })
        }
        (plain, Err(error)) => {
            let refused = error.downcast_ref::<Refused>().context("no answer")?;
            if is_ours(refused) {
                return Ok(Fate::Denied);
            }
            match plain {
                Ok(_) => bail!("admitted without vmberth, but with it: {refused}"),
                Err(_) => Ok(Fate::Wrong),
            }
        }
    }
}

/// A denial of vmberth, as its users are promised: path, what was found, what is expected.
fn is_ours(refused: &Refused) -> bool {
    let words = ".vmberth.io\" denied the request: ";
    let Some((_, said)) = refused.message.split_once(words) else {
        return false;
    };
    let path = ["metadata", "spec", "annotation", "profile"];
    refused.code == 422
        && path.iter().any(|start| said.starts_with(start))
        && said.contains(": found ")
        && said.contains("expected ")
}

/// What was admitted is admitted again, and is the same.
async fn assert_stable(scene: &Scene, admitted: &Value) -> Result<()> {
    let annotations = |vm: &Value| vm["metadata"]["annotations"].clone();
    let again = json!({
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": admitted["metadata"]["name"], "annotations": annotations(admitted),
            "labels": admitted["metadata"]["labels"]},
        "spec": admitted["spec"],
    });
    let dry = Stored::DryRun;
    let twice = scene
        .cluster
        .post(kind::VM, &scene.namespace, &again, dry)
        .await?;
    ensure!(
        twice["spec"] == admitted["spec"],
        "once {}\ntwice {}",
        admitted["spec"],
        twice["spec"]
    );
    let record = |vm: &Value| text(&annotations(vm)["vmberth.io/injected"]).to_owned();
    ensure!(
        record(&twice) == record(admitted),
        "once {}\ntwice {}",
        record(admitted),
        record(&twice)
    );
    Ok(())
}

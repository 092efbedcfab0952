//! vmberth as it is on a site whose VM nodes are the simulated ones: their taint is the policy's.

use std::time::Duration;

use anyhow::Result;
use vmberth_e2e::cluster::{Cluster, Stored};
use vmberth_e2e::manifest::{self, Boot};
use vmberth_e2e::seen::text;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{kind, vmberth};

use crate::{SCHEDULER, machines};

/// What differs from the stories' values. vmberth's own pods stay on the real nodes.
const VALUES: [&str; 10] = [
    "--set-json",
    r#"policy.tolerations=[{"key": "kwok.x-k8s.io/node", "operator": "Exists"}]"#,
    "--set",
    "tolerateOwnPolicy=false",
    "--set-json",
    r#"extraTolerations=[{"key": "cmk", "operator": "Exists"}]"#,
    "--set-json",
    r#"exporter={"enabled": true, "tolerations": [], "volumes": []}"#,
    // As for who starts a thousand VMs at once; by default it waits behind all other pods of a busy machine.
    "--set",
    "scheduler.resources.kubeScheduler.requests.cpu=300m",
];

/// Installs it, with its own scheduler or none, and waits until VMs get that scheduler.
pub(crate) async fn install(cluster: &Cluster, own: bool) -> Result<()> {
    let (mode, wanted) = if own { ("own", SCHEDULER) } else { ("off", "") };
    let mode = format!("scheduler.mode={mode}");
    let profiles = machines::profiles();
    let set = ["--set-string", &mode, "--set-json", &profiles];
    let values = VALUES.iter().copied().chain(set);
    vmberth::upgrade(cluster, &values.collect::<Vec<_>>()).await?;
    vmberth::refresh(cluster).await?;
    let what = format!("VMs to get the scheduler {wanted:?}");
    wait::until(&what, Duration::from_secs(90), async || {
        let vm = manifest::vm("question", Boot::Nothing);
        let stored = cluster
            .post(kind::VM, "default", &vm, Stored::DryRun)
            .await?;
        let name = text(&stored["spec"]["template"]["spec"]["schedulerName"]).to_owned();
        Ok(Look::of((name == wanted).then_some(()), || name))
    })
    .await
}

//! A fleet is filled with a stream of VMs until the first that finds no room, by the real kube-scheduler with vmberth's extender
//! and without: fleets and streams of the bench without a cluster (`extender/benches/placement`), each disk uploaded before its
//! VM starts.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use vmberth_e2e::pod::node_of;
use vmberth_e2e::seen::{name, scheduler_words};
use vmberth_e2e::volumes::CLASS;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, kind};

use crate::fleet::{Case, Kind};
use crate::results::Results;
use crate::settings::Settings;
use crate::turns::{Side, Turns};
use crate::{pods, quiet, site};

/// VMs that come for each node, more than find room: `VMS` of the other bench.
const VMS: usize = 8;
/// So long a pod must be refused to count: a scheduler tries again when it has seen what others did.
const PATIENCE: Duration = Duration::from_secs(4);
/// After which a pod that nobody says anything about is a fault.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at one pod.
const PAUSE: Duration = Duration::from_millis(60);

/// What became of one stream.
#[derive(Debug, Default)]
struct Filled {
    run: u32,
    /// Why the first that does not run, does not.
    end: String,
}

/// Fills each fleet by both sides.
pub(crate) async fn measure(
    scene: &Scene,
    settings: &Settings,
    turns: &Turns<'_>,
    results: &Results,
) -> Result<()> {
    let nodes: Vec<String> = scene.simulated_nodes().await?.into_iter().collect();
    // Of each fleet: VMs that ran, ours and alone.
    let mut ran = vec![[0; 2]; usize::try_from(settings.seeds)?];
    for (place, side) in Side::ALL.into_iter().enumerate() {
        turns.ready(side).await?;
        turns.go().await?;
        for (seed, ran) in (settings.first_seed..).zip(&mut ran) {
            let case = Case::of(seed, usize::try_from(2 + seed % 5)?, VMS);
            let filled = fill(scene, &case, &nodes).await?;
            scene.say(&format!(
                "fleet {seed} of {} nodes: {} VMs run {}; then {}",
                case.nodes.len(),
                filled.run,
                side.words(),
                filled.end
            ));
            ran[place] = filled.run;
        }
    }
    tell(scene, results, &ran)
}

fn tell(scene: &Scene, results: &Results, ran: &[[u32; 2]]) -> Result<()> {
    let sum = |place: usize| f64::from(ran.iter().map(|fleet| fleet[place]).sum::<u32>());
    let [ours, alone] = [sum(0), sum(1)];
    let ratios = ran
        .iter()
        .map(|[ours, alone]| f64::from(*ours) / f64::from((*alone).max(1)));
    let worst = ratios.fold(f64::INFINITY, f64::min);
    scene.say(&format!(
        "VMs that run: {ours} with the extender, {alone} without; worst {worst:.2}"
    ));
    let row = |name: &str, value: f64, unit: &str| {
        results.row(&format!("placement.plane_{name}"), value, unit)
    };
    row("fleets", f64::from(u32::try_from(ran.len())?), "")?;
    row("vms", ours, "VMs")?;
    row("default_scheduler_vms", alone, "VMs")?;
    row("default_scheduler_ratio", ours / alone.max(1.0), "")?;
    row("default_scheduler_worst_ratio", worst, "")
}

async fn fill(scene: &Scene, case: &Case, nodes: &[String]) -> Result<Filled> {
    let nodes: Vec<_> = nodes.iter().cloned().zip(case.nodes.clone()).collect();
    site::close(&scene.cluster).await?;
    site::open(&scene.cluster, &nodes).await?;
    let mut filled = Filled {
        end: "none is left".to_owned(),
        ..Filled::default()
    };
    let mut disks: Vec<(String, u64)> = nodes
        .iter()
        .map(|(node, has)| (node.clone(), has.disk))
        .collect();
    for (number, kind) in case.stream.iter().enumerate() {
        let named = format!("vm-{number}");
        if let Err(end) = come(scene, &named, &case.kinds[*kind], &mut disks).await? {
            filled.end = end;
            break;
        }
        filled.run += 1;
    }
    clean(scene).await?;
    Ok(filled)
}

/// One VM comes: its disks, then itself. Why it does not run, if it does not.
async fn come(
    scene: &Scene,
    named: &str,
    kind: &Kind,
    disks: &mut [(String, u64)],
) -> Result<Result<(), String>> {
    let Scene {
        cluster, namespace, ..
    } = scene;
    let names: Vec<String> = (0..kind.disks.len())
        .map(|disk| format!("{named}-disk-{disk}"))
        .collect();
    let vm = pods::machine(named, kind.amounts, &names);
    let vm = cluster.create(kind::VM, namespace, &vm).await?;
    let mut claims = Vec::new();
    for (disk, gib) in names.iter().zip(&kind.disks) {
        claims.push(
            cluster
                .create(kind::CLAIM, namespace, &claim(disk, *gib))
                .await?,
        );
    }
    for (claim, gib) in claims.iter().zip(&kind.disks) {
        let node = match place(scene, &pods::upload(claim)).await? {
            Ok(node) => node,
            Err(words) => return Ok(Err(format!("{} waits: {words}", name(claim)))),
        };
        let disk = disks.iter_mut().find(|(of, _)| *of == node);
        let left = disk.as_ref().and_then(|(_, free)| free.checked_sub(*gib));
        match (disk, left) {
            (Some((_, free)), Some(left)) => *free = left,
            _ => {
                return Ok(Err(format!(
                    "the disk of {node} is full before {} is",
                    name(claim)
                )));
            }
        }
    }
    let instance = pods::instance(&vm);
    let instance = cluster.create(kind::VMI, namespace, &instance).await?;
    let requests = site::resources(kind.amounts);
    let launcher = format!("virt-launcher-{named}");
    let launcher = pods::launcher(&instance, &launcher, &requests, &names);
    let placed = place(scene, &launcher).await?;
    Ok(placed
        .map(drop)
        .map_err(|words| format!("{named} waits: {words}")))
}

/// Makes a pod; its node, or why it has none. One that fills a disk is done then, and goes.
async fn place(scene: &Scene, pod: &Value) -> Result<Result<String, String>> {
    let Scene {
        cluster, namespace, ..
    } = scene;
    let made = cluster.create(kind::POD, namespace, pod).await?;
    let began = Instant::now();
    let mut refused: Option<Instant> = None;
    loop {
        let now = cluster.get(kind::POD, namespace, name(&made)).await?;
        if !node_of(&now).is_empty() {
            if name(&made).starts_with("fills-") {
                cluster
                    .delete_at_once(kind::POD, namespace, name(&made))
                    .await?;
            }
            return Ok(Ok(node_of(&now).to_owned()));
        }
        if let Some(words) = scheduler_words(&now) {
            let since = *refused.get_or_insert_with(Instant::now);
            if since.elapsed() > PATIENCE {
                return Ok(Err(words.to_owned()));
            }
        }
        if began.elapsed() > LIMIT {
            bail!(
                "nobody places {}: {}",
                name(&made),
                now["status"]["conditions"]
            );
        }
        sleep(PAUSE).await;
    }
}

fn claim(name: &str, gib: u64) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "storageClassName": CLASS,
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": format!("{gib}Gi")}},
        },
    })
}

/// Takes all away but the networks.
async fn clean(scene: &Scene) -> Result<()> {
    let Scene {
        cluster, namespace, ..
    } = scene;
    quiet::forget_machines(scene).await?;
    for kind in [kind::POD, kind::CLAIM, kind::NEW_EVENT] {
        cluster.delete_all(kind, namespace).await?;
    }
    wait::until("claims to go", Duration::from_secs(60), async || {
        let left = cluster.list(kind::CLAIM, namespace, "").await?;
        Ok(Look::of(left.is_empty().then_some(()), || {
            format!("{} claims", left.len())
        }))
    })
    .await?;
    site::close(cluster).await
}

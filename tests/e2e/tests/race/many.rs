//! Many VMs at once for just enough room.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use vmberth_e2e::networks::{FUNCTION, NETWORK};
use vmberth_e2e::pod::node_of;
use vmberth_e2e::tool::Tool;
use vmberth_e2e::vm::LAUNCHER;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, Story, kind};

use crate::agents::Agents;
use crate::counted::{Seen, Tally};
use crate::faults::Faults;
use crate::packing::{Machine, Room, pack};
use crate::settings::Settings;
use crate::{fleet, install, machines, report};

/// Between two looks at how far it is.
const PAUSE: Duration = Duration::from_secs(5);

/// Deleting takes as long as creating.
const CLEANING: Duration = Duration::from_secs(1200);

/// At most a tenth waits for room, nothing is promised twice, none is pinned to a node that can't hold it but whose disk was there first. Without vmberth's scheduler it is only
/// counted.
#[test]
fn all_at_once() -> Result<()> {
    let settings = Settings::read()?;
    let limit = settings.limit + CLEANING;
    Story::new("race")
        .alone()
        .at_most(limit)
        .run(async |scene| {
            scene.say(&settings.name());
            install::install(&scene.cluster, settings.own).await?;
            fleet::close(&scene.cluster).await?;
            let nodes = scene.simulated_nodes().await?;
            ensure!(
                nodes.len() >= settings.nodes,
                "{} simulated nodes: `plane up --simulated-nodes {}`",
                nodes.len(),
                settings.nodes
            );
            let nodes: Vec<String> = nodes.into_iter().take(settings.nodes).collect();
            let (machines, rooms) = pack(&settings, &nodes);
            scene.network(NETWORK, Some(FUNCTION)).await?;
            fleet::open(&scene.cluster, &rooms).await?;
            scene.say(&tell(&machines, &rooms));
            let raced = race(scene, &settings, &machines, &rooms).await;
            let cleaned = clean(scene, &rooms).await;
            let tally = raced?;
            cleaned?;
            if settings.own {
                assert_order(&tally)?;
            }
            Ok(())
        })
}

fn tell(machines: &[Machine], rooms: &[Room]) -> String {
    let disks: usize = machines.iter().map(|machine| machine.disks.len()).sum();
    let volumes: usize = rooms.iter().map(|room| room.volumes.len()).sum();
    let functions: u64 = machines.iter().map(|machine| machine.functions).sum();
    let has: u64 = rooms.iter().map(|room| room.functions).sum();
    let pages: u64 = machines.iter().map(|machine| machine.pages).sum();
    let all: u64 = rooms.iter().map(|room| room.pages).sum();
    format!(
        "disks {disks} of {volumes} volumes, functions {functions} of {has}, pages {pages} of {all}"
    )
}

async fn race(
    scene: &Scene,
    settings: &Settings,
    machines: &[Machine],
    rooms: &[Room],
) -> Result<Tally> {
    let (agents, faults) = (Agents::of(rooms), Faults::default());
    let nodes: Vec<String> = rooms.iter().map(|room| room.node.clone()).collect();
    let trouble = async {
        if settings.faults {
            faults.work(scene, &agents, &nodes).await
        } else {
            std::future::pending().await
        }
    };
    let placing = async {
        let began = Instant::now();
        machines::create_all(scene, machines).await?;
        scene.say(&format!("created in {} s", began.elapsed().as_secs()));
        come_to_rest(scene, settings).await
    };
    tokio::select! {
        placed = placing => placed?,
        never = trouble => match never {},
        never = agents.work(&scene.cluster) => match never {},
    }
    let seen = Seen::now(scene).await?;
    let tally = seen.tally(&scene.namespace);
    let done = faults.done();
    scene.say(&report::table(&tally, &done));
    for vm in tally.pinned.iter().chain(&tally.waiting).take(10) {
        scene.say(&seen.case(vm, &scene.namespace));
    }
    for (words, times) in seen.words(&scene.namespace).iter().take(8) {
        scene.say(&format!("{times} pods: {words}"));
    }
    report::keep(&settings.name(), &tally, &done)?;
    Ok(tally)
}

/// Until all are placed, or nothing has been for a while.
async fn come_to_rest(scene: &Scene, settings: &Settings) -> Result<()> {
    let (began, mut moved, mut before) = (Instant::now(), Instant::now(), (0, 0));
    loop {
        sleep(PAUSE).await;
        // While the API server is away nothing is known.
        let Ok(now) = progress(scene).await else {
            continue;
        };
        if now != before {
            (moved, before) = (Instant::now(), now);
            scene.say(&format!(
                "{} launchers placed, {} pods placed in all",
                now.0, now.1
            ));
        }
        let rests = moved.elapsed() > settings.quiet || began.elapsed() > settings.limit;
        if now.0 >= settings.vms || rests {
            return Ok(());
        }
    }
}

/// Launchers with a node, and all pods with one.
async fn progress(scene: &Scene) -> Result<(usize, usize)> {
    let pods = scene.cluster.list(kind::POD, &scene.namespace, "").await?;
    let placed = || pods.iter().filter(|pod| !node_of(pod).is_empty());
    let (key, value) = LAUNCHER.split_once('=').unwrap_or_default();
    let launches = |pod: &&Value| {
        let provisions = &pod["metadata"]["annotations"]["kubevirt.io/ephemeral-provisioning"];
        pod["metadata"]["labels"][key] == value && provisions.is_null()
    };
    Ok((placed().filter(launches).count(), placed().count()))
}

fn assert_order(tally: &Tally) -> Result<()> {
    let Tally {
        oversold,
        volumes_twice,
        apart,
        doubled,
        stuck,
        ..
    } = tally;
    ensure!(oversold.is_empty(), "promised twice: {oversold:?}");
    ensure!(
        volumes_twice.is_empty(),
        "promised twice: {volumes_twice:?}"
    );
    ensure!(apart.is_empty(), "disks elsewhere: {apart:?}");
    ensure!(doubled.is_empty(), "two launchers: {doubled:?}");
    // Of a disk that comes before its VM nobody knows all that the VM will need.
    let pinned = tally.pinned_knowingly();
    ensure!(pinned.is_empty(), "pinned: {pinned:?}, stuck: {stuck:?}");
    // Nobody sees the future: the last few may find what is left in the wrong places, and can go anywhere.
    let most = tally.vms.div_ceil(10);
    ensure!(
        tally.waiting.len() <= most,
        "{} of {} VMs wait",
        tally.waiting.len(),
        tally.vms
    );
    Ok(())
}

/// Takes all away, so that the next race finds an empty fleet.
pub(crate) async fn clean(scene: &Scene, rooms: &[Room]) -> Result<()> {
    let namespace = format!("--namespace={}", scene.namespace);
    // Pods, too: CDI now and then leaves one that has ended, and it keeps its claim.
    for kinds in ["vm", "datavolume,pvc", "pod"] {
        let args = ["delete", kinds, "--all", "--wait=false", &namespace];
        Tool::new("kubectl", args)
            .limit(Duration::from_secs(600))
            .output()
            .await?;
    }
    let agents = Agents::of(rooms);
    let gone = wait::until("all to go", Duration::from_secs(600), async || {
        let mut left = Vec::new();
        for kind in [kind::VMI, kind::POD, kind::CLAIM] {
            left.push(scene.cluster.list(kind, &scene.namespace, "").await?.len());
        }
        sleep(PAUSE).await;
        let none = left.iter().all(|left| *left == 0);
        Ok(Look::of(none.then_some(()), || {
            format!("instances, pods, claims: {left:?}")
        }))
    });
    tokio::select! {
        gone = gone => gone?,
        never = agents.work(&scene.cluster) => match never {},
    }
    fleet::close(&scene.cluster).await
}

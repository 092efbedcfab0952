//! Small races: a few who want one thing, and things that change while they wait.

mod changes;
mod hold;
mod last;
mod rename;
mod volumes;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vmberth_e2e::networks::{FUNCTION, NETWORK};
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, Story};

use crate::agents::Agents;
use crate::counted::{Seen, Tally};
use crate::packing::{Disk, Machine, Room, Source};
use crate::{fleet, install, machines, many};

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(120);

/// A story on so many nodes of the fleet, each with this room; their agents work meanwhile.
fn story(
    name: &'static str,
    rooms: &[Room],
    body: impl AsyncFnOnce(&Scene, &[Room]) -> Result<()>,
) -> Result<()> {
    Story::new(name).alone().run(async |scene| {
        install::install(&scene.cluster, true).await?;
        fleet::close(&scene.cluster).await?;
        let nodes = scene.simulated_nodes().await?;
        let named = rooms.iter().zip(nodes).map(|(room, node)| Room {
            node,
            ..room.clone()
        });
        let rooms: Vec<Room> = named.collect();
        scene.network(NETWORK, Some(FUNCTION)).await?;
        fleet::open(&scene.cluster, &rooms).await?;
        let agents = Agents::of(&rooms);
        let told = tokio::select! {
            told = body(scene, &rooms) => told,
            never = agents.work(&scene.cluster) => match never {},
        };
        let cleaned = many::clean(scene, &rooms).await;
        told.and(cleaned)
    })
}

fn room(functions: u64, volumes: usize) -> Room {
    Room {
        functions,
        volumes: vec![1; volumes],
        ..Room::default()
    }
}

/// These, called otherwise.
fn named(prefix: &str, mut few: Vec<Machine>) -> Vec<Machine> {
    for vm in &mut few {
        vm.name.insert_str(0, prefix);
    }
    few
}

/// VMs with one disk each.
fn vms(count: usize, functions: u64, sources: &[Source]) -> Vec<Machine> {
    let machine = |number: usize| Machine {
        name: format!("vm{number}"),
        disks: vec![Disk {
            gib: 1,
            source: sources[number % sources.len()],
        }],
        functions,
        pages: 0,
    };
    (0..count).map(machine).collect()
}

async fn tally(scene: &Scene) -> Result<Tally> {
    let tally = Seen::now(scene).await?.tally(&scene.namespace);
    let Tally {
        oversold,
        volumes_twice,
        apart,
        doubled,
        ..
    } = &tally;
    ensure!(
        oversold.is_empty() && volumes_twice.is_empty() && apart.is_empty() && doubled.is_empty(),
        "{tally:?}"
    );
    Ok(tally)
}

/// Waits until so many VMs are placed.
async fn wait_placed(scene: &Scene, wanted: usize) -> Result<Tally> {
    let what = format!("{wanted} VMs to be placed");
    wait::until(&what, LIMIT, async || {
        let tally = tally(scene).await?;
        let words = format!("{tally:?}");
        Ok(Look::of((tally.placed == wanted).then_some(tally), || {
            words
        }))
    })
    .await
}

/// Creates a few VMs at once.
async fn create(scene: &Scene, few: &[Machine]) -> Result<()> {
    machines::create_all(scene, few).await
}

fn first(rooms: &[Room]) -> Result<&Room> {
    rooms.first().context("a room")
}

/// The node of a launcher in this list.
fn placed_vm(pods: &[Value]) -> Option<String> {
    let placed = pods
        .iter()
        .find(|pod| !vmberth_e2e::pod::node_of(pod).is_empty());
    let label = |pod: &Value| pod["metadata"]["labels"]["vm.kubevirt.io/name"].clone();
    placed.map(label)?.as_str().map(str::to_owned)
}

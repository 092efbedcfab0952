//! Pods per second of the scheduler, with the extender in its path and without, in turns.
//!
//! All pods of a round are there before it begins. Its rate is that of the moments at which the scheduler says that a pod is
//! bound (its Events, in microseconds), of all but the first tenth.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde_json::{Value, json};
use vmberth_e2e::seen::{name, text};
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, kind};

use crate::fleet::{Amounts, NodeHas};
use crate::results::{Results, median};
use crate::settings::Settings;
use crate::turns::{Side, Turns};
use crate::{AT_ONCE, pods, processor, quiet, site};

/// What each of the nodes has; volumes would cost both sides the same.
const NODE: Amounts = Amounts {
    cpu: 32_000,
    memory: 64 * 1024,
    functions: [8, 4],
    pages: 32,
};
/// Kinds of VMs; as many as the score looks at.
const KINDS: u64 = 8;

/// Measures pods of nobody's, and those of VMs.
pub(crate) async fn measure(
    scene: &Scene,
    settings: &Settings,
    turns: &Turns<'_>,
    results: &Results,
) -> Result<()> {
    let nodes = scene.simulated_nodes().await?;
    results.row("scheduler.nodes", count(nodes.len()), "nodes")?;
    results.row("scheduler.rounds", count(settings.rounds), "")?;
    site::close(&scene.cluster).await?;
    let has = |node: String| {
        let has = NodeHas {
            amounts: NODE,
            volumes: Vec::new(),
            disk: 0,
        };
        (node, has)
    };
    let nodes: Vec<_> = nodes.into_iter().map(has).collect();
    site::open(&scene.cluster, &nodes).await?;
    scene.say(&format!("{} nodes have all", nodes.len()));
    let ordinary = (0..settings.pods).map(|it| pods::ordinary(&format!("pod-{it}")));
    let ordinary: Vec<Value> = ordinary.collect();
    let rates = rounds(scene, settings, turns, &ordinary).await?;
    tell(scene, results, "foreign_", &rates)?;
    let launchers = launchers(scene, settings.launchers).await?;
    let rates = rounds(scene, settings, turns, &launchers).await?;
    tell(scene, results, "", &rates)?;
    quiet::forget_machines(scene).await?;
    site::close(&scene.cluster).await
}

/// What one round showed of a side.
#[derive(Debug, Clone, Copy, Default)]
struct Round {
    /// Pods per second.
    rate: f64,
    /// Milliseconds of processor time for each pod: kube-scheduler's, the extender's.
    processor: [f64; 2],
}

fn tell(scene: &Scene, results: &Results, what: &str, rounds: &[[Round; 2]]) -> Result<()> {
    let of = |side: usize, value: &dyn Fn(&Round) -> f64| {
        median(
            &rounds
                .iter()
                .map(|round| value(&round[side]))
                .collect::<Vec<_>>(),
        )
    };
    let [ours, alone] = [0, 1].map(|side| of(side, &|round| round.rate));
    let ratio = ours / alone;
    let [with, without] = [0, 1].map(|side| of(side, &|round| round.processor[0]));
    let extender = of(0, &|round| round.processor[1]);
    scene.say(&format!(
        "{what}pods a second: {ours:.1} with the extender, {alone:.1} without, ratio {ratio:.3}; \
         processor time of a pod: {with:.2} ms and {extender:.2} ms of the extender, {without:.2} ms without"
    ));
    let row = |name: &str, value: f64, unit: &str| {
        results.row(&format!("scheduler.{what}{name}"), value, unit)
    };
    row("with_extender_ratio", ratio, "")?;
    row("with_extender_per_s", ours, "1/s")?;
    row("alone_per_s", alone, "1/s")?;
    row("with_extender_cpu_ms", with, "ms")?;
    row("alone_cpu_ms", without, "ms")?;
    row("extender_cpu_ms", extender, "ms")
}

/// The machines are there for all rounds; their pods.
async fn launchers(scene: &Scene, count: usize) -> Result<Vec<Value>> {
    let numbers = 0..u64::try_from(count)?;
    let made = stream::iter(numbers).map(|number| launcher(scene, number));
    let launchers = made.buffer_unordered(AT_ONCE).try_collect().await?;
    scene.say(&format!("{count} machines are made"));
    Ok(launchers)
}

async fn launcher(scene: &Scene, number: u64) -> Result<Value> {
    let kind = number % KINDS;
    let pages = kind % 4;
    let amounts = Amounts {
        cpu: 100,
        memory: 256,
        functions: [kind % 3, u64::from(kind == 7)],
        pages,
    };
    let named = format!("vm-{number}");
    let vm = pods::machine(&named, amounts, &[]);
    let Scene {
        cluster, namespace, ..
    } = scene;
    let vm = cluster.create(kind::VM, namespace, &vm).await?;
    let instance = pods::instance(&vm);
    let instance = cluster.create(kind::VMI, namespace, &instance).await?;
    let requests = site::resources(amounts);
    let named = format!("virt-launcher-{named}");
    Ok(pods::launcher(&instance, &named, &requests, &[]))
}

/// Each round: ours, and alone. Who begins, changes.
async fn rounds(
    scene: &Scene,
    settings: &Settings,
    turns: &Turns<'_>,
    pods: &[Value],
) -> Result<Vec<[Round; 2]>> {
    let mut rates = Vec::new();
    for number in 0..settings.rounds {
        let mut round = [Round::default(); 2];
        for place in 0..2 {
            let at = (place + number) % 2;
            let side = Side::ALL[at];
            round[at] = one(scene, turns, side, pods).await?;
            scene.say(&format!(
                "{:.1} pods a second {}",
                round[at].rate,
                side.words()
            ));
        }
        rates.push(round);
    }
    Ok(rates)
}

async fn one(scene: &Scene, turns: &Turns<'_>, side: Side, pods: &[Value]) -> Result<Round> {
    let Scene {
        cluster, namespace, ..
    } = scene;
    turns.ready(side).await?;
    stream::iter(pods)
        .map(|pod| cluster.create(kind::POD, namespace, pod))
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| std::future::ready(Ok(())))
        .await?;
    // What was created is in every cache, and all else is quiet.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = processor::seconds(scene, side).await?;
    turns.go().await?;
    let limit = Duration::from_secs(30) + Duration::from_millis(50) * u32::try_from(pods.len())?;
    let seen = wait_bound(scene, pods.len(), limit).await;
    let rate = seen.and_then(|events| rate(&events, pods.len()));
    let after = processor::seconds(scene, side).await?;
    for kind in [kind::POD, kind::NEW_EVENT] {
        cluster.delete_all(kind, namespace).await?;
    }
    let each = |at: usize| (after[at] - before[at]) * 1000.0 / count(pods.len());
    Ok(Round {
        rate: rate?,
        processor: [each(0), each(1)],
    })
}

/// Looks seldom: looking costs, too. The Events of all pods that were bound.
async fn wait_bound(scene: &Scene, count: usize, limit: Duration) -> Result<Vec<Value>> {
    let Scene {
        cluster, namespace, ..
    } = scene;
    wait::until("all pods to be bound", limit, async || {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let events = cluster.list(kind::NEW_EVENT, namespace, "").await?;
        let (bound, others): (Vec<_>, Vec<_>) = events
            .into_iter()
            .filter(|event| event["regarding"]["kind"] == "Pod")
            .partition(|event| event["reason"] == "Scheduled");
        let refused = others.iter().find(|it| it["reason"] == "FailedScheduling");
        if let Some(refused) = refused {
            anyhow::bail!("{}: {}", name(refused), text(&refused["note"]));
        }
        let seen = bound.len();
        Ok(Look::of((seen == count).then_some(bound), || {
            format!("{seen} of {count}")
        }))
    })
    .await
}

fn rate(events: &[Value], count: usize) -> Result<f64> {
    let mut times = Vec::new();
    for event in events {
        let time: MicroTime = serde_json::from_value(json!(event["eventTime"]))
            .with_context(|| format!("time of {}", name(event)))?;
        times.push(time.0.as_microsecond());
    }
    times.sort_unstable();
    ensure!(times.len() == count, "{} Events of {count}", times.len());
    let first = count / 10;
    let micros = times[count - 1] - times[first];
    let seconds = Duration::from_micros(u64::try_from(micros)?).as_secs_f64();
    Ok(self::count(count - 1 - first) / seconds)
}

fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap())
}

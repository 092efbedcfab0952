//! A steady stream of admissions, while something else happens.

use std::future::Future;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::cluster::Cluster;
use crate::pod::{launcher_like, tolerates};
use crate::vmberth;

/// Pods a second.
const RATE: u32 = 20;

/// What became of the stream.
#[derive(Debug, Default)]
pub struct Tally {
    /// Pods that were admitted with their toleration.
    pub admitted: usize,
    /// The others, with the time since the start and what was said.
    pub failed: Vec<String>,
}

/// Has 20 launcher pods a second admitted (as dry run: all of admission is run, nothing is stored)
/// until `during` ends. A pod that is admitted without its toleration counts as failed, as the
/// webhook was not asked.
///
/// # Errors
/// Those of `during`, and every failed admission.
pub async fn admitted_during(
    cluster: &Cluster,
    during: impl Future<Output = Result<()>>,
) -> Result<Tally> {
    let start = Instant::now();
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tally = Tally::default();
    let mut open = FuturesUnordered::new();
    let mut number = 0_usize;
    tokio::pin!(during);
    let outcome = loop {
        tokio::select! {
            outcome = &mut during => break outcome,
            _ = ticks.tick() => {
                number += 1;
                open.push(admit(cluster, number, start));
            }
            Some(result) = open.next(), if !open.is_empty() => count(&mut tally, result),
        }
    };
    while let Some(result) = open.next().await {
        count(&mut tally, result);
    }
    if !tally.failed.is_empty() {
        let (failed, all) = (tally.failed.len(), number);
        let first = tally
            .failed
            .iter()
            .take(5)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n");
        bail!("{failed} of {all} admissions failed, first:\n{first}\n{outcome:?}");
    }
    outcome.map(|()| tally)
}

async fn admit(cluster: &Cluster, number: usize, start: Instant) -> Result<(), String> {
    let began = start.elapsed();
    let answer = vmberth::ask(cluster, &launcher_like(&format!("load-{number}"))).await;
    let words = match answer {
        Ok(pod) if tolerates(&pod["spec"]) => return Ok(()),
        Ok(_) => "admitted without its toleration".to_owned(),
        Err(e) => format!("{e:#}"),
    };
    Err(format!("after {:.1} s: {words}", began.as_secs_f32()))
}

fn count(tally: &mut Tally, result: Result<(), String>) {
    match result {
        Ok(()) => tally.admitted += 1,
        Err(words) => tally.failed.push(words),
    }
}

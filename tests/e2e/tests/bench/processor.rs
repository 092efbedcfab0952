//! Processor time of the scheduler's pod: of a busy machine it says more than seconds do.

use std::fs;

use anyhow::{Context, Result};
use vmberth_e2e::node::processes;
use vmberth_e2e::seen::text;
use vmberth_e2e::{Scene, kind, vmberth};

use crate::turns::Side;

/// Of a second: the kernel's USER_HZ, the same on every Linux that this runs on.
const TICKS: f64 = 100.0;
/// What runs in the pod; the plane's kube-scheduler is part of its program for the control plane.
const PROGRAMS: [&str; 2] = ["control-plane", "vmberth-extender"];

/// Seconds that each of the two programs has had until now: kube-scheduler and extender.
pub(crate) async fn seconds(scene: &Scene, side: Side) -> Result<[f64; 2]> {
    let labels = side.labels();
    let pods = scene
        .cluster
        .list(kind::POD, vmberth::NAME, &labels)
        .await?;
    let pod = pods.first().context("no pod of the scheduler")?;
    let uid = text(&pod["metadata"]["uid"]);
    let mut seconds = [0.0; 2];
    for (seconds, program) in seconds.iter_mut().zip(PROGRAMS) {
        for process in processes(uid, program)? {
            let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid))?;
            // The name, which may have spaces, ends with the last bracket; user and system time are the 12th and 13th after it.
            let (_, after) = stat.rsplit_once(')').context("no name in stat")?;
            let fields: Vec<&str> = after.split_whitespace().collect();
            for ticks in &fields[11..13] {
                *seconds += ticks.parse::<f64>()? / TICKS;
            }
        }
    }
    Ok(seconds)
}

//! Whether to restart the device plugin's pod of a node, when it does not advertise what is there.
//!
//! It discovers once, at its start (facts: domain 3.2), so a restart is what an operator would do.

use std::time::Duration;

use super::assess::{Assessment, ConditionKind, Status};
use super::cluster::{Cluster, Pod};
use super::config::{Config, DevicePlugin};
use crate::names;

/// Asked again after so long when only an event can change the answer: a pod that starts, or that is not there.
const LATER: Duration = Duration::from_secs(10);

/// Waiting time after the first, second, third and each further restart that did not help: an operator has to look, and
/// a plugin that is restarted for ever serves nobody.
const BACK_OFF: [Duration; 3] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
];
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60 * 60);

/// What is remembered between two decisions; the times are of one clock that never goes back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restarts {
    /// Since when discovered and advertised functions differ.
    pub differs_since: Option<Duration>,
    /// When it was restarted last.
    pub last: Option<Duration>,
    /// How often in a row without success.
    pub in_a_row: u32,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing differs, or restarting is off.
    Nothing,
    /// Not yet; ask again after so long.
    Wait(Duration),
    /// Delete this pod.
    Restart {
        /// Its namespace.
        namespace: String,
        /// Its name.
        pod: String,
        /// It must still be this one.
        uid: String,
    },
}

/// What to do now; `memory` is brought up to date.
///
/// Between two restarts lies at least the back-off of those in a row, and never less than its first step, even if all was
/// well for a moment.
pub fn decide(
    assessment: &Assessment,
    cluster: &Cluster,
    config: &Config,
    memory: &mut Restarts,
    now: Duration,
) -> Decision {
    let plugin = &config.device_plugin;
    if !plugin.restart {
        memory.calm();
        return Decision::Nothing;
    }
    // While the kubelet is silent, nothing is known: neither a difference nor that there is none.
    if is_unknown(assessment) {
        return Decision::Nothing;
    }
    if !differs(assessment) {
        memory.calm();
        return Decision::Nothing;
    }
    let since = *memory.differs_since.get_or_insert(now);
    let grace = since.saturating_add(plugin.grace);
    let due = memory.last.map_or(grace, |last| {
        grace.max(last.saturating_add(back_off(memory.in_a_row)))
    });
    if now < due {
        return Decision::Wait(due.saturating_sub(now));
    }
    if cluster
        .pods
        .iter()
        .any(|pod| takes_functions(pod, assessment))
    {
        return Decision::Wait(LATER);
    }
    match pod_of(plugin, cluster).filter(|pod| !pod.starting) {
        None => Decision::Wait(LATER),
        Some(pod) => {
            memory.last = Some(now);
            memory.differs_since = Some(now);
            memory.in_a_row = memory.in_a_row.saturating_add(1);
            Decision::Restart {
                namespace: pod.namespace.clone(),
                pod: pod.name.clone(),
                uid: pod.uid.clone(),
            }
        }
    }
}

/// The device plugin's pod of this node; the first by name, should there be several.
#[must_use]
pub fn pod_of<'c>(plugin: &DevicePlugin, cluster: &'c Cluster) -> Option<&'c Pod> {
    // Without labels it would be any pod of the namespace.
    if plugin.labels.is_empty() {
        return None;
    }
    let is_it = |pod: &&Pod| {
        let has = |(key, value): (&String, &String)| pod.labels.get(key) == Some(value);
        pod.namespace == plugin.namespace && !pod.ended && plugin.labels.iter().all(has)
    };
    cluster
        .pods
        .iter()
        .filter(is_it)
        .min_by_key(|pod| &pod.name)
}

impl Restarts {
    /// Nothing differs; the last restart is kept, so that two never follow each other at once.
    fn calm(&mut self) {
        self.differs_since = None;
        self.in_a_row = 0;
    }
}

fn is_unknown(assessment: &Assessment) -> bool {
    assessment.findings.iter().any(|finding| {
        finding.kind == ConditionKind::DevicePluginInSync && finding.status == Status::Unknown
    })
}

fn differs(assessment: &Assessment) -> bool {
    let pools = &assessment.pools;
    pools
        .iter()
        .any(|pool| !pool.unadvertised.is_empty() || !pool.stale.is_empty())
}

/// How long to wait after so many restarts in a row.
fn back_off(in_a_row: u32) -> Duration {
    let step = usize::try_from(in_a_row.saturating_sub(1)).unwrap_or(usize::MAX);
    BACK_OFF.get(step).copied().unwrap_or(LONGEST_BACK_OFF)
}

/// It is being started and may ask the device plugin for a function at any moment.
fn takes_functions(pod: &Pod, assessment: &Assessment) -> bool {
    let is_launcher = pod.machine.is_some()
        || pod.labels.get(names::KUBEVIRT_LABEL).map(String::as_str)
            == Some(names::KUBEVIRT_LAUNCHER);
    let asks = || {
        let pools = &assessment.pools;
        pools.iter().any(|pool| {
            pod.requests
                .get(&pool.resource)
                .is_some_and(|&count| count > 0)
        })
    };
    pod.starting && !pod.ended && (is_launcher || asks())
}

#[cfg(test)]
mod tests;

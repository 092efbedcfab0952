//! Whether to restart the device plugin's pod of a node, when it does not advertise what is there.
//!
//! It discovers once, at its start (facts: domain 3.2), so a restart is what an operator would do.

mod told;

use std::collections::BTreeSet;
use std::time::Duration;

use super::assess::{Assessment, ConditionKind, Status};
use super::cluster::{Cluster, Pod};
use super::config::{Config, DevicePlugin};
use crate::names;
pub use told::tell;

/// Asked again after so long when only an event can change the answer: a pod that starts, or that is not there.
const LATER: Duration = Duration::from_secs(10);

/// A restart waits so long for pods that are starting. One that its kubelet admitted keeps its device whatever the plugin does
/// (facts: domain 3.3), so one that hangs, for want of an image or with a device that is gone, is hurt by nothing but more
/// waiting; and one that is refused because it came in between is made anew by its controller.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// After so many restarts that changed nothing, another one will not either: the plugin is not told to take these devices.
const MOST_IN_VAIN: u32 = 4;

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
    /// How many of those were for the same difference: this one.
    in_vain: u32,
    blamed: Difference,
}

/// Resources and devices of which discovered and advertised functions differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Difference {
    unadvertised: BTreeSet<(String, String)>,
    stale: BTreeSet<(String, String)>,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing differs, or restarting is off.
    Nothing,
    /// Not yet, because of this; ask again after so long.
    Wait(Duration, Awaited),
    /// Restarting did not help: not again before something else differs.
    GiveUp,
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

/// What a restart waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Awaited {
    /// The device plugin may advertise them by itself yet.
    Grace,
    /// It was restarted, and that did not help so far.
    BackOff,
    /// A pod that is starting and takes functions.
    Pod {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A pod of the device plugin that runs.
    DevicePlugin,
}

impl Awaited {
    fn pod(pod: &Pod) -> Self {
        Self::Pod {
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
        }
    }
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
    let difference = Difference::of(assessment);
    if difference == Difference::default() {
        memory.calm();
        return Decision::Nothing;
    }
    if memory.is_in_vain(&difference, now) {
        // The grace of whatever differs next counts from when it does.
        memory.differs_since = Some(now);
        return Decision::GiveUp;
    }
    let due = memory.due(plugin, now);
    if now < due {
        return Decision::Wait(due.saturating_sub(now), memory.awaited());
    }
    let mut pods = cluster.pods.iter();
    let patience = due.saturating_add(PATIENCE).saturating_sub(now);
    if let Some(pod) = pods.find(|pod| takes_functions(pod, assessment))
        && !patience.is_zero()
    {
        return Decision::Wait(LATER.min(patience), Awaited::pod(pod));
    }
    match pod_of(plugin, cluster).filter(|pod| !pod.starting) {
        None => Decision::Wait(LATER, Awaited::DevicePlugin),
        Some(pod) => {
            memory.restarted(difference, now);
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
    /// The pod could not be deleted: that is waited after as after a restart, but it was none that did not help.
    pub fn failed(&mut self) {
        self.in_vain = self.in_vain.saturating_sub(1);
    }

    /// Nothing differs; the last restart is kept, so that two never follow each other at once.
    fn calm(&mut self) {
        *self = Self {
            last: self.last,
            ..Self::default()
        };
    }

    fn restarted(&mut self, difference: Difference, now: Duration) {
        self.last = Some(now);
        self.differs_since = Some(now);
        self.in_a_row = self.in_a_row.saturating_add(1);
        if self.blamed != difference {
            (self.blamed, self.in_vain) = (difference, 0);
        }
        self.in_vain = self.in_vain.saturating_add(1);
    }

    /// What is waited for until the next restart is due.
    fn awaited(&self) -> Awaited {
        match self.in_a_row {
            0 => Awaited::Grace,
            _ => Awaited::BackOff,
        }
    }

    /// When the next restart is due.
    fn due(&mut self, plugin: &DevicePlugin, now: Duration) -> Duration {
        let since = *self.differs_since.get_or_insert(now);
        let grace = since.saturating_add(plugin.grace);
        self.last.map_or(grace, |last| {
            grace.max(last.saturating_add(back_off(self.in_a_row)))
        })
    }

    /// The last restart, too, has had its time to help.
    fn is_in_vain(&self, difference: &Difference, now: Duration) -> bool {
        let is_over = |last: Duration| last.saturating_add(back_off(1)) <= now;
        self.in_vain >= MOST_IN_VAIN && self.blamed == *difference && self.last.is_none_or(is_over)
    }
}

impl Difference {
    fn of(assessment: &Assessment) -> Self {
        let mut difference = Self::default();
        for pool in &assessment.pools {
            let named = |device: &String| (pool.resource.clone(), device.clone());
            let unadvertised = pool.unadvertised.iter().map(named);
            difference.unadvertised.extend(unadvertised);
            difference.stale.extend(pool.stale.iter().map(named));
        }
        difference
    }
}

fn is_unknown(assessment: &Assessment) -> bool {
    assessment.findings.iter().any(|finding| {
        finding.kind == ConditionKind::DevicePluginInSync && finding.status == Status::Unknown
    })
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

//! What an operator should do, as Events on the Node.

use std::collections::BTreeSet;

use super::functions::look;
use super::words::listed;
use crate::node::assess::{
    Advice, Assessment, ConditionKind, Finding, PoolVerdict, Status, VfReason,
};
use crate::node::binder;
use crate::node::cluster::Cluster;
use crate::node::config::Config;
use crate::node::device_plugin::pod_of;
use crate::node::facts::{Area, Facts};
use crate::words::{are, count, cut};

/// Bytes of an Event's message, as the API server takes them (k8s.io/kubernetes, pkg/apis/core/validation/events.go).
pub(in crate::node) const MESSAGE_LIMIT: usize = 1024;

/// Reasons of advice that a restart of the device plugin follows.
pub(in crate::node) const NOT_ADVERTISED: &str = "FunctionsNotAdvertised";
pub(in crate::node) const STALE: &str = "StaleAdvertisement";

/// Advice on functions, then what other conditions ask an operator to do.
#[must_use]
pub fn advice(
    facts: &Facts,
    cluster: &Cluster,
    config: &Config,
    assessment: &Assessment,
) -> Vec<Advice> {
    let restart = restart(cluster, config);
    let idle = binder::idle(facts, config);
    let pools = assessment.pools.iter();
    let pools = pools
        .filter(|_| is_certain(facts, assessment))
        .flat_map(|pool| of_pool(assessment, pool, &restart, &idle));
    let findings = assessment
        .findings
        .iter()
        .filter(|finding| asks_for_a_hand(finding));
    let findings = findings.map(|finding| (finding.reason, finding.message.clone()));
    pools
        .chain(findings)
        .map(|(reason, message)| Advice {
            reason,
            message: cut(&message, MESSAGE_LIMIT),
        })
        .collect()
}

/// Otherwise nobody knows which functions pods hold, and following the advice could take one from them.
fn is_certain(facts: &Facts, assessment: &Assessment) -> bool {
    let is_unknown = |finding: &Finding| {
        finding.kind == ConditionKind::DevicePluginInSync && finding.status == Status::Unknown
    };
    let mut problems = facts.problems.iter();
    !assessment.findings.iter().any(is_unknown)
        && problems.all(|problem| problem.area != Area::Kubelet)
}

/// `idle` are the functions that an operator may bind without hurting anybody.
fn of_pool(
    assessment: &Assessment,
    pool: &PoolVerdict,
    restart: &str,
    idle: &BTreeSet<&str>,
) -> Vec<(&'static str, String)> {
    let mut advice = Vec::new();
    let resource = &pool.resource;
    let waiting = pool.unadvertised.len();
    if waiting > 0 {
        let (vfs, are) = (count(waiting, "VF"), are(waiting));
        let told = format!("{vfs} on vfio-pci {are} not advertised as {resource}: {restart}");
        advice.push((NOT_ADVERTISED, told));
    }
    let stale = pool.stale.len();
    if stale > 0 {
        let which = listed(&pool.stale);
        let (devices, are) = (count(stale, "device"), are(stale));
        let told = format!(
            "{devices} {are} advertised as {resource}, but gone or not on vfio-pci ({which}), and a VM would fail with them: {restart}"
        );
        advice.push((STALE, told));
    }
    let unbound: Vec<&str> = assessment
        .vfs
        .iter()
        .filter(|vf| vf.pool.as_ref() == Some(resource) && vf.holder.is_none())
        .filter(|vf| {
            vf.reasons.contains(&VfReason::NoDriver) || vf.reasons.contains(&VfReason::HostDriver)
        })
        .map(|vf| vf.address.as_str())
        .filter(|address| idle.contains(address))
        .collect();
    if !unbound.is_empty() {
        let which = listed(&unbound);
        let (vfs, are) = (count(unbound.len(), "VF"), are(unbound.len()));
        let told = format!(
            "{vfs} of {resource} {are} not on vfio-pci ({which}): dpdk-devbind.py -b vfio-pci ADDRESS, or name their card in the exporter's binder"
        );
        advice.push(("FunctionsNotBound", told));
    }
    advice
}

/// How the device plugin is restarted here. Whether the exporter does so now is added by who knows (`device_plugin::tell`).
fn restart(cluster: &Cluster, config: &Config) -> String {
    let plugin = &config.device_plugin;
    match pod_of(plugin, cluster) {
        Some(_) if plugin.restart => "the exporter may restart the device plugin".to_owned(),
        Some(pod) => format!(
            "restart the device plugin: kubectl delete pod -n {} {}",
            pod.namespace, pod.name
        ),
        None => format!(
            "no pod of the device plugin is on this node: {}",
            look(plugin)
        ),
    }
}

/// The condition is bad and gets better only if somebody does something. What concerns the device plugin is told above,
/// by pool; a volume without PersistentVolume, and a node without virtualization, may be meant so.
fn asks_for_a_hand(finding: &Finding) -> bool {
    match finding.kind {
        ConditionKind::DiskPressure => finding.status == Status::True,
        ConditionKind::VolumesHealthy | ConditionKind::HugePagesInSync => {
            finding.status == Status::False
        }
        ConditionKind::DevicePluginInSync => {
            finding.status == Status::False
                && matches!(finding.reason, "DevicePluginGone" | "BinderRefused")
        }
        ConditionKind::VirtualizationReady => finding.reason == "IommuOff",
        ConditionKind::PvsInSync => {
            finding.status == Status::False && finding.reason != "Unoffered"
        }
    }
}

//! Whether the kubelet advertises the functions that are there.

use super::words::listed;
use super::{Seen, Verdict};
use crate::node::assess::PoolVerdict;
use crate::node::binder::{self, Plan};
use crate::node::config::DevicePlugin;
use crate::node::facts::Area;
use crate::words::{are, count};

/// Worst first: a device plugin that is gone, then devices that a VM would fail with, then functions that wait; last what
/// the binder refuses.
pub(super) fn device_plugin(seen: &Seen<'_>) -> Verdict {
    let plan = binder::plan(seen.facts, seen.config);
    let (refusals, absent) = (refusals(&plan), absent(&plan));
    let pools = &seen.assessment.pools;
    if pools.is_empty() && refusals.is_none() {
        // No pool is nothing bad; but nobody else tells of a kubelet or of cards that can't be asked.
        return Verdict::good("NoPools", "the config names no virtual functions for VMs")
            .and(absent)
            .and(seen.problems(Area::Kubelet))
            .and(seen.problems(Area::Functions));
    }
    if seen.facts.kubelet.is_none() {
        let problems = seen.problems(Area::Kubelet).unwrap_or_default();
        let message = format!(
            "the kubelet's podresources socket does not answer, so nobody knows which functions are taken: {problems}"
        );
        return Verdict::unknown("KubeletSilent", message)
            .and(refusals)
            .and(absent);
    }
    let told = |tell: fn(&Seen<'_>, &PoolVerdict) -> Option<String>| {
        let told: Vec<String> = pools.iter().filter_map(|pool| tell(seen, pool)).collect();
        (!told.is_empty()).then(|| listed(&told))
    };
    let causes = [
        ("DevicePluginGone", told(gone)),
        ("StaleAdvertisement", told(stale)),
        ("NotAdvertised", told(unadvertised)),
        ("BinderRefused", refusals),
    ];
    let causes: Vec<(&str, String)> = causes
        .into_iter()
        .filter_map(|(reason, told)| Some((reason, told?)))
        .collect();
    let Some(&(reason, _)) = causes.first() else {
        let message = pools.iter().map(|pool| {
            format!(
                "{} of {} of {} are advertised",
                pool.advertised, pool.discovered, pool.resource
            )
        });
        let message = listed(&message.collect::<Vec<_>>());
        return seen
            .good_if_readable(Area::Functions, "InSync", message)
            .and(absent);
    };
    let told: Vec<String> = causes.into_iter().map(|(_, told)| told).collect();
    Verdict::bad(reason, told.join("; "))
        .and(absent)
        .and(seen.problems(Area::Functions))
}

/// When the device plugin dies, capacity stays and allocatable is 0 at once (facts: domain 3.3).
fn is_gone(capacity: u64, pool: &PoolVerdict) -> bool {
    capacity > 0 && pool.node_allocatable == 0 && pool.advertised == 0
}

fn gone(seen: &Seen<'_>, pool: &PoolVerdict) -> Option<String> {
    let node = seen.cluster.node.as_ref()?;
    let capacity = node
        .capacity
        .get(&pool.resource)
        .copied()
        .unwrap_or_default();
    let look = look(&seen.config.device_plugin);
    is_gone(capacity, pool).then(|| {
        format!(
            "{}: the kubelet knows {capacity} devices and offers 0: device plugin gone, or not registered again: {look}",
            pool.resource
        )
    })
}

fn stale(seen: &Seen<'_>, pool: &PoolVerdict) -> Option<String> {
    (is_readable(seen) && !pool.stale.is_empty()).then(|| {
        format!(
            "{} of {} of {} {} advertised, but gone or not on vfio-pci, and a VM would fail with them: {}",
            pool.stale.len(),
            count(pool.advertised, "device"),
            pool.resource,
            are(pool.stale.len()),
            listed(&pool.stale)
        )
    })
}

fn unadvertised(seen: &Seen<'_>, pool: &PoolVerdict) -> Option<String> {
    (is_readable(seen) && !pool.unadvertised.is_empty()).then(|| {
        format!(
            "{} of {} of {} {} good for VMs but not advertised, restart the device plugin: {}",
            pool.unadvertised.len(),
            count(pool.discovered, "function"),
            pool.resource,
            are(pool.unadvertised.len()),
            listed(&pool.unadvertised)
        )
    })
}

/// Of functions that can't be read, nobody can say what should be advertised.
fn is_readable(seen: &Seen<'_>) -> bool {
    seen.problems(Area::Functions).is_none() && seen.problems(Area::Kubelet).is_none()
}

fn refusals(plan: &Plan) -> Option<String> {
    let told: Vec<String> = plan
        .refusals
        .iter()
        .map(|refusal| format!("{}: {}", refusal.device, refusal.reason))
        .collect();
    (!told.is_empty()).then(|| format!("the binder leaves alone {}", listed(&told)))
}

fn absent(plan: &Plan) -> Option<String> {
    let absent = &plan.absent;
    (!absent.is_empty()).then(|| {
        let cards = listed(absent);
        format!("the binder names cards that are not seen on this node: {cards}")
    })
}

/// The command that shows the device plugin's pods.
pub(super) fn look(plugin: &DevicePlugin) -> String {
    let labels: Vec<String> = plugin
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    format!(
        "kubectl get pods -n {} -l {} -o wide",
        plugin.namespace,
        labels.join(",")
    )
}

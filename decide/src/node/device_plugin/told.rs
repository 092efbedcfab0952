//! What the agent does about the device plugin, where an operator reads that it is to be restarted.

use super::{Awaited, Decision, PATIENCE, pod_of};
use crate::node::assess::Advice;
use crate::node::cluster::{Cluster, Pod};
use crate::node::conditions::advice::{MESSAGE_LIMIT, NOT_ADVERTISED, STALE};
use crate::node::config::Config;
use crate::words::cut;

/// Adds to advice about the device plugin what comes of it. No text changes as time goes by, only as the decision does: each
/// change is another Event.
pub fn tell(advice: &mut [Advice], decision: &Decision, cluster: &Cluster, config: &Config) {
    // Without a pod there is nothing to restart, and the advice says so.
    let Some(pod) = pod_of(&config.device_plugin, cluster) else {
        return;
    };
    let told = match decision {
        Decision::Nothing => return,
        Decision::Wait(_, awaited) => waits(awaited, pod, config),
        Decision::GiveUp => format!(
            ", but doing so did not help, so it is left alone until something else differs: compare its resourceList with vfPools, and see kubectl logs -n {} {}",
            pod.namespace, pod.name
        ),
        Decision::Restart { .. } => ", and does so now".to_owned(),
    };
    let is_about_it = |advice: &&mut Advice| matches!(advice.reason, NOT_ADVERTISED | STALE);
    for advice in advice.iter_mut().filter(is_about_it) {
        let message = format!("{}{told}", advice.message);
        advice.message = cut(&message, MESSAGE_LIMIT);
    }
}

fn waits(awaited: &Awaited, plugin_pod: &Pod, config: &Config) -> String {
    match awaited {
        Awaited::Grace => {
            let seconds = config.device_plugin.grace.as_secs();
            format!(", and does so when they have differed for {seconds} s")
        }
        Awaited::BackOff => {
            ", and did so; that has not helped yet, and is tried again later".to_owned()
        }
        Awaited::Pod { namespace, name } => {
            let minutes = PATIENCE.as_secs() / 60;
            format!(
                ", and waits for {namespace}/{name}, which is starting and may take a function; {minutes} minutes at most"
            )
        }
        Awaited::DevicePlugin => {
            let (namespace, name) = (&plugin_pod.namespace, &plugin_pod.name);
            format!(", and waits for {name} to run: kubectl describe pod -n {namespace} {name}")
        }
    }
}

#[cfg(test)]
mod tests;

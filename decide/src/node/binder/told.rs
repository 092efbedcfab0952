//! What became of the binder's steps, where people read it.

use std::collections::BTreeMap;

use super::Plan;
use crate::node::assess::{Advice, Assessment, ConditionKind, Finding, Status};
use crate::node::conditions::MESSAGE_LIMIT;
use crate::node::conditions::words::listed;
use crate::words::cut;

/// Reason of the condition and of the Event.
const REASON: &str = "BinderFailed";

/// How the binder fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The node's sysfs is not writable for it.
    ReadOnly,
    /// Why devices are still not as the plan wants them, by address. The texts stay the same as long as the trouble does.
    Works(BTreeMap<String, String>),
}

/// Adds to condition and advice what the plan still wants and the binder could not do.
///
/// A condition that names something worse keeps its reason, and one that is Unknown stays so: this does not make known what
/// could not be read.
pub fn tell(assessment: &mut Assessment, plan: &Plan, standing: &Standing) {
    let told = match standing {
        Standing::ReadOnly => without_sysfs(plan),
        Standing::Works(troubles) => failed(troubles),
    };
    let Some(told) = told else {
        return;
    };
    let mut findings = assessment.findings.iter_mut();
    let is_it = |finding: &&mut Finding| finding.kind == ConditionKind::DevicePluginInSync;
    if let Some(finding) = findings.find(is_it) {
        let message = match finding.status {
            Status::True => {
                (finding.status, finding.reason) = (Status::False, REASON);
                format!("{told}; {}", finding.message)
            }
            Status::False | Status::Unknown => format!("{}; {told}", finding.message),
        };
        finding.message = cut(&message, MESSAGE_LIMIT);
    }
    assessment.advice.push(Advice {
        reason: REASON,
        message: cut(&told, MESSAGE_LIMIT),
    });
}

/// The config can be changed in a running agent, what its pod mounts can't.
fn without_sysfs(plan: &Plan) -> Option<String> {
    let devices: Vec<&str> = plan.steps.iter().map(|step| step.address()).collect();
    (!devices.is_empty()).then(|| {
        format!(
            "the binder may not write to sysfs, so these stay as they are: {}: the chart value exporter.binder is what mounts sysfs writable: set it by helm upgrade",
            listed(&devices)
        )
    })
}

/// One cause, such as a module that is not loaded, may concern every function of a card.
fn failed(troubles: &BTreeMap<String, String>) -> Option<String> {
    let mut causes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (device, cause) in troubles {
        causes.entry(cause).or_default().push(device);
    }
    let told = causes.iter().map(|(cause, devices)| {
        let says_which = devices.iter().all(|device| cause.contains(device));
        if says_which {
            (*cause).to_owned()
        } else {
            format!("{}: {cause}", listed(devices))
        }
    });
    let told: Vec<String> = told.collect();
    let told = told.join("; ");
    (!told.is_empty()).then(|| format!("the binder failed, and tries again: {told}"))
}

#[cfg(test)]
mod tests;

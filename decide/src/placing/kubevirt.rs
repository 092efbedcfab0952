//! What virt-controller will ask of a node that the VM's selectors do not say: it follows from the guest's hardware.
//!
//! By KubeVirt 1.8.4, pkg/virt-controller/services/nodeselectorrenderer.go and template.go (`newNodeSelectorRenderer`,
//! `setNodeAffinityForPod`). What only the cluster's configuration says (selectors for all VMs, a default CPU model) is not known here.

use std::fmt;

use super::offered::{YES, number};
use crate::event::Node;
use crate::names;
use crate::view::placed::{Cpu, Hyperv, InstanceSpec, LaunchSecurity, Switch};

/// What virt-controller gives to a guest that names no CPU model.
const HOST_MODEL: &str = "host-model";
const HOST_PASSTHROUGH: &str = "host-passthrough";
/// Processor feature that a guest with eVMCS gets (pkg/defaults/hyperv.go, `setEVMCSDependency`).
const NESTED: &str = "vmx";

/// A label that the launcher pod asks for, or against.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask {
    what: What,
    /// The label.
    label: String,
    /// What is behind its beginning, or its value.
    name: String,
}

/// Why a label is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Architecture,
    Dedicated,
    Model,
    Feature,
    ForbiddenFeature,
    HostModel,
    Machine,
    Hyperv,
    Vendor,
    Tsc,
    Realtime,
    Encryption,
}

impl Ask {
    /// By a label that begins so.
    fn of(what: What, kind: &str, name: &str) -> Self {
        Self {
            what,
            label: format!("{kind}{name}"),
            name: name.to_owned(),
        }
    }

    /// By a label of its own.
    fn by(what: What, label: &str, name: &str) -> Self {
        Self {
            what,
            label: label.to_owned(),
            name: name.to_owned(),
        }
    }

    /// A clock of so many Hertz, which virt-controller writes into an instance's status (`topologyHints`).
    pub(super) fn tsc(frequency: u64) -> Self {
        Self::of(What::Tsc, names::TSC_LABELS, &frequency.to_string())
    }

    /// Whether this node has what is asked for. Labels of machine types, and those of Hyper-V, which are asked for only behind a feature
    /// gate, count only on nodes that have others of their kind: elsewhere nobody says what the node can do.
    pub(super) fn is_met(&self, node: &Node) -> bool {
        let has = || {
            let number = number(&self.label);
            node.offered.has(number) || node.labels.get(&self.label).is_some_and(|it| it == YES)
        };
        let told = |kind: &str| node.offered.has(number(kind));
        match self.what {
            What::Architecture => node.labels.get(&self.label) == Some(&self.name),
            What::ForbiddenFeature | What::HostModel => node.label(&self.label).is_none(),
            What::Machine => has() || !told(names::MACHINE_TYPE_LABELS),
            What::Hyperv => has() || !told(names::HYPERV_LABELS),
            What::Vendor => has() || !told(names::CPU_VENDOR_LABELS),
            What::Dedicated
            | What::Model
            | What::Feature
            | What::Tsc
            | What::Realtime
            | What::Encryption => has(),
        }
    }
}

/// All that the launcher pod of this instance will ask for.
pub(super) fn asks(spec: &InstanceSpec<'_>) -> Vec<Ask> {
    let mut asks = Vec::new();
    let architecture = spec.architecture.as_deref().filter(|it| !it.is_empty());
    // A selector of the user's for the same label is taken instead.
    let selected = spec.node_selector.as_ref();
    let is_selected = selected.is_some_and(|it| it.get(names::ARCHITECTURE_LABEL).is_some());
    if let Some(architecture) = architecture.filter(|_| !is_selected) {
        let name = architecture.to_lowercase();
        asks.push(Ask::by(
            What::Architecture,
            names::ARCHITECTURE_LABEL,
            &name,
        ));
    }
    let Some(domain) = &spec.domain else {
        return asks;
    };
    let hyperv = domain.features.and_then(|it| it.hyperv);
    let nested = hyperv.is_some_and(|it| has_evmcs(&it));
    of_cpu(&domain.cpu.clone().unwrap_or_default(), nested, &mut asks);
    let machine = domain.machine.as_ref().and_then(|it| it.kind.as_deref());
    if let Some(machine) = machine.filter(|it| !it.is_empty()) {
        asks.push(Ask::of(What::Machine, names::MACHINE_TYPE_LABELS, machine));
    }
    if let Some(hyperv) = &hyperv {
        of_hyperv(hyperv, &mut asks);
    }
    if let Some(security) = &domain.launch_security {
        of_encryption(security, architecture, &mut asks);
    }
    asks
}

fn of_cpu(cpu: &Cpu<'_>, nested: bool, asks: &mut Vec<Ask>) {
    if cpu.dedicated_cpu_placement == Some(true) {
        asks.push(Ask::by(What::Dedicated, names::CPU_MANAGER_LABEL, ""));
    }
    if cpu.realtime.is_some() {
        asks.push(Ask::by(What::Realtime, names::REALTIME_LABEL, ""));
    }
    match cpu.model.as_deref().filter(|it| !it.is_empty()) {
        None | Some(HOST_MODEL) => {
            let label = names::OBSOLETE_HOST_MODEL_LABEL;
            asks.push(Ask::by(What::HostModel, label, ""));
        }
        Some(HOST_PASSTHROUGH) => {}
        Some(model) => asks.push(Ask::of(What::Model, names::CPU_MODEL_LABELS, model)),
    }
    for feature in cpu.features.iter().flatten() {
        let name = feature.name.as_deref().unwrap_or_default();
        let what = match feature.policy.as_deref().unwrap_or_default() {
            _ if nested && name == NESTED => continue,
            "" | "require" => What::Feature,
            "forbid" => What::ForbiddenFeature,
            _ => continue,
        };
        asks.push(Ask::of(what, names::CPU_FEATURE_LABELS, name));
    }
    if nested {
        asks.push(Ask::of(What::Feature, names::CPU_FEATURE_LABELS, NESTED));
    }
}

/// Absent is on, for this one.
fn has_evmcs(hyperv: &Hyperv) -> bool {
    hyperv.evmcs.is_some_and(|it| it.enabled != Some(false))
}

fn of_hyperv(hyperv: &Hyperv, asks: &mut Vec<Ask>) {
    let is_on = |switch: Option<Switch>| switch.is_some_and(|it| it.enabled == Some(true));
    let switches = [
        ("vpindex", hyperv.vpindex),
        ("runtime", hyperv.runtime),
        ("reset", hyperv.reset),
        ("synic", hyperv.synic),
        ("synictimer", hyperv.synictimer),
        ("frequencies", hyperv.frequencies),
        ("reenlightenment", hyperv.reenlightenment),
        ("tlbflush", hyperv.tlbflush),
        ("ipi", hyperv.ipi),
    ];
    let on = switches.into_iter().filter(|(_, switch)| is_on(*switch));
    asks.extend(on.map(|(name, _)| Ask::of(What::Hyperv, names::HYPERV_LABELS, name)));
    if has_evmcs(hyperv) {
        asks.push(Ask::of(What::Vendor, names::CPU_VENDOR_LABELS, "Intel"));
    }
}

/// By pkg/util/amd64.go and s390x.go.
fn of_encryption(security: &LaunchSecurity, architecture: Option<&str>, asks: &mut Vec<Ask>) {
    let policy = security.sev.and_then(|it| it.policy);
    let is_es = policy.and_then(|it| it.encrypted_state) == Some(true);
    let kinds = [
        (
            security.sev.is_some() || security.snp.is_some(),
            names::SEV_LABEL,
            "SEV",
        ),
        (is_es, names::SEV_ES_LABEL, "SEV-ES"),
        (security.snp.is_some(), names::SEV_SNP_LABEL, "SEV-SNP"),
        (security.tdx.is_some(), names::TDX_LABEL, "TDX"),
        (
            architecture == Some("s390x"),
            names::SECURE_EXECUTION_LABEL,
            "Secure Execution",
        ),
    ];
    let asked = kinds.into_iter().filter(|(is_asked, ..)| *is_asked);
    asks.extend(asked.map(|(_, label, name)| Ask::by(What::Encryption, label, name)));
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, label, name } = self;
        let offered = match what {
            What::Architecture => {
                return write!(
                    f,
                    "the VM's architecture is {name} (no label {label}={name})"
                );
            }
            What::HostModel => {
                return write!(
                    f,
                    "the VM takes the CPU model of its node, which is obsolete there (label {label})"
                );
            }
            What::ForbiddenFeature => {
                return write!(f, "the VM forbids the CPU feature {name} (label {label})");
            }
            What::Dedicated => "dedicated CPUs are",
            What::Realtime => "real time is",
            What::Model => "CPU model",
            What::Feature => "CPU feature",
            What::Vendor => "CPU vendor",
            What::Machine => "machine type",
            What::Hyperv => "Hyper-V feature",
            What::Tsc => "TSC frequency",
            What::Encryption => "memory encryption",
        };
        let is = if name.is_empty() {
            String::new()
        } else {
            format!(" {name} is")
        };
        write!(
            f,
            "the VM's {offered}{is} not offered there (no label {label}={YES})"
        )
    }
}

#[cfg(test)]
mod tests;

//! The machine: what it takes to run VMs, and the policies of its kubelet.

use std::io;

use rustix::fs::FileType;
use serde::Deserialize;
use vmberth_decide::node::facts::{Area, MachineFacts};

use crate::roots::Roots;

use super::read::{FILE, Host, if_there};

const CPUINFO: &str = "/proc/cpuinfo";
const CMDLINE: &str = "/proc/cmdline";
/// The kernel's word on `/dev/kvm`, which the agent's pod does not have.
const KVM: &str = "/sys/devices/virtual/misc/kvm";
const KVM_DEVICE: &str = "/dev/kvm";
const GROUPS: &str = "/sys/kernel/iommu_groups";
/// Arguments of the kernel about huge pages (admin-guide/kernel-parameters.txt).
const HUGEPAGE_ARGUMENTS: [&str; 4] = [
    "default_hugepagesz",
    "hugepagesz",
    "hugepages",
    "hugetlb_cma",
];
/// Policy of a topology manager that nobody configured (kubelet.config.k8s.io/v1beta1).
const DEFAULT_TOPOLOGY: &str = "none";

/// A manager's checkpoint (k8s.io/kubernetes 1.33, pkg/kubelet/cm/{cpumanager,memorymanager}/state/checkpoint.go).
#[derive(Deserialize)]
struct State {
    #[serde(rename = "policyName")]
    policy: String,
}

/// The kubelet's configuration, as far as it is read here.
#[derive(Deserialize)]
struct Configuration {
    #[serde(rename = "topologyManagerPolicy")]
    topology: Option<String>,
}

/// Reads it. The kubelet's files lie beside the secrets of all pods, so that the agent's pod does not have them either: then
/// its policies are not told.
pub(super) fn read(host: &Host, roots: &Roots) -> MachineFacts {
    let command_line = noted(host, CMDLINE, host.text(CMDLINE, FILE)).unwrap_or_default();
    let groups = noted(host, GROUPS, if_there(host.names(GROUPS))).flatten();
    let kind = |path| noted(host, path, host.kind(path)).flatten();
    let kvm = kind(KVM) == Some(FileType::Directory)
        || kind(KVM_DEVICE) == Some(FileType::CharacterDevice);
    MachineFacts {
        virtualization: virtualization(host),
        kvm,
        iommu: groups.is_some_and(|groups| !groups.is_empty()),
        isolated_cpus: arguments(&command_line)
            .filter_map(|(_, argument)| argument.strip_prefix("isolcpus="))
            .next_back()
            .map(str::to_owned),
        hugepage_arguments: arguments(&command_line)
            .filter(|(key, _)| HUGEPAGE_ARGUMENTS.contains(key))
            .map(|(_, argument)| argument.to_owned())
            .collect(),
        cpu_manager: manager(host, &roots.kubelet("cpu_manager_state")),
        memory_manager: manager(host, &roots.kubelet("memory_manager_state")),
        topology_manager: topology(host, &roots.kubelet("config.yaml")),
    }
}

fn noted<T>(host: &Host, path: &str, result: io::Result<T>) -> Option<T> {
    host.noted(Area::Machine, path, result)
}

/// The flag of the first processor; the others are not read.
fn virtualization(host: &Host) -> Option<String> {
    let start = noted(host, CPUINFO, host.start(CPUINFO, FILE))?;
    let text = String::from_utf8_lossy(&start);
    let flags = text.lines().find(|line| line.starts_with("flags"))?;
    let (_, flags) = flags.split_once(':')?;
    flags
        .split_ascii_whitespace()
        .find(|flag| matches!(*flag, "vmx" | "svm"))
        .map(str::to_owned)
}

/// Arguments of the kernel with their keys, in order.
fn arguments(command_line: &str) -> impl DoubleEndedIterator<Item = (&str, &str)> {
    command_line.split_ascii_whitespace().map(|argument| {
        let key = argument.split_once('=').map_or(argument, |(key, _)| key);
        (key, argument)
    })
}

/// Policy of the CPU or memory manager.
fn manager(host: &Host, path: &str) -> Option<String> {
    let text = noted(host, path, if_there(host.text(path, FILE))).flatten()?;
    let state = serde_json::from_str(&text).map_err(io::Error::other);
    noted(host, path, state).map(|state: State| state.policy)
}

/// Policy of the topology manager.
fn topology(host: &Host, path: &str) -> Option<String> {
    let text = noted(host, path, if_there(host.text(path, FILE))).flatten()?;
    let configuration = serde_saphyr::from_str(&text).map_err(|error| {
        let error = error.to_string();
        io::Error::other(error.lines().next().unwrap_or("not YAML").to_owned())
    });
    let configuration: Configuration = noted(host, path, configuration)?;
    let policy = configuration.topology.filter(|policy| !policy.is_empty());
    Some(policy.unwrap_or_else(|| DEFAULT_TOPOLOGY.to_owned()))
}

//! Processors and memory: whether a node could ever give a VM what its launcher pod will request.
//!
//! What is free is kube-scheduler's affair, when there is that pod. But a disk must not be put on a node that is too small even when
//! it is empty. Asked is the least that the pod will request (KubeVirt 1.8.4, pkg/virt-controller/services/renderresources.go): the
//! guest's memory without what KubeVirt adds to it, and processors that are dedicated or requested by name.

use std::fmt;

use crate::quantity::{format_bytes, parse_bytes};
use crate::view::Resources;
use crate::view::placed::{Cpu, Domain};

/// What a node has for pods, or what a VM's pod requests; `None` if nobody says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// Thousandths of a processor.
    pub milli_cpus: Option<u64>,
    /// Bytes of memory that are no huge pages.
    pub memory: Option<u64>,
}

/// Of what a node has too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// Thousandths of a processor.
    Cpus,
    /// Bytes of memory.
    Memory,
}

/// Why a node is too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TooSmall {
    /// Of what.
    pub of: Of,
    /// How much is requested.
    pub needs: u64,
    /// How much pods can have.
    pub has: u64,
}

impl Room {
    /// Of the amounts that a node or a pod writes.
    #[must_use]
    pub fn of(cpus: Option<&str>, memory: Option<&str>) -> Self {
        Self {
            milli_cpus: cpus.and_then(milli),
            memory: memory.and_then(bytes),
        }
    }

    /// What a guest's launcher pod will request, at least.
    pub(super) fn of_guest(domain: &Domain<'_>) -> Self {
        let resources = domain.resources.as_ref();
        Self {
            milli_cpus: domain.cpu.as_ref().map_or_else(
                || requested(resources, "cpu", milli),
                |cpu| cpus(cpu, resources),
            ),
            memory: memory(domain),
        }
    }

    /// Whether so much is within this node.
    pub(super) fn within(&self, node: &Self) -> Result<(), TooSmall> {
        let asked = [
            (Of::Cpus, self.milli_cpus, node.milli_cpus),
            (Of::Memory, self.memory, node.memory),
        ];
        for (of, needs, has) in asked {
            if let (Some(needs), Some(has)) = (needs, has)
                && needs > has
            {
                return Err(TooSmall { of, needs, has });
            }
        }
        Ok(())
    }
}

/// Dedicated ones are as many as the guest sees, which are as many as it requests if it does not say (`GetNumberOfVCPUs` and
/// `SetDefaultGuestCPUTopology`). Others are shared by a ratio that the cluster's configuration says.
fn cpus(cpu: &Cpu<'_>, resources: Option<&Resources<'_>>) -> Option<u64> {
    let requested = requested(resources, "cpu", milli);
    if cpu.dedicated_cpu_placement != Some(true) {
        return requested;
    }
    let said = [cpu.cores, cpu.sockets, cpu.threads].map(|it| it.filter(|it| *it > 0));
    let product = said.into_iter().flatten();
    let product = product.fold(1, |product: u64, it| product.saturating_mul(it.into()));
    let limit = resources.and_then(|it| it.limits.as_ref()?.get("cpu"));
    let limit = limit.and_then(|limit| milli(limit));
    let own = if said.iter().any(Option::is_some) {
        product
    } else {
        limit.or(requested).map_or(1, |it| it.div_ceil(1_000))
    };
    let qemu = u64::from(cpu.isolate_emulator_thread == Some(true));
    Some(own.saturating_add(qemu).saturating_mul(1_000))
}

/// Huge pages are counted elsewhere.
fn memory(domain: &Domain<'_>) -> Option<u64> {
    let memory = domain.memory.as_ref();
    if memory.is_some_and(|it| it.hugepages.is_some()) {
        return None;
    }
    let guest = || bytes(memory?.guest.as_deref()?);
    requested(domain.resources.as_ref(), "memory", bytes).or_else(guest)
}

/// What is limited and not requested is requested as well.
fn requested(
    resources: Option<&Resources<'_>>,
    name: &str,
    read: fn(&str) -> Option<u64>,
) -> Option<u64> {
    let all = resources?;
    let amounts = [all.requests.as_ref(), all.limits.as_ref()];
    let mut amounts = amounts.into_iter().flatten();
    amounts.find_map(|it| read(it.get(name)?))
}

fn bytes(text: &str) -> Option<u64> {
    parse_bytes(text).ok().filter(|it| *it > 0)
}

/// `4`, `3.5` or `3500m`; other ways to write it are whole processors.
fn milli(text: &str) -> Option<u64> {
    let plain =
        |text: &str| text.ends_with(|c: char| c.is_ascii_digit()) && !text.contains(['e', 'E']);
    let milli = match text.strip_suffix('m') {
        Some(milli) => parse_bytes(milli).ok(),
        None if plain(text) => parse_bytes(&format!("{text}e3")).ok(),
        None => (parse_bytes(text).ok()).and_then(|whole| whole.checked_mul(1_000)),
    };
    milli.filter(|it| *it > 0)
}

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, needs, has } = self;
        let written = |amount: u64| match of {
            Of::Memory => format_bytes(amount),
            Of::Cpus if amount.is_multiple_of(1_000) => (amount / 1_000).to_string(),
            Of::Cpus => format!("{amount}m"),
        };
        let what = match of {
            Of::Memory => "memory",
            Of::Cpus => "CPUs",
        };
        let (needs, has) = (written(*needs), written(*has));
        write!(
            f,
            "will need {needs} of {what}: pods can have {has} at most"
        )
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    /// KubeVirt 1.8.4: renderresources.go (`WithMemoryRequests`, `WithCPUPinning`, `WithoutDedicatedCPU`), pkg/defaults/defaults.go.
    #[rstest]
    #[case::nothing(json!({}), None, None)]
    #[case::guest(json!({"memory": {"guest": "4Gi"}}), None, Some(4 << 30))]
    #[case::request_is_what_counts(json!({"memory": {"guest": "4Gi"}, "resources": {"requests": {"memory": "1Gi"}}}), None, Some(1 << 30))]
    #[case::limit_is_requested(json!({"resources": {"limits": {"memory": "2Gi", "cpu": "2500m"}}}), Some(2_500), Some(2 << 30))]
    #[case::huge_pages_are_no_memory(json!({"memory": {"guest": "4Gi", "hugepages": {"pageSize": "1Gi"}}, "resources": {"requests": {"memory": "4Gi"}}}), None, None)]
    #[case::shared_cpus_are_divided_by_a_ratio(json!({"cpu": {"cores": 64}}), None, None)]
    #[case::shared_cpus_that_are_requested(json!({"cpu": {"cores": 64}, "resources": {"requests": {"cpu": "3.5"}}}), Some(3_500), None)]
    #[case::dedicated(json!({"cpu": {"cores": 2, "threads": 2, "dedicatedCpuPlacement": true}}), Some(4_000), None)]
    #[case::dedicated_and_qemu(json!({"cpu": {"sockets": 3, "dedicatedCpuPlacement": true, "isolateEmulatorThread": true}}), Some(4_000), None)]
    #[case::dedicated_as_limited(json!({"cpu": {"dedicatedCpuPlacement": true}, "resources": {"limits": {"cpu": 6}}}), Some(6_000), None)]
    #[case::dedicated_and_nothing_is_said(json!({"cpu": {"dedicatedCpuPlacement": true}}), Some(1_000), None)]
    fn least_that_the_launcher_requests(
        #[case] domain: Value,
        #[case] milli_cpus: Option<u64>,
        #[case] memory: Option<u64>,
    ) {
        let text = domain.to_string();
        let found = Room::of_guest(&serde_json::from_str(&text).unwrap());
        assert_eq!(found, Room { milli_cpus, memory });
    }

    #[rstest]
    #[case::as_much(Room::of(Some("4"), Some("8Gi")), None)]
    #[case::cpus(
        Room::of(Some("3900m"), Some("8Gi")),
        Some("will need 4 of CPUs: pods can have 3900m at most")
    )]
    #[case::memory(
        Room::of(Some("4"), Some("7936Mi")),
        Some("will need 8Gi of memory: pods can have 7936Mi at most")
    )]
    #[case::nobody_says(Room::default(), None)]
    fn what_is_too_small(#[case] node: Room, #[case] words: Option<&str>) {
        let needs = Room::of(Some("4000m"), Some("8Gi"));
        let found = needs.within(&node).err().map(|it| it.to_string());
        assert_eq!(found.as_deref(), words);
    }

    #[rstest]
    #[case("1", Some(1_000))]
    #[case("0.5", Some(500))]
    #[case("250m", Some(250))]
    #[case("1k", Some(1_000_000))]
    #[case("2e1", Some(20_000))]
    #[case("0", None)]
    #[case("much", None)]
    fn thousandths(#[case] text: &str, #[case] expected: Option<u64>) {
        assert_eq!(milli(text), expected);
    }
}

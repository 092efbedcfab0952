//! Whether VMs can run at all, and whether the kubelet knows of the huge pages.

use super::words::listed;
use super::{Seen, Verdict};
use crate::node::assess::PageVerdict;
use crate::node::facts::Area;
use crate::words::{are, count};

/// The kubelet reads its capacity of huge pages when it starts, and never again (facts: domain 4).
pub(super) fn huge_pages(seen: &Seen<'_>) -> Verdict {
    if seen.cluster.node.is_none() {
        return Verdict::unknown(
            "NodeUnknown",
            "the API server has not told of this node yet",
        )
        .and(seen.problems(Area::Pages));
    }
    let pages = &seen.assessment.pages;
    let differing = pages.iter().filter_map(|pages| {
        let there = permanent(seen, pages);
        let name = &pages.name;
        let known = pages.seen_by_kubelet;
        (there != known).then(|| {
            let (pages, are) = (count(there, "page"), are(there));
            format!("{pages} of {name} {are} there, the kubelet saw {known} when it started")
        })
    });
    let differing: Vec<String> = differing.collect();
    if !differing.is_empty() {
        let told = listed(&differing);
        let message = format!("{told}: restart the kubelet: systemctl restart kubelet");
        return Verdict::bad("KubeletOutdated", message).and(seen.problems(Area::Pages));
    }
    let sizes: Vec<String> = pages
        .iter()
        .filter(|pages| pages.total > 0)
        .map(|pages| format!("{} of {}", pages.total, pages.name))
        .collect();
    if sizes.is_empty() {
        return seen.good_if_readable(Area::Pages, "NoPages", "there are no huge pages".to_owned());
    }
    let message = format!("the kubelet advertises what is there: {}", listed(&sizes));
    seen.good_if_readable(Area::Pages, "InSync", message)
}

/// Surplus pages go as soon as nobody uses them: the kubelet need not know.
fn permanent(seen: &Seen<'_>, pages: &PageVerdict) -> u64 {
    let facts = seen
        .facts
        .pages
        .iter()
        .find(|facts| facts.size == pages.size);
    pages
        .total
        .saturating_sub(facts.map_or(0, |facts| facts.surplus))
}

/// vmx or svm, /dev/kvm, and the IOMMU where functions are meant for VMs. What else can't be read of the machine is told,
/// but does not keep VMs from running.
pub(super) fn virtualization(seen: &Seen<'_>) -> Verdict {
    let machine = &seen.assessment.machine;
    let has_functions = seen.assessment.pools.iter().any(|pool| pool.discovered > 0);
    let wanting = [
        (
            machine.virtualization.is_none(),
            "cpuinfo",
            "NoVirtualization",
            "the processor shows neither vmx nor svm: switch virtualization on in the firmware, or nest it",
        ),
        (
            !machine.kvm,
            "/kvm",
            "NoKvm",
            "/dev/kvm is not there: modprobe kvm_intel, or kvm_amd",
        ),
        (
            has_functions && !machine.iommu,
            "iommu_groups",
            "IommuOff",
            "the IOMMU is off, so no VM can take a virtual function: boot with intel_iommu=on or amd_iommu=on, and iommu=pt",
        ),
    ];
    let wanting = wanting.into_iter().filter(|(wanting, ..)| *wanting);
    let (unsure, sure): (Vec<_>, Vec<_>) = wanting.partition(|(_, path, ..)| is_unread(seen, path));
    let problems = seen.problems(Area::Machine);
    // What is surely not there keeps VMs from running, whatever the rest is like.
    if let Some((_, _, reason, _)) = sure.first() {
        let told: Vec<&str> = sure.iter().map(|(_, _, _, told)| *told).collect();
        return Verdict::bad(reason, told.join("; ")).and(problems);
    }
    if !unsure.is_empty() {
        return Verdict::unknown("Unreadable", problems.unwrap_or_default());
    }
    let flag = machine.virtualization.as_deref().unwrap_or_default();
    Verdict::good("Ready", format!("{flag} and /dev/kvm are there")).and(problems)
}

/// What would show it could not be read: a file of that name, or the node's root with all that is below.
fn is_unread(seen: &Seen<'_>, path: &str) -> bool {
    let problems = seen.facts.problems.iter();
    let of_machine = problems.filter(|problem| problem.area == Area::Machine);
    let mut read = of_machine.map(|problem| problem.path.as_str());
    read.any(|read| read == "/" || read.ends_with(path))
}

//! The same as JSON, with exact numbers; `NodeInventory` has rounded ones.

use serde_json::{Value, json};
use vmberth_decide::node::Assessment;
use vmberth_decide::node::assess::{Advice, FileSystemVerdict};
use vmberth_decide::node::assess::{Finding, PageVerdict, PoolVerdict, VfVerdict, VolumeVerdict};
use vmberth_decide::node::facts::{DirectoryFacts, Interface, MachineFacts, PhysicalFunction};

/// Everything that is known; absent values are null, so that each object always has the same fields.
#[must_use]
pub fn json(assessment: &Assessment) -> Value {
    json!({
        "hostname": assessment.hostname,
        "volumes": all(&assessment.volumes, volume),
        "fileSystems": all(&assessment.file_systems, file_system),
        "physicalFunctions": all(&assessment.functions, card),
        "virtualFunctions": all(&assessment.vfs, function),
        "vfPools": all(&assessment.pools, pool),
        "hugePages": all(&assessment.pages, pages),
        "machine": machine(&assessment.machine),
        "conditions": all(&assessment.findings, condition),
        "advice": all(&assessment.advice, advice),
    })
}

fn all<T>(things: &[T], one: impl Fn(&T) -> Value) -> Vec<Value> {
    things.iter().map(one).collect()
}

fn volume(volume: &VolumeVerdict) -> Value {
    json!({
        "name": volume.name,
        "path": volume.path,
        "state": volume.state.as_str(),
        "reason": volume.reason,
        "directory": volume.directory.as_ref().map(directory),
        "persistentVolume": volume.persistent_volume,
        "ours": volume.ours,
        "capacityBytes": volume.capacity,
        "storageClass": volume.class,
        "claim": volume.claim.as_ref().map(ToString::to_string),
        "virtualMachine": volume.virtual_machine,
    })
}

fn directory(directory: &DirectoryFacts) -> Value {
    let disk = directory.disk.as_ref().map(|disk| {
        json!({
            "format": disk.format.as_str(),
            "virtualBytes": disk.virtual_bytes,
            "allocatedBytes": disk.allocated_bytes,
            "modified": disk.modified,
        })
    });
    json!({
        "fileSystem": directory.device.to_string(),
        "inode": directory.inode,
        "uid": directory.uid,
        "gid": directory.gid,
        "mode": format!("{:04o}", directory.mode),
        "selinux": directory.selinux,
        "disk": disk,
        "foreignFiles": directory.foreign.count,
        "foreignNames": directory.foreign.names,
        "mountedBy": directory.mounted_by,
    })
}

fn file_system(verdict: &FileSystemVerdict) -> Value {
    let facts = &verdict.facts;
    json!({
        "device": facts.device.to_string(),
        "mountPoint": facts.mount_point,
        "type": facts.kind,
        "sizeBytes": facts.size,
        "freeBytes": facts.free,
        "inodes": facts.inodes,
        "inodesFree": facts.inodes_free,
        "readOnly": facts.read_only,
        "volumes": verdict.volumes,
        "promisedBytes": verdict.promised,
        "diskVirtualBytes": verdict.disk_virtual,
        "diskAllocatedBytes": verdict.disk_allocated,
        "freeAfterPromisesBytes": verdict.free_after_promises,
    })
}

fn card(card: &PhysicalFunction) -> Value {
    json!({
        "address": card.address,
        "vendor": card.vendor,
        "device": card.device,
        "driver": card.driver,
        "totalVfs": card.total_vfs,
        "numVfs": card.num_vfs,
        "numaNode": card.numa,
        "interfaces": all(&card.interfaces, interface),
    })
}

fn interface(interface: &Interface) -> Value {
    json!({
        "name": interface.name,
        "operstate": interface.operstate,
        "carrier": interface.carrier,
        "up": interface.up,
        "enslaved": interface.enslaved,
        "defaultRoute": interface.default_route,
        "routed": interface.routed,
    })
}

fn function(vf: &VfVerdict) -> Value {
    let holder = vf.holder.as_ref().map(|holder| {
        json!({
            "namespace": holder.namespace,
            "pod": holder.pod,
            "container": holder.container,
            "virtualMachine": holder.virtual_machine,
        })
    });
    json!({
        "address": vf.address,
        "index": vf.index,
        "physicalFunction": vf.physical_function,
        "numaNode": vf.numa,
        "resource": vf.pool,
        "free": vf.is_free(),
        "holder": holder,
        "reasons": super::reasons(vf),
    })
}

fn pool(pool: &PoolVerdict) -> Value {
    json!({
        "resource": pool.resource,
        "discovered": pool.discovered,
        "free": pool.free,
        "allocated": pool.allocated,
        "advertised": pool.advertised,
        "nodeAllocatable": pool.node_allocatable,
        "unadvertised": pool.unadvertised,
        "stale": pool.stale,
    })
}

fn pages(pages: &PageVerdict) -> Value {
    let cells = pages
        .cells
        .iter()
        .map(|(cell, pages)| json!({"numaNode": cell, "total": pages.total, "free": pages.free}));
    json!({
        "size": pages.name,
        "sizeBytes": pages.size,
        "total": pages.total,
        "free": pages.free,
        "advertised": pages.advertised,
        "seenByKubelet": pages.seen_by_kubelet,
        "numaNodes": cells.collect::<Vec<_>>(),
    })
}

fn machine(machine: &MachineFacts) -> Value {
    json!({
        "virtualization": machine.virtualization,
        "kvm": machine.kvm,
        "iommu": machine.iommu,
        "isolatedCpus": machine.isolated_cpus,
        "hugepageArguments": machine.hugepage_arguments,
        "cpuManager": machine.cpu_manager,
        "memoryManager": machine.memory_manager,
        "topologyManager": machine.topology_manager,
    })
}

fn condition(finding: &Finding) -> Value {
    json!({
        "type": finding.kind.as_str(),
        "status": finding.status.as_str(),
        "reason": finding.reason,
        "message": finding.message,
    })
}

fn advice(advice: &Advice) -> Value {
    json!({"reason": advice.reason, "message": advice.message})
}

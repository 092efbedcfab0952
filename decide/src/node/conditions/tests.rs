mod functions;

use std::collections::{BTreeMap, BTreeSet};

use rstest::rstest;

use super::*;
use crate::inventory::VolumeState;
use crate::names;
use crate::node::assess::{FileSystemVerdict, PageVerdict, PoolVerdict, VolumeVerdict};
use crate::node::cluster::{ClaimRef, Node, PersistentVolume, Pod};
use crate::node::config::{Capacity, Offer, Reclaim, VfPool, VolumePattern};
use crate::node::facts::{
    DirectoryFacts, DiskFacts, DiskFormat, FileSystemFacts, KubeletFacts, MachineFacts, PageFacts,
    Problem,
};

const RESOURCE: &str = "intel.com/intel_sriov_vm";
const GI: u64 = 1 << 30;

/// All that conditions read.
struct World {
    facts: Facts,
    cluster: Cluster,
    config: Config,
    assessment: Assessment,
}

impl World {
    fn finding(&self, kind: ConditionKind) -> Finding {
        let findings = findings(&self.facts, &self.cluster, &self.config, &self.assessment);
        let kinds: Vec<ConditionKind> = findings.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, ConditionKind::ALL);
        assert!(
            findings
                .iter()
                .all(|finding| finding.message.len() <= MESSAGE_LIMIT)
        );
        findings
            .into_iter()
            .find(|finding| finding.kind == kind)
            .unwrap()
    }

    fn advice(&self) -> Vec<String> {
        let assessment = Assessment {
            findings: findings(&self.facts, &self.cluster, &self.config, &self.assessment),
            ..self.assessment.clone()
        };
        let advice = advice(&self.facts, &self.cluster, &self.config, &assessment);
        advice
            .into_iter()
            .map(|advice| format!("{} {}", advice.reason, advice.message))
            .collect()
    }

    /// As they are published after those.
    fn conditions(&self, before: &[inventory::Condition]) -> Vec<inventory::Condition> {
        let (facts, cluster, config) = (&self.facts, &self.cluster, &self.config);
        let assessment = Assessment {
            findings: findings(facts, cluster, config, &self.assessment),
            still_full: Some(still_full(facts, cluster, config, &self.assessment)),
            ..self.assessment.clone()
        };
        carry(&settled(&assessment, before), before, "now")
    }

    fn problem(&mut self, area: Area, path: &str) {
        self.facts.problems.push(Problem {
            area,
            path: path.to_owned(),
            reason: "Permission denied (os error 13)".to_owned(),
        });
    }

    fn pool(&mut self) -> &mut PoolVerdict {
        &mut self.assessment.pools[0]
    }

    fn volume(&mut self) -> &mut VolumeVerdict {
        &mut self.assessment.volumes[0]
    }

    fn file_system(&mut self) -> &mut FileSystemVerdict {
        &mut self.assessment.file_systems[0]
    }

    /// A disk of which a third is written, in a volume of that capacity.
    fn disk(&mut self, virtual_bytes: u64, capacity: u64) {
        self.volume().capacity = Some(capacity);
        self.volume().directory = Some(DirectoryFacts {
            disk: Some(DiskFacts {
                format: DiskFormat::Raw,
                virtual_bytes,
                allocated_bytes: capacity / 3,
                modified: 0,
            }),
            ..DirectoryFacts::default()
        });
        self.file_system().disk_virtual = virtual_bytes.min(capacity);
        self.file_system().disk_allocated = capacity / 3;
    }

    fn persistent_volume(&mut self) -> &mut PersistentVolume {
        &mut self.cluster.volumes[0]
    }

    fn node(&mut self) -> &mut Node {
        self.cluster.node.as_mut().unwrap()
    }

    fn pattern(&mut self) -> &mut VolumePattern {
        &mut self.config.volumes[0]
    }

    fn plugin_pod(&mut self) {
        self.cluster.pods.push(Pod {
            namespace: "kube-system".to_owned(),
            name: "sriovdp-x".to_owned(),
            labels: BTreeMap::from([("app".to_owned(), "sriovdp".to_owned())]),
            ..Pod::default()
        });
    }
}

fn pattern() -> VolumePattern {
    VolumePattern {
        directory: "/var/vd/".to_owned(),
        prefix: "vol".to_owned(),
        max: 64,
        slash_added: false,
        offer: Some(Offer {
            class: "local-vd".to_owned(),
            capacity: Capacity::Fixed(15 * GI),
            filesystem_overhead: 0.06,
            overcommit: 1.0,
            reclaim: Reclaim::Retain,
            scratch_reclaim: Reclaim::Retain,
        }),
    }
}

fn persistent_volume() -> PersistentVolume {
    let text = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    PersistentVolume {
        name: "vmberth-n1-vol0".to_owned(),
        path: "/var/vd/vol0".to_owned(),
        class: "local-vd".to_owned(),
        // What is made for a disk of 15Gi.
        capacity: 17_135_828_992,
        labels: BTreeMap::from([text(names::NODE_LABEL, "n1")]),
        annotations: BTreeMap::from([
            text(names::PROVISIONED_BY_ANNOTATION, names::PROVISIONER),
            text(names::NODE_UID_ANNOTATION, "u1"),
        ]),
        hostnames: BTreeSet::from(["n1".to_owned()]),
        claim: Some(ClaimRef::default()),
        ..PersistentVolume::default()
    }
}

fn node() -> Node {
    Node {
        name: "n1".to_owned(),
        uid: "u1".to_owned(),
        hostname: Some("n1".to_owned()),
        capacity: BTreeMap::from([(RESOURCE.to_owned(), 8)]),
        ..Node::default()
    }
}

fn well_config() -> Config {
    Config {
        volumes: vec![pattern()],
        vf_pools: vec![VfPool {
            resource: RESOURCE.to_owned(),
            vendors: BTreeSet::new(),
            devices: BTreeSet::new(),
            interfaces: BTreeSet::new(),
        }],
        ..Config::default()
    }
}

fn well_assessed() -> Assessment {
    let volume = VolumeVerdict {
        name: "vol0".to_owned(),
        path: "/var/vd/vol0".to_owned(),
        state: VolumeState::Bound,
        ..VolumeVerdict::default()
    };
    let file_system = FileSystemVerdict {
        facts: FileSystemFacts {
            mount_point: "/var/vd".to_owned(),
            size: 100 * GI,
            free: 50 * GI,
            inodes: 1000,
            inodes_free: 900,
            ..FileSystemFacts::default()
        },
        volumes: 1,
        promised: 16 * GI,
        disk_virtual: 15 * GI,
        ..FileSystemVerdict::default()
    };
    let pool = PoolVerdict {
        resource: RESOURCE.to_owned(),
        discovered: 8,
        free: 8,
        advertised: 8,
        node_allocatable: 8,
        ..PoolVerdict::default()
    };
    let pages = PageVerdict {
        size: 2 << 20,
        name: "2Mi".to_owned(),
        total: 1024,
        seen_by_kubelet: 1024,
        ..PageVerdict::default()
    };
    Assessment {
        hostname: Some("n1".to_owned()),
        volumes: vec![volume],
        file_systems: vec![file_system],
        pools: vec![pool],
        pages: vec![pages],
        machine: MachineFacts {
            virtualization: Some("vmx".to_owned()),
            kvm: true,
            iommu: true,
            ..MachineFacts::default()
        },
        ..Assessment::default()
    }
}

/// A node on which all is well.
fn well() -> World {
    World {
        facts: Facts {
            kubelet: Some(KubeletFacts::default()),
            ..Facts::default()
        },
        cluster: Cluster {
            node: Some(node()),
            volumes: vec![persistent_volume()],
            ..Cluster::default()
        },
        config: well_config(),
        assessment: well_assessed(),
    }
}

fn check(kind: ConditionKind, change: fn(&mut World), status: Status, reason: &str, says: &str) {
    let mut world = well();
    change(&mut world);
    let finding = world.finding(kind);
    assert_eq!(
        (finding.status, finding.reason),
        (status, reason),
        "{finding:?}"
    );
    assert!(finding.message.contains(says), "{finding:?}");
}

#[rstest]
#[case::well(|_: &mut World| {}, Status::True, "AllHealthy", "the one volume can be used")]
#[case::unhealthy(
    |world: &mut World| {
        world.volume().state = VolumeState::Unhealthy;
        world.volume().reason = Some("is a symbolic link".to_owned());
    },
    Status::False, "VolumesUnhealthy", "1 of 1 volumes can't be used: vol0 (is a symbolic link)"
)]
#[case::long_reasons(
    |world: &mut World| {
        world.volume().state = VolumeState::Unhealthy;
        world.volume().reason = Some("é".repeat(4000));
        world.assessment.volumes = vec![world.assessment.volumes[0].clone(); 64];
    },
    Status::False, "VolumesUnhealthy", "and 60 more"
)]
#[case::unreadable(
    |world: &mut World| world.problem(Area::Volumes, "/var/vd"),
    Status::Unknown, "Unreadable", "can't be read: /var/vd: Permission denied (os error 13)"
)]
#[case::unhealthy_and_unreadable(
    |world: &mut World| {
        world.volume().state = VolumeState::Unhealthy;
        world.problem(Area::Volumes, "/var/vd");
    },
    Status::False, "VolumesUnhealthy", "; can't be read: /var/vd"
)]
#[case::none_there(
    |world: &mut World| world.assessment.volumes.clear(),
    Status::True, "NoVolumes", "none of these directories is there: /var/vd/vol0 to 64"
)]
#[case::none_there_and_none_offered(
    |world: &mut World| { world.assessment.volumes.clear(); world.pattern().offer = None; },
    Status::True, "NoVolumes", "none of these directories is there: /var/vd/vol0 to 64"
)]
#[case::none_asked_for(
    |world: &mut World| { world.assessment.volumes.clear(); world.config.volumes.clear(); },
    Status::True, "NoVolumes", "the config names no directories"
)]
#[case::slash_left_out(
    |world: &mut World| world.pattern().slash_added = true,
    Status::True, "AllHealthy", "leaves out the slash at the end of /var/vd/"
)]
fn volumes_healthy(
    #[case] change: fn(&mut World),
    #[case] status: Status,
    #[case] reason: &str,
    #[case] says: &str,
) {
    check(ConditionKind::VolumesHealthy, change, status, reason, says);
}

#[rstest]
#[case::well(|_: &mut World| {}, Status::False, "Enough", "all 1 file systems")]
#[case::full(
    |world: &mut World| world.file_system().facts.free = 63 << 20,
    Status::True, "Full", "/var/vd is nearly full: less than 11 % of 100Gi are free, and below 10 % the kubelet begins to evict pods"
)]
#[case::just_below_a_tenth(
    |world: &mut World| world.file_system().facts.free = 10 * GI - 1,
    Status::True, "Full", "less than 11 % of 100Gi"
)]
#[case::a_tenth(
    |world: &mut World| { world.file_system().facts.free = 10 * GI; world.file_system().promised = 0; },
    Status::False, "Enough", "1 file systems"
)]
#[case::less_than_a_tenth_of_the_inodes(
    |world: &mut World| world.file_system().facts.inodes_free = 99,
    Status::True, "Full", "less than 11 % of 1000 inodes are free"
)]
#[case::a_tenth_of_the_inodes(
    |world: &mut World| world.file_system().facts.inodes_free = 100,
    Status::False, "Enough", "1 file systems"
)]
#[case::no_inodes(
    |world: &mut World| { world.file_system().facts.inodes_free = 7; world.file_system().volumes = 8; },
    Status::True, "NoInodes", "less than 8 inodes free of 1000"
)]
#[case::inodes_made_as_needed(
    |world: &mut World| { world.file_system().facts.inodes = 0; world.file_system().facts.inodes_free = 0; },
    Status::False, "Enough", ""
)]
#[case::disks_outgrow(
    |world: &mut World| world.disk(90 * GI, 90 * GI),
    Status::True, "DisksOutgrow", "may grow to 90Gi and will not find the room on its 100Gi"
)]
#[case::disk_of_any_size_in_what_was_promised_to_it(
    |world: &mut World| world.disk(u64::MAX, 16 * GI),
    Status::False, "Enough", ""
)]
#[case::overpromised(
    |world: &mut World| world.file_system().promised = 975 * GI,
    Status::True, "Overpromised", "promise 975Gi, and what is free and what their disks take up on its 100Gi is less than that at overcommit 1"
)]
#[case::more_promised_than_is_free(
    |world: &mut World| world.file_system().promised = 52 * GI,
    Status::True, "Overpromised", "promise 52Gi"
)]
#[case::a_hundredth_more(|world: &mut World| world.file_system().promised = 51 * GI, Status::False, "Enough", "")]
#[case::disks_take_up_what_was_promised(
    |world: &mut World| { world.disk(30 * GI, 30 * GI); world.file_system().promised = 60 * GI; },
    Status::False, "Enough", ""
)]
#[case::overcommit_is_meant(
    |world: &mut World| {
        world.disk(16 * GI, 16 * GI);
        world.file_system().promised = 500 * GI;
        world.pattern().offer.as_mut().unwrap().overcommit = 10.0;
    },
    Status::False, "Enough", ""
)]
#[case::more_than_overcommit(
    |world: &mut World| {
        world.disk(16 * GI, 16 * GI);
        world.file_system().promised = 975 * GI;
        world.pattern().offer.as_mut().unwrap().overcommit = 10.0;
    },
    Status::True, "Overpromised", "at overcommit 10"
)]
#[case::overcommit_of_another_file_system(
    |world: &mut World| {
        world.disk(16 * GI, 16 * GI);
        world.file_system().promised = 500 * GI;
        let mut other = pattern();
        other.prefix = "fast".to_owned();
        other.offer.as_mut().unwrap().overcommit = 10.0;
        world.config.volumes.push(other);
    },
    Status::True, "Overpromised", "at overcommit 1:"
)]
#[case::what_nobody_can_measure_may_keep_it(
    |world: &mut World| { world.file_system().promised = 90 * GI; world.file_system().unmeasured = 40 * GI; },
    Status::False, "Enough", ""
)]
#[case::unreadable(
    |world: &mut World| world.problem(Area::FileSystems, "/var/vd"),
    Status::Unknown, "Unreadable", "/var/vd: Permission denied"
)]
fn disk_pressure(
    #[case] change: fn(&mut World),
    #[case] status: Status,
    #[case] reason: &str,
    #[case] says: &str,
) {
    check(ConditionKind::DiskPressure, change, status, reason, says);
}

#[rstest]
#[case::well(|_: &mut World| {}, Status::True, "InSync", "8 of 8 of intel.com/intel_sriov_vm are advertised")]
#[case::no_pools(|world: &mut World| world.assessment.pools.clear(), Status::True, "NoPools", "no virtual functions")]
#[case::kubelet_silent(
    |world: &mut World| {
        world.facts.kubelet = None;
        world.problem(Area::Kubelet, "/var/lib/kubelet/pod-resources/kubelet.sock");
    },
    Status::Unknown, "KubeletSilent", "kubelet.sock: Permission denied"
)]
#[case::device_plugin_gone(
    |world: &mut World| {
        world.pool().node_allocatable = 0;
        world.pool().advertised = 0;
        world.pool().unadvertised = vec!["0000:3b:02.0".to_owned(); 8];
    },
    Status::False, "DevicePluginGone",
    "knows 8 devices and offers 0: device plugin gone, or not registered again: kubectl get pods -n kube-system -l app=sriovdp -o wide"
)]
#[case::not_advertised(
    |world: &mut World| world.pool().unadvertised = vec!["0000:3b:02.0".to_owned()],
    Status::False, "NotAdvertised", "1 of 8 functions of intel.com/intel_sriov_vm is good for VMs but not advertised"
)]
#[case::stale(
    |world: &mut World| {
        world.pool().stale = vec!["0000:3b:02.0".to_owned()];
        world.pool().unadvertised = vec!["0000:3b:02.1".to_owned()];
    },
    Status::False, "StaleAdvertisement", "1 of 8 devices of intel.com/intel_sriov_vm is advertised, but gone"
)]
#[case::functions_unreadable(
    |world: &mut World| {
        world.pool().stale = vec!["0000:3b:02.0".to_owned()];
        world.problem(Area::Functions, "/sys/bus/pci/devices");
    },
    Status::Unknown, "Unreadable", "/sys/bus/pci/devices"
)]
#[case::waiting_while_functions_are_unreadable(
    |world: &mut World| {
        world.pool().unadvertised = vec!["0000:3b:02.0".to_owned()];
        world.problem(Area::Functions, "/sys/bus/pci/devices");
    },
    Status::Unknown, "Unreadable", "/sys/bus/pci/devices"
)]
fn device_plugin_in_sync(
    #[case] change: fn(&mut World),
    #[case] status: Status,
    #[case] reason: &str,
    #[case] says: &str,
) {
    check(
        ConditionKind::DevicePluginInSync,
        change,
        status,
        reason,
        says,
    );
}

#[rstest]
#[case::well(|_: &mut World| {}, Status::True, "InSync", "1024 of 2Mi")]
#[case::none(|world: &mut World| world.assessment.pages.clear(), Status::True, "NoPages", "no huge pages")]
#[case::added_since_its_start(
    |world: &mut World| world.assessment.pages[0].seen_by_kubelet = 512,
    Status::False, "KubeletOutdated",
    "1024 pages of 2Mi are there, the kubelet saw 512 when it started: restart the kubelet"
)]
#[case::taken_away_since_its_start(
    |world: &mut World| world.assessment.pages[0].total = 0,
    Status::False, "KubeletOutdated", "0 pages of 2Mi are there, the kubelet saw 1024"
)]
#[case::surplus_comes_and_goes(
    |world: &mut World| {
        world.assessment.pages[0].total = 1030;
        world.facts.pages = vec![PageFacts { size: 2 << 20, surplus: 6, ..PageFacts::default() }];
    },
    Status::True, "InSync", "1030 of 2Mi"
)]
#[case::node_unknown(|world: &mut World| world.cluster.node = None, Status::Unknown, "NodeUnknown", "API server")]
#[case::unreadable(
    |world: &mut World| world.problem(Area::Pages, "/sys/kernel/mm/hugepages"),
    Status::Unknown, "Unreadable", "/sys/kernel/mm/hugepages"
)]
fn huge_pages_in_sync(
    #[case] change: fn(&mut World),
    #[case] status: Status,
    #[case] reason: &str,
    #[case] says: &str,
) {
    check(ConditionKind::HugePagesInSync, change, status, reason, says);
}

#[rstest]
#[case::well(|_: &mut World| {}, Status::True, "Ready", "vmx and /dev/kvm are there")]
#[case::no_flag(
    |world: &mut World| world.assessment.machine.virtualization = None,
    Status::False, "NoVirtualization", "neither vmx nor svm"
)]
#[case::no_kvm(|world: &mut World| world.assessment.machine.kvm = false, Status::False, "NoKvm", "modprobe kvm_intel")]
#[case::iommu_off(|world: &mut World| world.assessment.machine.iommu = false, Status::False, "IommuOff", "intel_iommu=on")]
#[case::iommu_off_where_no_function_is(
    |world: &mut World| { world.assessment.machine.iommu = false; world.pool().discovered = 0; },
    Status::True, "Ready", ""
)]
#[case::all_of_it(
    |world: &mut World| world.assessment.machine = MachineFacts::default(),
    Status::False, "NoVirtualization", "/dev/kvm is not there: modprobe kvm_intel, or kvm_amd; the IOMMU is off"
)]
#[case::processor_unreadable(
    |world: &mut World| {
        world.assessment.machine.virtualization = None;
        world.problem(Area::Machine, "/proc/cpuinfo");
    },
    Status::Unknown, "Unreadable", "/proc/cpuinfo: Permission denied"
)]
#[case::processor_unreadable_but_surely_no_kvm(
    |world: &mut World| {
        world.assessment.machine.virtualization = None;
        world.assessment.machine.kvm = false;
        world.problem(Area::Machine, "/proc/cpuinfo");
    },
    Status::False, "NoKvm", "/dev/kvm is not there: modprobe kvm_intel, or kvm_amd; can't be read: /proc/cpuinfo"
)]
#[case::kvm_unreadable_but_surely_no_flag(
    |world: &mut World| {
        world.assessment.machine.virtualization = None;
        world.assessment.machine.kvm = false;
        world.problem(Area::Machine, "/dev/kvm");
    },
    Status::False, "NoVirtualization", "neither vmx nor svm: switch virtualization on in the firmware, or nest it; can't"
)]
#[case::root_unreadable(
    |world: &mut World| { world.assessment.machine = MachineFacts::default(); world.problem(Area::Machine, "/"); },
    Status::Unknown, "Unreadable", "/: Permission denied"
)]
#[case::something_else_unreadable(
    |world: &mut World| {
        world.assessment.machine.kvm = false;
        world.problem(Area::Machine, "/var/lib/kubelet/config.yaml");
    },
    Status::False, "NoKvm", "/var/lib/kubelet/config.yaml: Permission denied"
)]
#[case::ready_but_something_unreadable(
    |world: &mut World| world.problem(Area::Machine, "/var/lib/kubelet/config.yaml"),
    Status::True, "Ready", "can't be read: /var/lib/kubelet/config.yaml"
)]
fn virtualization_ready(
    #[case] change: fn(&mut World),
    #[case] status: Status,
    #[case] reason: &str,
    #[case] says: &str,
) {
    check(
        ConditionKind::VirtualizationReady,
        change,
        status,
        reason,
        says,
    );
}

#[rstest]
#[case::well(|_: &mut World| {}, Status::True, "InSync", "1 PersistentVolumes are as the config says")]
#[case::of_others(
    |world: &mut World| {
        let hostnames = BTreeSet::from(["n1".to_owned()]);
        world.cluster.volumes.push(PersistentVolume { hostnames, ..PersistentVolume::default() });
    },
    Status::True, "InSync", "1 of others are only counted"
)]
#[case::none_asked_for(
    |world: &mut World| { world.pattern().offer = None; world.cluster.volumes.clear(); },
    Status::True, "NotOffered", "asks for no PersistentVolumes"
)]
#[case::node_unknown(|world: &mut World| world.cluster.node = None, Status::Unknown, "NodeUnknown", "API server")]
#[case::node_replaced(
    |world: &mut World| world.node().uid = "u2".to_owned(),
    Status::False, "NodeReplaced",
    "vmberth-n1-vol0: delete them, or, if it is the same disk, kubectl annotate pv NAME --overwrite vmberth.io/node-uid=u2"
)]
#[case::no_hostname(
    |world: &mut World| world.node().hostname = None,
    Status::False, "NoHostname", "kubectl label node n1 kubernetes.io/hostname=n1"
)]
#[case::hostname_that_volumes_ask_for_is_gone(
    |world: &mut World| {
        world.node().hostname = None;
        world.persistent_volume().hostnames = BTreeSet::from(["n1.site".to_owned()]);
    },
    Status::False, "NoHostname", "kubectl label node n1 kubernetes.io/hostname=n1.site"
)]
#[case::hostname_changed(
    |world: &mut World| world.node().hostname = Some("n1.site".to_owned()),
    Status::False, "HostnameChanged", "ask for kubernetes.io/hostname=n1, the node's label says \"n1.site\""
)]
#[case::hostname_of_a_foreign_one(
    |world: &mut World| {
        world.node().hostname = Some("n1.site".to_owned());
        world.persistent_volume().labels.clear();
    },
    Status::True, "InSync", ""
)]
#[case::hostname_changed_before_the_node_was_replaced(
    |world: &mut World| {
        world.node().hostname = Some("n1.site".to_owned());
        world.node().uid = "u2".to_owned();
    },
    Status::False, "NodeReplaced", "vmberth.io/node-uid=u2"
)]
#[case::class_changed(
    |world: &mut World| world.persistent_volume().class = "old".to_owned(),
    Status::False, "ClassChanged", "another class than the config says, and a class can't be changed: vmberth-n1-vol0"
)]
#[case::class_of_a_foreign_one(
    |world: &mut World| { world.persistent_volume().class = "old".to_owned(); world.persistent_volume().labels.clear(); },
    Status::True, "InSync", "0 PersistentVolumes"
)]
#[case::too_small(
    |world: &mut World| world.persistent_volume().capacity = 15 * GI,
    Status::False, "CapacityChanged", "another capacity than the config makes them: vmberth-n1-vol0"
)]
#[case::larger(
    |world: &mut World| world.persistent_volume().capacity = 17 * GI,
    Status::False, "CapacityChanged", "another capacity than the config makes them: vmberth-n1-vol0"
)]
#[case::of_any_node(
    |world: &mut World| {
        let mut anybodys = world.persistent_volume().clone();
        anybodys.labels.clear();
        anybodys.hostnames.clear();
        world.cluster.volumes.push(anybodys);
    },
    Status::True, "InSync", "1 PersistentVolumes are as the config says"
)]
#[case::not_made_yet(
    |world: &mut World| world.volume().state = VolumeState::Unoffered,
    Status::False, "Unoffered", "1 of 1 volumes has no PersistentVolume: vol0 (no PersistentVolume yet)"
)]
#[case::not_empty(
    |world: &mut World| {
        world.volume().state = VolumeState::Unoffered;
        world.volume().reason = Some("not empty: disk.img".to_owned());
    },
    Status::False, "Unoffered", "vol0 (not empty: disk.img)"
)]
#[case::only_looked_at(
    |world: &mut World| { world.volume().state = VolumeState::Unoffered; world.pattern().offer = None; },
    Status::True, "InSync", ""
)]
#[case::beyond_the_pattern(
    |world: &mut World| {
        world.volume().state = VolumeState::Unoffered;
        world.volume().path = "/var/vd/vol65".to_owned();
    },
    Status::True, "InSync", ""
)]
#[case::unreadable(
    |world: &mut World| world.problem(Area::Volumes, "/var/vd"),
    Status::Unknown, "Unreadable", "/var/vd"
)]
fn pvs_in_sync(
    #[case] change: fn(&mut World),
    #[case] status: Status,
    #[case] reason: &str,
    #[case] says: &str,
) {
    check(ConditionKind::PvsInSync, change, status, reason, says);
}

#[rstest]
#[case::well(|_: &mut World| {}, &[])]
#[case::waiting_functions(
    |world: &mut World| { world.pool().unadvertised = vec!["0000:3b:02.0".to_owned(); 12]; world.plugin_pod(); },
    &["FunctionsNotAdvertised 12 VFs on vfio-pci are not advertised as intel.com/intel_sriov_vm: restart the device plugin: kubectl delete pod -n kube-system sriovdp-x"]
)]
#[case::waiting_for_the_exporter(
    |world: &mut World| {
        world.pool().unadvertised = vec!["0000:3b:02.0".to_owned()];
        world.plugin_pod();
        world.config.device_plugin.restart = true;
    },
    &["FunctionsNotAdvertised 1 VF on vfio-pci is not advertised as intel.com/intel_sriov_vm: the exporter may restart the device plugin"]
)]
#[case::stale_without_a_plugin(
    |world: &mut World| world.pool().stale = vec!["0000:3b:02.0".to_owned()],
    &["StaleAdvertisement 1 device is advertised as intel.com/intel_sriov_vm, but gone or not on vfio-pci (0000:3b:02.0), and a VM would fail with them: no pod of the device plugin is on this node: kubectl get pods -n kube-system -l app=sriovdp -o wide"]
)]
#[case::functions_unreadable(
    |world: &mut World| {
        world.pool().stale = vec!["0000:3b:02.0".to_owned()];
        world.pool().unadvertised = vec!["0000:3b:02.1".to_owned()];
        world.problem(Area::Functions, "/sys/bus/pci/devices/0000:3b:00.0");
    },
    &[]
)]
#[case::kubelet_outdated(
    |world: &mut World| world.assessment.pages[0].seen_by_kubelet = 512,
    &["KubeletOutdated 1024 pages of 2Mi are there, the kubelet saw 512 when it started: restart the kubelet: systemctl restart kubelet"]
)]
#[case::hostname_changed(
    |world: &mut World| {
        world.node().hostname = Some("n1.site".to_owned());
        world.volume().state = VolumeState::Unoffered;
        world.volume().persistent_volume = Some("vmberth-n1-vol0".to_owned());
        world.volume().ours = true;
    },
    &["HostnameChanged 1 PersistentVolumes ask for kubernetes.io/hostname=n1, the node's label says \"n1.site\", so that no pod of this node gets them: vmberth-n1-vol0: kubectl label node n1 --overwrite kubernetes.io/hostname=n1, or delete those that no claim has"]
)]
#[case::node_without_directories(|world: &mut World| world.assessment.volumes.clear(), &[])]
#[case::volume_that_is_being_made(|world: &mut World| world.volume().state = VolumeState::Unoffered, &[])]
#[case::node_without_virtualization(|world: &mut World| world.assessment.machine.kvm = false, &[])]
fn advice_to_the_operator(#[case] change: fn(&mut World), #[case] expected: &[&str]) {
    let mut world = well();
    change(&mut world);
    assert_eq!(world.advice(), expected);
}

#[test]
fn messages_do_not_change_while_guests_write() {
    let told = |free: u64, allocated: u64| {
        let mut world = well();
        world.file_system().facts.free = free;
        world.file_system().disk_allocated = allocated;
        world.file_system().disk_virtual = 900 * GI;
        world.finding(ConditionKind::DiskPressure)
    };
    assert_eq!(told(50 * GI, 0), told(50 * GI - 4096, 4096));
}

/// Free bytes in thousandths of the file system, and whether that is told as pressure.
#[test]
fn file_system_is_nearly_full_until_there_is_clearly_more_room() {
    let steps = [
        (120, false),
        (100, false),
        (99, true),
        (100, true),
        (109, true),
        (0, true),
        (110, false),
        (100, false),
    ];
    let mut world = well();
    let (mut before, mut messages) = (vec![], BTreeSet::new());
    for (free, expected) in steps {
        world.file_system().facts.size = 1000 * GI;
        world.file_system().facts.free = free * GI;
        world.file_system().promised = 0;
        before = world.conditions(&before);
        let pressure = before.iter().find(|it| it.kind == "DiskPressure").unwrap();
        assert_eq!(pressure.status == "True", expected, "{free}: {pressure:?}");
        if expected {
            assert_eq!(pressure.reason, "Full");
            messages.insert(pressure.message.clone());
        }
    }
    assert_eq!(messages.len(), 1, "{messages:?}");
}

/// Of two, the one that is near is told as long as the other one is full.
#[test]
fn file_systems_that_take_turns_make_no_change() {
    let mut world = well();
    world.file_system().promised = 0;
    let mut other = world.assessment.file_systems[0].clone();
    other.facts.mount_point = "/".to_owned();
    world.assessment.file_systems.push(other);
    let mut at = |first, second, before: &[inventory::Condition]| {
        let free = [first, second];
        for (file_system, free) in world.assessment.file_systems.iter_mut().zip(free) {
            file_system.facts.free = free * GI;
        }
        world.conditions(before)
    };
    let before = at(9, 10, &[]);
    assert_eq!(at(10, 9, &before), before);
    assert_eq!(at(10, 10, &before), before);
}

/// Another reason for pressure says nothing of how full it is.
#[test]
fn pressure_of_another_kind_makes_nothing_full() {
    let mut world = well();
    world.file_system().promised = 975 * GI;
    let before = world.conditions(&[]);
    world.file_system().promised = 0;
    world.file_system().facts.free = 10 * GI;
    let now = world.conditions(&before);
    assert_eq!((&*now[1].kind, &*now[1].reason), ("DiskPressure", "Enough"));
}

#[rstest]
#[case::same_status("True", "t0")]
#[case::other_status("False", "t1")]
fn time_is_that_of_the_last_change_of_status(#[case] before: &str, #[case] expected: &str) {
    let finding = Finding {
        kind: ConditionKind::PvsInSync,
        status: Status::True,
        reason: "New",
        message: "new".to_owned(),
    };
    let before = inventory::Condition {
        kind: "PVsInSync".to_owned(),
        status: before.to_owned(),
        reason: "Old".to_owned(),
        message: "old".to_owned(),
        last_transition_time: "t0".to_owned(),
    };
    let carried = carry(std::slice::from_ref(&finding), &[before], "t1");
    assert_eq!(carried[0].last_transition_time, expected);
    assert_eq!(
        (carried[0].reason.as_str(), carried[0].message.as_str()),
        ("New", "new")
    );
    assert_eq!(carry(&[finding], &[], "t1")[0].last_transition_time, "t1");
}

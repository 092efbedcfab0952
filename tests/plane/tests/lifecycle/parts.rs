//! Parts of a machine that die.

use std::time::{Duration, Instant};

use crate::command::{SMALL, assert_nodes_ready, cache, machine_pids, run, succeed};

#[test]
fn a_part_that_dies_is_named_with_the_end_of_its_log() {
    succeed(&SMALL);
    succeed(&[
        "shell",
        "--node",
        "edge-2",
        "pkill",
        "-KILL",
        "-f",
        "kubelet --config",
    ]);
    let start = Instant::now();
    let said = loop {
        let (output, said) = run(&["status"]);
        if !output.status.success() {
            break said;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{said}");
    };
    assert!(
        said.contains("kubelet on edge-2 has ended: signal 9"),
        "{said}"
    );
    assert!(said.lines().count() > 5, "no log: {said}");
    succeed(&SMALL);
    assert_nodes_ready();
}

/// A node's part: what it started in the meantime is not its own, and stays.
#[test]
fn a_kubelet_is_killed_and_started_again() {
    succeed(&SMALL);
    let machines = machine_pids();
    let pid =
        || std::fs::read_to_string(cache("cluster/machines/edge-1/parts/kubelet.pid")).unwrap();
    let before = pid();
    for _ in 0..2 {
        succeed(&["restart", "edge-1/kubelet"]);
    }
    assert_ne!(before, pid());
    let start = Instant::now();
    while !run(&[
        "kubectl",
        "get",
        "--raw",
        "/api/v1/nodes/edge-1/proxy/healthz",
    ])
    .0
    .status
    .success()
    {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "the kubelet does not come back"
        );
    }
    succeed(&["status"]);
    assert_eq!(machines, machine_pids());
    assert_nodes_ready();
}

/// What a node sees of PCI and IOMMU groups, and of volumes that nobody made PVs of, is its own.
#[test]
fn every_node_has_a_network_card_and_volumes_of_its_own() {
    succeed(&SMALL);
    for node in ["edge-1", "edge-2"] {
        let ask = |args: &[&str]| succeed(&[&["shell", "--node", node], args].concat());
        let card = "/sys/bus/pci/devices/0000:3b:00.0";
        assert_eq!(ask(&["cat", &format!("{card}/sriov_totalvfs")]), "8\n");
        let group = ask(&["readlink", "-f", &format!("{card}/iommu_group")]);
        assert_eq!(group, "/sys/kernel/iommu_groups/11\n");
        let mount = ask(&["findmnt", "-n", "-o", "FSTYPE", "/var/vmberth-vd"]);
        assert!(["xfs\n", "ext4\n"].contains(&&*mount), "{mount}");
        assert_eq!(ask(&["ls", "/var/vmberth-vd"]), "vol0\nvol1\nvol2\nvol3\n");
    }
    assert!(!std::path::Path::new("/sys/bus/pci/devices/0000:3b:00.0").exists());
    assert_eq!(std::fs::read_dir("/var/vmberth-vd").unwrap().count(), 0);
}

#[test]
fn a_part_is_killed_and_started_again() {
    succeed(&SMALL);
    let pids = machine_pids();
    succeed(&["restart", "control-plane/kube-apiserver"]);
    let start = Instant::now();
    while !run(&["kubectl", "get", "--raw", "/readyz"])
        .0
        .status
        .success()
    {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "the API server does not come back"
        );
    }
    succeed(&["status"]);
    assert_eq!(pids, machine_pids());
    let (output, said) = run(&["restart", "control-plane/none"]);
    assert!(
        !output.status.success() && said.contains("there are: etcd, kube-apiserver"),
        "{said}"
    );
}

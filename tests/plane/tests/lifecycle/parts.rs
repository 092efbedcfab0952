//! Parts of a machine that die.

use std::time::{Duration, Instant};

use crate::command::{SMALL, assert_nodes_ready, machine_pids, run, succeed};

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

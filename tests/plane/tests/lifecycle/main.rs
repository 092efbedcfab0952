//! Life and death of the cluster, with the real command on this machine: `make test` runs these one
//! after the other. A cluster without CDI and KubeVirt is enough for them, and is up in seconds.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by a panic"
)]

mod command;
mod host;
mod parts;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use command::{
    SMALL, assert_nodes_ready, cache, machine_pids, plane, run, signal, start_until, succeed,
};
use host::{assert_same, traces};

#[test]
fn up_and_down_leave_nothing_behind() {
    succeed(&["down"]);
    let before = traces();
    succeed(&SMALL);
    assert_nodes_ready();
    succeed(&["down"]);
    assert_same(&before);
}

#[test]
fn up_twice_changes_nothing() {
    succeed(&SMALL);
    let pids = machine_pids();
    let said = succeed(&SMALL);
    assert!(said.contains("the cluster is up"), "{said}");
    assert_eq!(pids, machine_pids());
}

#[test]
fn two_at_once_share_one_cluster() {
    succeed(&["down"]);
    let mut first = start_until("machines");
    let said = succeed(&SMALL);
    assert!(first.wait().unwrap().success());
    assert!(
        said.contains("another plane command is at work: `plane up` of"),
        "{said}"
    );
    assert!(said.contains("the cluster is up, started by"), "{said}");
}

#[test]
fn another_checkout_finds_the_cluster() {
    succeed(&SMALL);
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("tests");
    let sources = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    std::fs::create_dir(&copy).unwrap();
    let copied = Command::new("cp")
        .arg("-a")
        .arg(&sources)
        .arg(&copy)
        .status()
        .unwrap();
    assert!(copied.success());
    let up = |nodes: &str| {
        let output = plane()
            .args(SMALL)
            .args(["--nodes", nodes])
            .env("VMBERTH_PLANE_SOURCES", copy.join("plane"))
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (same, said) = up("2");
    assert!(
        same && said.contains(&sources.display().to_string()),
        "{said}"
    );
    let (other, said) = up("1");
    assert!(
        !other && said.contains("another cluster is up, started by"),
        "{said}"
    );
}

#[test]
fn a_killed_up_is_recovered_by_the_next() {
    succeed(&["down"]);
    let mut child = start_until("machines/control-plane/ready");
    signal(&child, "-KILL");
    child.wait().unwrap();
    let (output, said) = run(&["status"]);
    assert!(
        !output.status.success() && said.contains("unfinished"),
        "{said}"
    );
    let said = succeed(&SMALL);
    assert!(
        said.contains("an earlier cluster was left unfinished"),
        "{said}"
    );
    assert_nodes_ready();
}

#[test]
fn ctrl_c_cleans_up() {
    succeed(&["down"]);
    let before = traces();
    let mut child = start_until("machines/edge-1/ready");
    signal(&child, "-INT");
    assert!(!child.wait().unwrap().success());
    assert_same(&before);
}

#[test]
fn a_cluster_whose_machines_were_killed_is_recovered() {
    succeed(&SMALL);
    for pid in machine_pids() {
        Command::new("kill")
            .args(["-KILL", &pid.to_string()])
            .status()
            .unwrap();
    }
    assert_recovered();
}

#[test]
fn a_cluster_whose_namespaces_and_mounts_stayed_is_recovered() {
    succeed(&SMALL);
    for machine in ["control-plane", "edge-1", "edge-2"] {
        // In a PID namespace -1 is everybody but PID 1 and the one who asks.
        let (_, said) = run(&["shell", "--node", machine, "sh", "-c", "kill -KILL -1"]);
        assert!(said.is_empty(), "{said}");
    }
    assert_recovered();
}

fn assert_recovered() {
    let start = Instant::now();
    while run(&["status"]).0.status.success() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "status does not see it"
        );
    }
    let said = succeed(&SMALL);
    assert!(said.contains("the cluster is broken"), "{said}");
    assert_nodes_ready();
}

fn etcd_binary() -> PathBuf {
    std::fs::read_dir(cache("go"))
        .unwrap()
        .flatten()
        .map(|entry| entry.path().join("etcd"))
        .find(|path| path.exists())
        .unwrap()
}

#[test]
fn a_damaged_program_is_built_again() {
    succeed(&SMALL);
    succeed(&["down"]);
    std::fs::write(etcd_binary(), "not a program").unwrap();
    let said = succeed(&SMALL);
    assert!(said.contains("building etcd"), "{said}");
    assert_nodes_ready();
}

#[test]
fn simulated_nodes_live_beside_real_ones() {
    succeed(&["down"]);
    succeed(&[&SMALL[..], &["--simulated-nodes", "100"]].concat());
    let ready = "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}";
    let said = succeed(&["kubectl", "get", "nodes", "-o", ready]);
    assert_eq!(
        said.split_whitespace()
            .filter(|word| *word == "True")
            .count(),
        102
    );
    let real = "jsonpath={.items[*].status.nodeInfo.containerRuntimeVersion}";
    let said = succeed(&["kubectl", "get", "nodes", "edge-1", "edge-2", "-o", real]);
    assert!(!said.contains("kwok"), "KWOK touched a real node: {said}");
    succeed(&["down"]);
}

#[test]
fn a_damaged_image_store_is_made_again() {
    succeed(&["down"]);
    let store = cache("image-store.btrfs");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&store)
        .unwrap();
    file.set_len(1 << 20).unwrap();
    let said = succeed(&SMALL);
    assert!(said.contains("the image store is damaged"), "{said}");
    assert_nodes_ready();
}

#[test]
fn ctrl_c_in_a_build_cleans_up() {
    succeed(&["down"]);
    let before = traces();
    let etcd = etcd_binary();
    std::fs::write(&etcd, "not a program").unwrap();
    let mut child = plane().args(SMALL).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !cache("go/part-of-etcd").exists() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "the build did not begin"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&child, "-INT");
    assert!(!child.wait().unwrap().success());
    assert_same(&before);
    succeed(&SMALL);
}

#[test]
fn what_is_missing_is_said_in_one_line() {
    succeed(&["down"]);
    let output = Command::new("setpriv")
        .args([
            "--reuid=65534",
            "--clear-groups",
            env!("CARGO_BIN_EXE_plane"),
        ])
        .args(SMALL)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains("needs root"),
        "{said}"
    );
    let output = plane()
        .args(SMALL)
        .env("PATH", "/usr/sbin:/sbin")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains("Go 1.26 or later"),
        "{said}"
    );
}

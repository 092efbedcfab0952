//! The command `plane`, as these tests call it.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) const SMALL: [&str; 3] = ["up", "--without", "cdi,kubevirt,prometheus"];

/// Where the cluster's files are, or what was built is.
pub(crate) fn cache(file: &str) -> PathBuf {
    let cache = std::env::var_os("VMBERTH_CACHE").unwrap_or_else(|| "/var/cache/vmberth".into());
    PathBuf::from(cache).join(file)
}

pub(crate) fn plane() -> Command {
    Command::new(env!("CARGO_BIN_EXE_plane"))
}

/// Runs `plane`; returns what it said.
pub(crate) fn run(args: &[&str]) -> (Output, String) {
    let output = plane().args(args).output().unwrap();
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output, text)
}

pub(crate) fn succeed(args: &[&str]) -> String {
    let (output, text) = run(args);
    assert!(output.status.success(), "plane {args:?}: {text}");
    text
}

pub(crate) fn status() -> serde_json::Value {
    let (output, _) = run(&["status", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn machine_pids() -> Vec<i64> {
    let status = status();
    let machines = status["machines"].as_array().unwrap();
    machines
        .iter()
        .map(|machine| machine["pid"].as_i64().unwrap())
        .collect()
}

/// Starts `plane up`, and waits until it has got so far that `file` of the cluster is there.
pub(crate) fn start_until(file: &str) -> Child {
    let mut child = plane()
        .args(SMALL)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !cache("cluster").join(file).exists() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "`plane up` ended early"
        );
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "`plane up` never made {file}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

pub(crate) fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

pub(crate) fn assert_nodes_ready() {
    let words = "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}";
    assert_eq!(
        succeed(&["kubectl", "get", "nodes", "-o", words]).trim(),
        "True True"
    );
}

//! The binary itself: start, reload of the policy, signals, explain.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first thing that is not as it should be"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);
const HEAD: &str = "apiVersion: vmberth.io/v1alpha1\nkind: Policy\n";

/// A running webhook and its log.
struct Webhook {
    child: Child,
    log: Receiver<String>,
    folder: TempDir,
}

fn write(folder: &Path, policy: &str) {
    std::fs::write(folder.join("policy.yaml"), policy).unwrap();
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vmberth-webhook"));
    command
        .args([
            "--listen=127.0.0.1:0",
            "--admin-listen=127.0.0.1:0",
            "--shutdown-delay=0",
        ])
        .arg(format!("--policy={}", folder.join("policy.yaml").display()))
        .arg(format!("--tls-dir={}", folder.display()))
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

impl Webhook {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), HEAD);
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path().join("tls.crt"), made.cert.pem()).unwrap();
        std::fs::write(
            folder.path().join("tls.key"),
            made.signing_key.serialize_pem(),
        )
        .unwrap();
        let mut child = command(folder.path()).spawn().unwrap();
        let log = follow(child.stderr.take().unwrap());
        let webhook = Self { child, log, folder };
        webhook.until("\"message\":\"serving\"");
        webhook
    }

    /// Waits for a line of the log.
    fn until(&self, part: &str) -> String {
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(part) => return line,
                Ok(_) => {}
                Err(_) => panic!("never logged: {part}"),
            }
        }
    }

    fn signal(&self) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(stderr: ChildStderr) -> Receiver<String> {
    let (sender, log) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    log
}

fn text(output: &Output) -> String {
    let all = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn bad_policy_at_start_ends_with_its_path_and_what_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &format!("{HEAD}tolerations: [{{operator: Exists}}]\n"),
    );
    let output = command(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = text(&output);
    assert!(
        text.contains(
            "policy.yaml: tolerations[0].key: found nothing, expected the key of a taint"
        ),
        "{text}"
    );
}

#[test]
fn missing_policy_at_start_ends_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("policy.yaml: cannot be read"),
        "{}",
        text(&output)
    );
}

#[test]
fn changed_policy_comes_into_force_and_a_bad_one_does_not() {
    let webhook = Webhook::start();
    write(
        webhook.folder.path(),
        &format!("{HEAD}tolerations: [{{key: other, operator: Exists}}]\n"),
    );
    let line = webhook.until("policy in force");
    assert!(line.contains("\"tolerations\":\"other\""), "{line}");
    write(
        webhook.folder.path(),
        &format!("{HEAD}tolerations: [{{key: other, operator: Exist}}]\n"),
    );
    let line = webhook.until("the old one stays in force");
    assert!(
        line.contains(
            "tolerations[0].operator: unknown variant `Exist`, expected `Exists` or `Equal`"
        ),
        "{line}"
    );
}

#[test]
fn first_signal_ends_well() {
    let mut webhook = Webhook::start();
    webhook.signal();
    webhook.until("\"message\":\"drained\"");
    assert_eq!(webhook.child.wait().unwrap().code(), Some(0));
}

#[test]
fn version_names_the_revision() {
    let output = Command::new(env!("CARGO_BIN_EXE_vmberth-webhook"))
        .arg("--version")
        .output();
    let text = text(&output.unwrap());
    assert!(
        text.starts_with("vmberth-webhook 0.") && text.contains("(revision "),
        "{text}"
    );
}

#[test]
fn explain_answers_as_the_server_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vm.yaml");
    let vm = "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: a}\n\
              spec: {template: {spec: {domain: {}}}}\n---\napiVersion: v1\nkind: List\n\
              items: [{apiVersion: v1, kind: Pod}]\n";
    std::fs::write(&file, vm).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vmberth-webhook"));
    let output = command.arg("explain").arg(&file).output().unwrap();
    let text = text(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.first(), Some(&"CREATE VirtualMachine a"));
    assert_eq!(
        lines.get(1),
        Some(&"edit: spec.template.spec.tolerations+=cmk (policy tolerations[0])")
    );
    assert_eq!(lines.last(), Some(&"left alone: not an object of a VM"));
}

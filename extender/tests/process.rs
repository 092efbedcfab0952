//! The binary itself: start, signals, and what it refuses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first thing that is not as it should be"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rstest::rstest;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// A cluster that nobody answers for: nothing is ever listed.
const KUBECONFIG: &str = "apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none}}]
clusters: [{name: none, cluster: {server: 'http://127.0.0.1:9'}}]
users: [{name: none, user: {}}]
";

/// A running extender and its log.
struct Extender {
    child: Child,
    log: Receiver<String>,
    _folder: TempDir,
}

/// Two ports that are free; the binary doesn't tell which ones the system chose.
fn free_ports() -> [u16; 2] {
    let bound = [0, 0].map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    bound.map(|port| port.local_addr().unwrap().port())
}

fn command(folder: &Path) -> Command {
    let kubeconfig = folder.join("kubeconfig");
    std::fs::write(&kubeconfig, KUBECONFIG).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vmberth-extender"));
    command
        .env("KUBECONFIG", kubeconfig)
        .arg("--shutdown-delay=0")
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

impl Extender {
    fn start([port, admin]: [u16; 2]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = command(folder.path())
            .arg(format!("--listen=127.0.0.1:{port}"))
            .arg(format!("--admin-listen=127.0.0.1:{admin}"))
            .spawn()
            .unwrap();
        let (sender, log) = channel();
        let stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let extender = Self {
            child,
            log,
            _folder: folder,
        };
        extender.until("\"message\":\"serving\"");
        extender
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
        let mut kill = Command::new("kill");
        assert!(kill.args(["-TERM", &id]).status().unwrap().success());
    }
}

impl Drop for Extender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request; the whole answer.
fn ask(stream: &mut TcpStream, head: &str, body: &str) -> String {
    let length = body.len();
    let request = format!("{head} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        answer.read_line(&mut line).unwrap();
        if let Some(number) = line.strip_prefix("content-length: ") {
            length = number.trim().parse().unwrap();
        }
        head += &line;
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

fn text(output: &Output) -> String {
    let all = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn without_a_cluster_it_serves_and_says_what_it_waits_for() {
    let ports = free_ports();
    let mut extender = Extender::start(ports);
    let [mut calls, mut admin] = ports.map(|port| TcpStream::connect(("127.0.0.1", port)).unwrap());
    assert!(ask(&mut admin, "GET /healthz", "").starts_with("HTTP/1.1 200"));
    let ready = ask(&mut admin, "GET /readyz", "");
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(
        ready.contains("nodeinventories") && !ready.contains("certificate"),
        "{ready}"
    );
    // Twice on one connection, as kube-scheduler does.
    for _ in 0..2 {
        let answer = ask(
            &mut calls,
            "POST /filter",
            r#"{"Pod": {}, "NodeNames": ["a"]}"#,
        );
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("not ready: first list of "), "{answer}");
    }
    extender.signal();
    extender.until("\"message\":\"drained\"");
    assert_eq!(extender.child.wait().unwrap().code(), Some(0));
}

#[rstest]
#[case::others_reach_it(&["--listen=0.0.0.0:0"], 1, "--client-ca with the CA of the scheduler's certificate")]
#[case::half_of_tls(&["--tls-dir=/tls"], 2, "--client-ca <CLIENT_CA>")]
#[case::no_address(&["--listen=here"], 2, "invalid value 'here'")]
#[case::no_such_flag(&["--patience=x"], 2, "unexpected argument '--patience'")]
#[case::no_file_of_cas(
    &["--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--tls-dir=/nowhere", "--client-ca=/nowhere/ca.crt"],
    1,
    "/nowhere/ca.crt: cannot be read"
)]
fn bad_flags_end_it(#[case] flags: &[&str], #[case] code: i32, #[case] words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path()).args(flags).output().unwrap();
    let text = text(&output);
    assert!(text.contains(words), "{text}");
    assert_eq!(output.status.code(), Some(code), "{text}");
}

#[test]
fn without_any_cluster_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path())
        .env("KUBECONFIG", folder.path().join("none"))
        .env_remove("KUBERNETES_SERVICE_HOST")
        .args(["--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"])
        .output()
        .unwrap();
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("no cluster to watch"), "{text}");
}

#[test]
fn help_and_version_tell_what_it_is() {
    for (flag, words) in [
        ("--version", "vmberth-extender 0."),
        ("--version", "(revision "),
        ("--help", "[default: 127.0.0.1:8888]"),
        ("--help", "VMBERTH_LISTEN"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vmberth-extender"));
        let output = command.arg(flag).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output).contains(words), "{}", text(&output));
    }
}

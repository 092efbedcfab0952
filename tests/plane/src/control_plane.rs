//! The control plane: what runs on its machine, with which flags and why.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::kubectl::Kubectl;
use crate::layout::{self, API_PORT, CONTROL_PLANE, CONTROL_PLANE_IP, Layout, SERVICE_RANGE};
use crate::machine::{Machine, Mount, Part, Spec};
use crate::wait;

/// Starts the machine, without parts.
///
/// # Errors
/// If it does not start.
pub fn start_machine(layout: &Layout) -> Result<Machine> {
    let dir = layout.machine(CONTROL_PLANE);
    let mounts = vec![Mount::Tmpfs {
        target: "/run".into(),
    }];
    Machine::start(&Spec {
        name: CONTROL_PLANE.to_owned(),
        dir,
        mounts,
    })
}

/// Starts etcd and the three Kubernetes servers; returns when the API server is ready.
///
/// # Errors
/// The part that ended, or what was waited for.
pub fn start(layout: &Layout, machine: &Machine, simulated_nodes: u16) -> Result<()> {
    layout::write(&layout.pki().join("audit-policy.yaml"), AUDIT_POLICY)?;
    machine.run(&etcd(layout, machine))?;
    machine.run(&api_server(layout, machine))?;
    let kubectl = Kubectl::new(layout, machine);
    wait::until(
        "the API server to be ready",
        Duration::from_secs(90),
        || {
            machine.check_parts()?;
            Ok(kubectl
                .cmd()
                .args(["get", "--raw", "/readyz"])
                .succeeds()?
                .then_some(()))
        },
    )?;
    machine.run(&controller_manager(layout, simulated_nodes))?;
    let config = layout.pki().join("kube-scheduler.kubeconfig");
    layout::write(
        &scheduler_config(layout),
        SCHEDULER_CONFIG.replace("KUBECONFIG", &config.display().to_string()),
    )?;
    machine.run(&scheduler(layout))
}

/// kube-proxy for the control plane itself: the API server calls webhooks by service address. It
/// needs a Node to look at, and takes the first real one.
///
/// # Errors
/// If it does not start.
pub fn start_proxy(layout: &Layout, machine: &Machine) -> Result<()> {
    machine.run(&proxy(layout, &layout::node_name(1)))
}

/// kube-proxy as every machine runs it.
#[must_use]
pub fn proxy(layout: &Layout, node: &str) -> Part {
    let args = [
        "kube-proxy".to_owned(),
        format!(
            "--kubeconfig={}",
            layout.pki().join("kube-proxy.kubeconfig").display()
        ),
        format!("--hostname-override={node}"),
        "--proxy-mode=iptables".to_owned(),
        // The table's size is the host's, not the namespace's.
        "--conntrack-max-per-core=0".to_owned(),
        "--conntrack-tcp-timeout-established=0s".to_owned(),
        "--conntrack-tcp-timeout-close-wait=0s".to_owned(),
        "--iptables-min-sync-period=200ms".to_owned(),
        "--metrics-bind-address=127.0.0.1:10249".to_owned(),
        "--healthz-bind-address=127.0.0.1:10256".to_owned(),
    ];
    Part::new("kube-proxy", &layout.bin("node"), args)
}

fn etcd(layout: &Layout, machine: &Machine) -> Part {
    let args = [
        format!("--data-dir={}", machine.dir.join("etcd").display()),
        "--listen-client-url=http://127.0.0.1:2379".to_owned(),
        format!("--log-file={}", machine.log("etcd-server").display()),
    ];
    Part::new("etcd", &layout.bin("etcd"), args)
}

fn api_server(layout: &Layout, machine: &Machine) -> Part {
    let pki = |file: &str| layout.pki().join(file).display().to_string();
    let args = [
        "kube-apiserver".to_owned(),
        "--etcd-servers=http://127.0.0.1:2379".to_owned(),
        "--bind-address=0.0.0.0".to_owned(),
        format!("--secure-port={API_PORT}"),
        format!("--advertise-address={CONTROL_PLANE_IP}"),
        "--allow-privileged=true".to_owned(),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        format!("--service-cluster-ip-range={SERVICE_RANGE}"),
        format!("--client-ca-file={}", pki("ca.crt")),
        format!("--tls-cert-file={}", pki("apiserver.crt")),
        format!("--tls-private-key-file={}", pki("apiserver.key")),
        format!(
            "--kubelet-client-certificate={}",
            pki("apiserver-kubelet-client.crt")
        ),
        format!(
            "--kubelet-client-key={}",
            pki("apiserver-kubelet-client.key")
        ),
        // Names of nodes are not in any DNS: without this logs and exec fail.
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", pki("service-accounts.pub")),
        format!(
            "--service-account-signing-key-file={}",
            pki("service-accounts.key")
        ),
        format!(
            "--requestheader-client-ca-file={}",
            pki("front-proxy-ca.crt")
        ),
        "--requestheader-allowed-names=front-proxy-client".to_owned(),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        format!("--proxy-client-cert-file={}", pki("front-proxy-client.crt")),
        format!("--proxy-client-key-file={}", pki("front-proxy-client.key")),
        format!("--audit-policy-file={}", pki("audit-policy.yaml")),
        format!("--audit-log-path={}", machine.log("audit").display()),
        "--audit-log-maxsize=50".to_owned(),
        "--audit-log-maxbackup=1".to_owned(),
    ];
    Part::new("kube-apiserver", &layout.bin("control-plane"), args)
}

/// Only what vmberth's own service accounts do: a test compares it with the chart's roles.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ['system:serviceaccounts:vmberth']
- level: None
";

fn controller_manager(layout: &Layout, simulated_nodes: u16) -> Part {
    let pki = |file: &str| layout.pki().join(file).display().to_string();
    let mut args = vec![
        "kube-controller-manager".to_owned(),
        format!("--kubeconfig={}", pki("kube-controller-manager.kubeconfig")),
        "--leader-elect=false".to_owned(),
        "--use-service-account-credentials=true".to_owned(),
        format!(
            "--service-account-private-key-file={}",
            pki("service-accounts.key")
        ),
        format!("--root-ca-file={}", pki("ca.crt")),
        format!("--cluster-signing-cert-file={}", pki("ca.crt")),
        format!("--cluster-signing-key-file={}", pki("ca.key")),
        "--bind-address=127.0.0.1".to_owned(),
    ];
    if simulated_nodes > 0 {
        // facts/test-plane.md 5: else a thousand nodes flap on two busy cores.
        args.push("--node-monitor-grace-period=300s".to_owned());
        args.push("--kube-api-qps=200".to_owned());
        args.push("--kube-api-burst=400".to_owned());
    }
    Part::new(
        "kube-controller-manager",
        &layout.bin("control-plane"),
        args,
    )
}

/// A file and no flags: a story changes it as an operator does, has the part start again, and puts it back.
const SCHEDULER_CONFIG: &str = "\
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection:
  kubeconfig: KUBECONFIG
leaderElection:
  leaderElect: false
";

fn scheduler_config(layout: &Layout) -> PathBuf {
    layout.pki().join("kube-scheduler.yaml")
}

fn scheduler(layout: &Layout) -> Part {
    let args = [
        "kube-scheduler".to_owned(),
        format!("--config={}", scheduler_config(layout).display()),
        "--bind-address=127.0.0.1".to_owned(),
    ];
    Part::new("kube-scheduler", &layout.bin("control-plane"), args)
}

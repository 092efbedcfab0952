//! A real node: its machine, and containerd, kubelet and kube-proxy in it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::control_plane::proxy;
use crate::disk::{self, FileSystem};
use crate::functions;
use crate::layout::{self, DNS_SERVICE_IP, EXPORTER_VOLUME_DIR, Layout, VOLUME_DIR};
use crate::machine::{Machine, Mount, Part, Spec};
use crate::wait;

/// Size of the file system that holds a node's volumes; sparse.
const VOLUMES_GIB: u64 = 60;
/// The same of the volumes that are left to the exporter, and how many of them there are.
const EXPORTER_VOLUMES_GIB: u64 = 24;
const EXPORTER_VOLUMES: u16 = 4;

/// Starts the machine of a node, without parts. Its containerd's files are the image store's
/// snapshot of the same name.
///
/// # Errors
/// With the command that failed.
pub fn start_machine(layout: &Layout, store: &Path, number: u8, volumes: u16) -> Result<Machine> {
    let name = layout::node_name(number);
    let dir = layout.machine(&name);
    let mut mounts = base_mounts(&name, &dir, store);
    mounts.extend(volume_mounts(&dir, volumes)?);
    mounts.extend(functions::mounts(&dir)?);
    make_cgroups(&cgroup(&name))?;
    Machine::start(&Spec { name, dir, mounts })
}

fn base_mounts(name: &str, dir: &Path, store: &Path) -> Vec<Mount> {
    vec![
        // kubelet, CNI and KubeVirt write below these: the host never sees it.
        Mount::Bind {
            source: dir.join("var-lib"),
            target: "/var/lib".into(),
        },
        Mount::Bind {
            source: dir.join("var-log"),
            target: "/var/log".into(),
        },
        Mount::Tmpfs {
            target: "/run".into(),
        },
        Mount::Device {
            device: store.to_owned(),
            fstype: "btrfs".to_owned(),
            options: format!("subvol={name},{}", disk::STORE_OPTIONS),
            target: "/var/lib/containerd".into(),
        },
    ]
}

fn volume_mounts(dir: &Path, volumes: u16) -> Result<Vec<Mount>> {
    let (ext4, other) = (FileSystem::Ext4, FileSystem::other()?);
    let device = disk::volumes(&dir.join(disk::VOLUMES), ext4, VOLUMES_GIB, volumes)?;
    let exporter_device = disk::volumes(
        &dir.join(disk::EXPORTER_VOLUMES),
        other,
        EXPORTER_VOLUMES_GIB,
        EXPORTER_VOLUMES,
    )?;
    let mount = |device, kind: FileSystem, target: &str| Mount::Device {
        device,
        fstype: kind.name().to_owned(),
        options: String::new(),
        target: target.into(),
    };
    Ok(vec![
        mount(device, ext4, VOLUME_DIR),
        mount(exporter_device, other, EXPORTER_VOLUME_DIR),
    ])
}

/// Starts containerd, kubelet and kube-proxy.
///
/// # Errors
/// If one does not start.
pub fn start(layout: &Layout, machine: &Machine, number: u8) -> Result<()> {
    machine.run(&containerd(machine, number)?)?;
    // kubelet gives up at once on a containerd whose pod service has not begun; this is the last
    // line before it does, and `ctr` can't ask for it.
    wait::until(
        &format!("containerd on {}", machine.name),
        Duration::from_secs(60),
        || {
            machine.check_parts()?;
            let log = fs::read_to_string(machine.log("containerd")).unwrap_or_default();
            Ok(log.contains("Start streaming server").then_some(()))
        },
    )?;
    machine.run(&kubelet(layout, machine, number)?)?;
    machine.run(&proxy(layout, &machine.name))
}

/// Name of the node's directory in every cgroup hierarchy.
#[must_use]
pub fn cgroup(node: &str) -> String {
    format!("vmberth-{node}")
}

/// containerd, as a node runs it (and as the image store is filled).
///
/// # Errors
/// If its configuration can't be written.
pub fn containerd(machine: &Machine, number: u8) -> Result<Part> {
    let config = machine.dir.join("config");
    let cni = config.join("cni");
    layout::write(&cni.join("10-plane.conflist"), cni_config(number)?)?;
    let file = config.join("containerd.toml");
    layout::write(&file, containerd_config(&cni))?;
    let args = [format!("--config={}", file.display())];
    Ok(Part::new(
        "containerd",
        Path::new("/usr/bin/containerd"),
        args,
    ))
}

fn containerd_config(cni: &Path) -> String {
    // `restrict_oom_score_adj`: no CAP_SYS_RESOURCE on the machines this was made for.
    // The snapshotters that are off would otherwise each warn at start.
    format!(
        r#"version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing",
]
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/plane/pause:1"
restrict_oom_score_adj = true
disable_apparmor = true
max_concurrent_downloads = 1
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{cni}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"#,
        cni = cni.display(),
    )
}

fn cni_config(number: u8) -> Result<String> {
    let config = json!({
        "cniVersion": "0.4.0",
        "name": "plane",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": true,
                "ipMasq": false,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni-addresses",
                    "ranges": [[{"subnet": layout::pod_range(number)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    });
    Ok(serde_json::to_string_pretty(&config)?)
}

fn kubelet(layout: &Layout, machine: &Machine, number: u8) -> Result<Part> {
    let file = machine.dir.join("config").join("kubelet.json");
    layout::write(&file, kubelet_config(layout, &machine.name)?)?;
    let args = [
        "kubelet".to_owned(),
        format!("--config={}", file.display()),
        format!(
            "--kubeconfig={}",
            layout
                .pki()
                .join(format!("{}.kubeconfig", machine.name))
                .display()
        ),
        format!("--hostname-override={}", machine.name),
        format!("--node-ip={}", layout::node_ip(number)),
        "--root-dir=/var/lib/kubelet".to_owned(),
    ];
    Ok(Part::new("kubelet", &layout.bin("node"), args))
}

fn kubelet_config(layout: &Layout, node: &str) -> Result<String> {
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": layout.pki().join("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", cgroup(node)),
        "cgroupsPerQOS": true,
        "enforceNodeAllocatable": ["pods"],
        "failCgroupV1": false,
        "failSwapOn": false,
        // The host's disk and memory are shared with everything else on it.
        "evictionHard": {},
        "imageGCHighThresholdPercent": 100,
        "clusterDNS": [DNS_SERVICE_IP],
        "clusterDomain": layout::CLUSTER_DOMAIN,
        "resolvConf": "",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        "maxPods": 250,
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "containerLogMaxSize": "5Mi",
        // Tests kill servers many times; by default the fifth would wait for minutes.
        "crashLoopBackOff": {"maxContainerRestartPeriod": "2s"},
    });
    Ok(serde_json::to_string_pretty(&config)?)
}

/// The root of a node's cgroups, in every hierarchy of cgroup v1.
fn make_cgroups(name: &str) -> Result<()> {
    for hierarchy in fs::read_dir("/sys/fs/cgroup")? {
        let hierarchy = hierarchy?.path();
        if !hierarchy.is_dir() || hierarchy.is_symlink() {
            continue;
        }
        let dir = hierarchy.join(name);
        fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        for file in ["cpuset.mems", "cpuset.cpus"] {
            if let Ok(all) = fs::read(hierarchy.join(file)) {
                fs::write(dir.join(file), all).with_context(|| dir.display().to_string())?;
            }
        }
    }
    Ok(())
}

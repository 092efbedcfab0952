//! What a running cluster gets: DNS, storage, CDI, KubeVirt, the taint.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cmd::Cmd;
use crate::kubectl::{Kubectl, condition};
use crate::layout::{self, Layout, STORAGE_CLASS, VOLUME_DIR};
use crate::machine::Machine;
use crate::options::Options;

/// Capacity of every local PV. A directory keeps no quota: it is a promise, as on edge nodes.
const PV_CAPACITY: &str = "4Gi";

/// Everything that is applied to one cluster.
#[derive(Debug)]
pub struct Installer<'a> {
    layout: &'a Layout,
    kubectl: Kubectl<'a>,
    options: &'a Options,
}

impl<'a> Installer<'a> {
    /// An installer for this cluster.
    #[must_use]
    pub fn new(layout: &'a Layout, control_plane: &'a Machine, options: &'a Options) -> Self {
        Self {
            layout,
            kubectl: Kubectl::new(layout, control_plane),
            options,
        }
    }

    /// What can be asked for before any node is there: DNS, the storage class, and the operators.
    ///
    /// # Errors
    /// What the API server said.
    pub fn operators(&self) -> Result<()> {
        self.kubectl
            .apply("CoreDNS", &self.manifest("coredns.yaml")?)?;
        self.kubectl
            .apply("networks", &self.manifest("nad-crd.yaml")?)?;
        self.kubectl
            .apply("the storage class", &storage_class().to_string())?;
        if self.options.with_cdi() {
            self.kubectl
                .apply("CDI's operator", &self.generated("cdi-manifests")?)?;
        }
        if self.options.with_kubevirt() {
            self.kubectl.apply(
                "KubeVirt's operator",
                &self.generated("kubevirt-manifests")?,
            )?;
        }
        Ok(())
    }

    /// Waits for every real node, labels the first one, and makes the local PVs.
    ///
    /// # Errors
    /// What was waited for.
    pub fn nodes(&self) -> Result<()> {
        for number in 1..=self.options.nodes {
            let name = layout::node_name(number);
            let what = format!("node {name} to be Ready");
            let limit = Duration::from_secs(120);
            self.kubectl
                .wait_for(&what, limit, &["node", &name], |n| condition(n, "Ready"))?;
        }
        // virt-operator and virt-api look for a control plane node.
        let label = [
            "label",
            "--overwrite",
            "node",
            "edge-1",
            "node-role.kubernetes.io/control-plane=",
        ];
        self.kubectl.cmd().args(label).run()?;
        let volumes: Vec<_> = (1..=self.options.nodes)
            .flat_map(|n| (0..self.options.volumes).map(move |v| volume(&layout::node_name(n), v)))
            .collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": volumes});
        self.kubectl.apply("local volumes", &list.to_string())
    }

    /// CDI's own object, then KubeVirt's: CDI's definitions must be there before virt-api starts.
    ///
    /// # Errors
    /// What was waited for.
    pub fn custom_resources(&self) -> Result<()> {
        if self.options.with_cdi() {
            self.kubectl.apply("CDI", &self.manifest("cdi-cr.yaml")?)?;
            let words = ["crd", "datavolumes.cdi.kubevirt.io"];
            let what = "CDI's definitions";
            let limit = Duration::from_secs(120);
            self.kubectl
                .wait_for(what, limit, &words, |c| condition(c, "Established"))?;
        }
        if self.options.with_kubevirt() {
            self.kubectl
                .apply("KubeVirt", &self.manifest("kubevirt-cr.yaml")?)?;
        }
        Ok(())
    }

    /// Waits until CDI and KubeVirt say that they are ready.
    ///
    /// # Errors
    /// What was waited for.
    pub fn wait_ready(&self) -> Result<()> {
        if self.options.with_cdi() {
            let limit = Duration::from_secs(240);
            self.kubectl
                .wait_for("CDI to be Available", limit, &["cdi", "cdi"], |cdi| {
                    condition(cdi, "Available") && cdi["status"]["phase"] == "Deployed"
                })?;
        }
        if self.options.with_kubevirt() {
            let words = ["-n", "kubevirt", "kubevirt", "kubevirt"];
            let limit = Duration::from_secs(420);
            self.kubectl
                .wait_for("KubeVirt to be Available", limit, &words, |kubevirt| {
                    condition(kubevirt, "Available") && kubevirt["status"]["phase"] == "Deployed"
                })?;
            self.wait_schedulable()?;
        }
        let words = ["-n", "kube-system", "deployment", "coredns"];
        let limit = Duration::from_secs(60);
        self.kubectl
            .wait_for("CoreDNS to be Available", limit, &words, |d| {
                condition(d, "Available")
            })
    }

    /// VMs can only go where virt-handler says so.
    fn wait_schedulable(&self) -> Result<()> {
        for number in 1..=self.options.nodes {
            let name = layout::node_name(number);
            let what = format!("virt-handler on {name}");
            let limit = Duration::from_secs(120);
            self.kubectl
                .wait_for(&what, limit, &["node", &name], |node| {
                    node["metadata"]["labels"]["kubevirt.io/schedulable"] == "true"
                        && node["status"]["allocatable"]["devices.kubevirt.io/tun"] != Value::Null
                })?;
        }
        Ok(())
    }

    /// The CPU manager's taint, on every real node: after everything else, as CMK's installer does.
    ///
    /// # Errors
    /// What the API server said.
    pub fn taint(&self) -> Result<()> {
        if self.options.taint.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = (1..=self.options.nodes).map(layout::node_name).collect();
        let words = ["taint", "--overwrite", "node"];
        self.kubectl
            .cmd()
            .args(words)
            .args(names)
            .arg(&self.options.taint)
            .run()
    }

    fn manifest(&self, file: &str) -> Result<String> {
        let path = self.layout.sources.join("manifests").join(file);
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    }

    fn generated(&self, program: &str) -> Result<String> {
        Cmd::new(self.layout.bin(program)).output()
    }
}

fn storage_class() -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    })
}

fn volume(node: &str, index: u16) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": format!("{node}-vol{index}")},
        "spec": {
            "capacity": {"storage": PV_CAPACITY},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": STORAGE_CLASS,
            "local": {"path": format!("{VOLUME_DIR}/vol{index}")},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]},
            ]}]}},
        },
    })
}

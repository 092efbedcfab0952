//! Virtual machines: created, waited for, listened to, moved.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::guest::MARK;
use crate::kind;
use crate::manifest::{self, Boot};
use crate::seen::{self, name, text};
use crate::story::Scene;
use crate::wait::{self, Look};

/// Labels of every pod that runs, or shall run, a VM.
pub const LAUNCHER: &str = "kubevirt.io=virt-launcher";

/// Labels of the pods that attach volumes to a running VM.
pub const HOTPLUG: &str = "kubevirt.io=hotplug-disk";

/// Label of a node: the processor that its guests get by default.
const HOST_MODEL: &str = "host-model-cpu.node.kubevirt.io/";

/// Labels of a node: processors that a guest who comes from elsewhere may have.
const MIGRATION_MODEL: &str = "cpu-model-migration.node.kubevirt.io/";

impl Scene {
    /// Creates a VM, and returns it as it was stored.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn create_vm(&self, name: &str, boot: Boot<'_>) -> Result<Value> {
        self.cluster
            .create(kind::VM, &self.namespace, &manifest::vm(name, boot))
            .await
    }

    /// Waits until KubeVirt says that the instance runs, and returns it.
    ///
    /// # Errors
    /// Instance and pods, as they were last.
    pub async fn wait_running(&self, vm: &str) -> Result<Value> {
        let instance = wait::until(
            &format!("VM {vm} to run"),
            Duration::from_secs(180),
            async || {
                let instance = self.cluster.find(kind::VMI, &self.namespace, vm).await?;
                let instance = instance.unwrap_or_default();
                match text(&instance["status"]["phase"]) {
                    "Running" => return Ok(Look::Found(instance)),
                    "Failed" => bail!("it failed: {}", seen::line(&instance)),
                    _ => {}
                }
                let pods = self.cluster.list(kind::POD, &self.namespace, "").await?;
                let words = format!("{}; pods: {}", seen::line(&instance), seen::lines(&pods));
                Ok(Look::NotYet(words))
            },
        )
        .await?;
        self.say(&format!(
            "VM {vm} runs on {}",
            text(&instance["status"]["nodeName"])
        ));
        Ok(instance)
    }

    /// Waits until this many instances with these labels run, and none else is there, and returns
    /// them.
    ///
    /// # Errors
    /// Instances and pods, as they were last.
    pub async fn wait_instances(&self, labels: &str, wanted: usize) -> Result<Vec<Value>> {
        let what = format!("{wanted} instances to run");
        wait::until(&what, Duration::from_secs(180), async || {
            let all = self
                .cluster
                .list(kind::VMI, &self.namespace, labels)
                .await?;
            let runs = |instance: &&Value| instance["status"]["phase"] == "Running";
            if all.len() == wanted && all.iter().filter(runs).count() == wanted {
                return Ok(Look::Found(all));
            }
            let others: Vec<_> = all.iter().filter(|one| !runs(one)).cloned().collect();
            let pods = self.cluster.list(kind::POD, &self.namespace, "").await?;
            Ok(Look::NotYet(format!(
                "{} instances, not running: {}; pods: {}",
                all.len(),
                seen::lines(&others),
                seen::lines(&pods)
            )))
        })
        .await
    }

    /// Waits for the first pod of this VM or instance that is to run it, placed or not.
    ///
    /// # Errors
    /// The pods that there were.
    pub async fn launcher_of(&self, vm: &str) -> Result<Value> {
        let labels = format!("{LAUNCHER},vm.kubevirt.io/name={vm}");
        let limit = Duration::from_secs(60);
        let what = format!("a launcher pod of {vm}");
        self.wait_pod(&what, &labels, limit, |pod| !is_provisioning(pod))
            .await
    }

    /// The pod that runs this VM on this node; a migration has two.
    ///
    /// # Errors
    /// The pods that there are.
    pub async fn launcher_on(&self, vm: &str, node: &str) -> Result<Value> {
        let labels = format!("{LAUNCHER},vm.kubevirt.io/name={vm}");
        let pods = self
            .cluster
            .list(kind::POD, &self.namespace, &labels)
            .await?;
        let runs = |pod: &&Value| {
            !is_provisioning(pod)
                && pod["spec"]["nodeName"] == node
                && pod["status"]["phase"] == "Running"
        };
        let pod = pods.iter().find(runs).cloned();
        pod.with_context(|| format!("no launcher of {vm} on {node}: {}", seen::lines(&pods)))
    }

    /// Waits until the guest has said this on its serial console, and returns the line.
    ///
    /// # Errors
    /// What it has said so far.
    pub async fn guest_says(&self, launcher: &Value, words: &str) -> Result<String> {
        let what = format!("the guest to say {words:?}");
        let line = wait::until(&what, Duration::from_secs(150), async || {
            let log = self
                .cluster
                .log(&self.namespace, name(launcher), "guest-console-log");
            let log = log.await?;
            let found = log
                .lines()
                .find(|line| line.contains(MARK) && line.contains(words));
            Ok(Look::of(found.map(str::to_owned), || {
                log.lines().rev().take(8).collect::<Vec<_>>().join(" < ")
            }))
        })
        .await?;
        self.say(&format!("serial console: {line}"));
        Ok(line)
    }

    /// The processor that QEMU emulates without KVM is on KubeVirt's own list of obsolete models, for
    /// which it never finds a migration's target: the plane's KubeVirt has another list, and this
    /// waits until the nodes' labels follow it.
    ///
    /// # Errors
    /// That they do not.
    pub async fn emulated_guests_can_migrate(&self) -> Result<()> {
        let what = "every real node to be a target for its emulated processor";
        wait::until(what, Duration::from_secs(60), async || {
            let nodes = self
                .cluster
                .list(kind::NODE, "", "kubevirt.io/schedulable=true,!type")
                .await?;
            let without = nodes.iter().find(|node| !takes_its_own_guests(node));
            let words = || without.map_or("no node", |node| name(node)).to_owned();
            Ok(Look::of(
                (!nodes.is_empty() && without.is_none()).then_some(()),
                words,
            ))
        })
        .await
    }

    /// Asks for a live migration.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn migrate(&self, vm: &str) -> Result<()> {
        let object = json!({
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachineInstanceMigration",
            "metadata": {"name": format!("{vm}-away")},
            "spec": {"vmiName": vm},
        });
        self.cluster
            .create(kind::MIGRATION, &self.namespace, &object)
            .await
            .map(drop)
    }
}

/// Whether a pod only makes the scheduler choose a node for the volumes of a VM.
fn is_provisioning(pod: &Value) -> bool {
    !pod["metadata"]["annotations"]["kubevirt.io/ephemeral-provisioning"].is_null()
}

/// Whether a guest with this node's default processor may come to it.
fn takes_its_own_guests(node: &Value) -> bool {
    let Some(labels) = node["metadata"]["labels"].as_object() else {
        return false;
    };
    let mut models = labels.keys().filter_map(|key| key.strip_prefix(HOST_MODEL));
    models.any(|model| labels.contains_key(&format!("{MIGRATION_MODEL}{model}")))
}

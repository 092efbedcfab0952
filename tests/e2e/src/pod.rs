//! Pods: found by what they are for, and what is asserted about them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::seen::{self, items, name, text};
use crate::story::Scene;
use crate::wait::{self, Look};
use crate::{kind, node};

/// The plane's image for ordinary pods.
pub const TOOLBOX: &str = "localhost/plane/toolbox:1";

/// The taint of every node of the plane, and of CMK.
pub const TAINT: &str = "cmk";

impl Scene {
    /// Waits for a pod with these labels that fits.
    ///
    /// # Errors
    /// What the pods with these labels looked like last.
    pub async fn wait_pod(
        &self,
        what: &str,
        labels: &str,
        limit: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        wait::until(what, limit, async || {
            let pods = self
                .cluster
                .list(kind::POD, &self.namespace, labels)
                .await?;
            Ok(Look::of(pods.iter().find(|pod| fits(pod)).cloned(), || {
                seen::lines(&pods)
            }))
        })
        .await
    }

    /// Waits until the scheduler has said that it can't place a pod with these labels because of
    /// the taint, and returns its words.
    ///
    /// # Errors
    /// What the pods with these labels looked like last.
    pub async fn refused_by_the_taint(&self, labels: &str) -> Result<String> {
        let limit = Duration::from_secs(60);
        let says = |pod: &Value| seen::scheduler_words(pod).map(str::to_owned);
        let fits = |pod: &Value| says(pod).is_some_and(|it| it.contains("untolerated taint"));
        let what = "the scheduler to refuse a pod because of the taint";
        let pod = self.wait_pod(what, labels, limit, fits).await?;
        let words = says(&pod).unwrap_or_default();
        ensure!(pod["status"]["phase"] == "Pending", "{}", seen::line(&pod));
        ensure!(
            !tolerates(&pod["spec"]),
            "{} tolerates {TAINT}",
            seen::line(&pod)
        );
        self.say(&format!("{} stays Pending: {words}", name(&pod)));
        Ok(words)
    }

    /// Waits until one of the pods with these labels has a node, and asserts that it got the
    /// policy's toleration.
    ///
    /// # Errors
    /// What the pods with these labels looked like last.
    pub async fn placed_and_tolerant(&self, labels: &str) -> Result<Value> {
        let limit = Duration::from_secs(90);
        let fits = |pod: &Value| !node_of(pod).is_empty();
        let what = format!("a pod {labels} to be placed");
        let pod = self.wait_pod(&what, labels, limit, fits).await?;
        assert_tolerates(&pod, &pod["spec"])?;
        self.say(&format!("{} is on {}", name(&pod), node_of(&pod)));
        Ok(pod)
    }
}

/// The node of a pod; empty if it has none yet.
#[must_use]
pub fn node_of(pod: &Value) -> &str {
    text(&pod["spec"]["nodeName"])
}

/// Whether a pod's spec has vmberth's default toleration.
#[must_use]
pub fn tolerates(spec: &Value) -> bool {
    toleration_count(spec, TAINT) > 0
}

/// How many tolerations of this taint a spec has.
#[must_use]
pub fn toleration_count(spec: &Value, taint: &str) -> usize {
    items(&spec["tolerations"])
        .iter()
        .filter(|one| one["key"] == taint)
        .count()
}

/// The toleration is there, once.
///
/// # Errors
/// The tolerations that are there.
pub fn assert_tolerates(object: &Value, spec: &Value) -> Result<()> {
    let count = toleration_count(spec, TAINT);
    let all = &spec["tolerations"];
    ensure!(
        count == 1,
        "{} has {count} tolerations of {TAINT}: {all}",
        seen::line(object)
    );
    Ok(())
}

/// A pod as KubeVirt labels a launcher, for asking admission about it only.
#[must_use]
pub fn launcher_like(name: &str) -> Value {
    let mut pod = ordinary(name);
    pod["metadata"]["labels"] = json!({"kubevirt.io": "virt-launcher"});
    pod
}

/// A pod that has nothing to do with VMs; no scheduler will look at it.
#[must_use]
pub fn ordinary(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "schedulerName": "nobody",
            "automountServiceAccountToken": false,
            "containers": [{"name": "main", "image": TOOLBOX}],
        },
    })
}

/// The only process of this program in the pod, which must be on the pod's node.
///
/// # Errors
/// If there is none, or several, or it is elsewhere.
pub fn process(pod: &Value, program: &str) -> Result<node::Process> {
    let found = node::processes(text(&pod["metadata"]["uid"]), program)?;
    ensure!(
        found.len() == 1,
        "{} runs {program} {} times",
        name(pod),
        found.len()
    );
    let process = found.into_iter().next().context("counted above")?;
    let node = node_of(pod);
    ensure!(
        process.node == node,
        "{program} runs on {}, its pod on {node}",
        process.node
    );
    Ok(process)
}

//! vmberth itself, installed and removed as an operator does it: by helm, from this checkout.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::cluster::{self, Cluster, Stored};
use crate::kind;
use crate::pod::{launcher_like, tolerates};
use crate::seen::{self, text};
use crate::tool::Tool;
use crate::wait::{self, Look};

/// The release, and its namespace.
pub const NAME: &str = "vmberth";

/// Name of its MutatingWebhookConfiguration.
pub const CONFIGURATION: &str = "admission.vmberth.io";

/// The chart of this checkout.
#[must_use]
pub fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/vmberth")
}

/// The argument by which helm learns the policy of the stories.
fn values() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("policy.yaml");
    format!("--values={}", file.display())
}

/// helm in vmberth's namespace; everything it waits for has its own limit.
#[must_use]
pub fn helm<'a>(args: impl IntoIterator<Item = &'a str>) -> Tool {
    let args = ["--namespace", NAME].into_iter().chain(args);
    Tool::new("helm", args).limit(Duration::from_secs(260))
}

/// Installs the chart with the stories' policy, or brings what is installed to it with these further arguments, and waits
/// until admission answers.
///
/// # Errors
/// helm's words, and vmberth's pods as they were last.
pub async fn upgrade(cluster: &Cluster, further: &[&str]) -> Result<()> {
    let chart = chart().display().to_string();
    let tag = std::env::var("E2E_TAG").context("$E2E_TAG is not set: run tests/e2e/run.sh")?;
    let image = format!("image.registry=localhost,image.tag={tag}");
    let values = values();
    let args = [
        "upgrade",
        NAME,
        &chart,
        "--install",
        "--create-namespace",
        "--reset-values",
    ];
    let wait = ["--wait", "--timeout=360s", &values, "--set", &image];
    let all = args.into_iter().chain(wait).chain(further.iter().copied());
    if let Err(e) = helm(all).output().await {
        let report = seen::namespace(cluster, NAME).await.unwrap_or_default();
        bail!("{e:#}\n{report}");
    }
    Ok(())
}

/// As `upgrade` with nothing further; and admission is asked until it answers.
///
/// # Errors
/// helm's words, or how admission answered last.
pub async fn install(cluster: &Cluster) -> Result<()> {
    upgrade(cluster, &[]).await?;
    wait::until("admission to answer", Duration::from_secs(60), async || {
        let answer = ask_tolerant(cluster).await;
        Ok(Look::of(answer.as_ref().ok().copied(), || {
            format!("{answer:?}")
        }))
    })
    .await
}

/// A launcher pod that admission is asked about gets the default toleration.
///
/// # Errors
/// If it does not, or is refused.
pub async fn ask_tolerant(cluster: &Cluster) -> Result<()> {
    let pod = ask(cluster, &launcher_like("question")).await?;
    ensure!(tolerates(&pod["spec"]), "a launcher pod got no toleration");
    Ok(())
}

/// Has the kubelets look at vmberth's pods now: changed Secrets and ConfigMaps are in the pods at
/// once. By itself a kubelet looks every 60 to 90 seconds.
///
/// # Errors
/// What the API server said.
pub async fn refresh(cluster: &Cluster) -> Result<()> {
    for pod in cluster.list(kind::POD, NAME, "").await? {
        let version = text(&pod["metadata"]["resourceVersion"]);
        let touched = json!({"metadata": {"annotations": {"e2e/touched": version}}});
        let touch = cluster.merge(kind::POD, NAME, seen::name(&pod), &touched);
        // A pod that ends meanwhile needs nothing any more.
        let answer = touch.await;
        answer.or_else(|e| {
            if cluster::is_missing(&e) {
                Ok(Value::Null)
            } else {
                Err(e)
            }
        })?;
    }
    Ok(())
}

/// Removes the release, if there is one.
///
/// # Errors
/// helm's words.
pub async fn uninstall() -> Result<()> {
    let args = [
        "uninstall",
        NAME,
        "--ignore-not-found",
        "--wait",
        "--timeout=240s",
    ];
    helm(args).output().await.map(drop)
}

/// What admission would make of a pod in the namespace `default`.
///
/// # Errors
/// What the API server said.
pub async fn ask(cluster: &Cluster, pod: &Value) -> Result<Value> {
    cluster
        .post(kind::POD, "default", pod, Stored::DryRun)
        .await
}

/// The chart's objects, hooks included, with these further arguments.
///
/// # Errors
/// helm's words.
pub async fn rendered(further: &[&str]) -> Result<Vec<Value>> {
    objects(&rendered_yaml(further).await?).await
}

/// The chart's objects as helm prints them.
///
/// # Errors
/// helm's words.
pub async fn rendered_yaml(further: &[&str]) -> Result<String> {
    let chart = chart().display().to_string();
    let values = values();
    let args = ["template", NAME, &chart, &values]
        .into_iter()
        .chain(further.iter().copied());
    helm(args).output().await
}

/// Kubernetes objects as kubectl reads them from YAML; nothing is sent.
///
/// # Errors
/// kubectl's words.
pub async fn objects(yaml: &str) -> Result<Vec<Value>> {
    let args = [
        "create",
        "--dry-run=client",
        "--validate=false",
        "-o",
        "json",
        "-f",
        "-",
    ];
    let json = Tool::new("kubectl", args)
        .stdin(yaml.to_owned())
        .output()
        .await?;
    let mut objects = Vec::new();
    for object in serde_json::Deserializer::from_str(&json).into_iter::<Value>() {
        match object? {
            list if list["kind"] == "List" => objects.extend(seen::items(&list["items"]).to_vec()),
            object => objects.push(object),
        }
    }
    Ok(objects)
}

/// One YAML document of a kind that the cluster may not know.
///
/// # Errors
/// If it is no YAML.
pub fn yaml(document: &str) -> Result<Value> {
    Ok(serde_saphyr::from_str(document)?)
}

//! The webhook's pods from outside: their answers, metrics and certificates.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::cluster::Cluster;
use crate::metrics::{self, Sample};
use crate::seen::{self, items, name, text};
use crate::vmberth::{CONFIGURATION, NAME};
use crate::wait::{self, Look};
use crate::{kind, node, pod, raw};

/// Labels of its pods.
pub const PODS: &str = "app.kubernetes.io/component=webhook";

/// Its Deployment.
pub const DEPLOYMENT: &str = "vmberth-webhook";

/// Its program.
const PROGRAM: &str = "vmberth-webhook";

/// Port of reviews.
const TLS_PORT: u16 = 8443;

/// Port of health and metrics.
const ADMIN_PORT: u16 = 8080;

/// The webhook's pods, as they were when it was asked for.
#[derive(Debug)]
pub struct Webhook {
    /// All of them are Ready.
    pub pods: Vec<Value>,
}

impl Webhook {
    /// Finds its pods.
    ///
    /// # Errors
    /// If there is none, or one is not ready.
    pub async fn find(cluster: &Cluster) -> Result<Self> {
        let pods = cluster.list(kind::POD, NAME, PODS).await?;
        let ready = !pods.is_empty() && pods.iter().all(|pod| seen::is(pod, "Ready"));
        ensure!(
            ready,
            "vmberth's webhook is not ready: {}",
            seen::lines(&pods)
        );
        Ok(Self { pods })
    }

    /// Waits until as many pods are ready as the Deployment wants, and no other one is left.
    ///
    /// # Errors
    /// Its pods, as they were last.
    pub async fn wait(cluster: &Cluster) -> Result<Self> {
        let limit = Duration::from_secs(120);
        wait::until("vmberth's webhook to be ready", limit, async || {
            let deployment = cluster.get(kind::DEPLOYMENT, NAME, DEPLOYMENT).await?;
            let wanted = deployment["spec"]["replicas"].as_u64();
            let pods = cluster.list(kind::POD, NAME, PODS).await?;
            let ready = pods.iter().all(|pod| seen::is(pod, "Ready"));
            if ready && u64::try_from(pods.len()).ok() == wanted {
                return Ok(Look::Found(Self { pods }));
            }
            Ok(Look::NotYet(seen::lines(&pods)))
        })
        .await
    }

    /// What tells these pods from later ones: uid and restarts of each.
    #[must_use]
    pub fn lives(&self) -> Vec<String> {
        let life = |pod: &Value| {
            let restarts = &pod["status"]["containerStatuses"][0]["restartCount"];
            format!(
                "{} {} restarts {restarts}",
                name(pod),
                pod["metadata"]["uid"]
            )
        };
        let mut lives: Vec<_> = self.pods.iter().map(life).collect();
        lives.sort();
        lives
    }

    /// All metrics of all pods, taken now.
    ///
    /// # Errors
    /// If one does not answer.
    pub async fn metrics(&self) -> Result<Vec<Sample>> {
        let mut all = Vec::new();
        for pod in &self.pods {
            let answer = raw::get(address(pod, ADMIN_PORT)?, "/metrics").await?;
            ensure!(
                answer.status == 200,
                "{} /metrics: {}",
                name(pod),
                answer.head
            );
            all.extend(metrics::parse(&answer.body));
        }
        Ok(all)
    }

    /// Sum of a metric over all pods.
    ///
    /// # Errors
    /// If one does not answer.
    pub async fn count(&self, metric: &str, labels: &[(&str, &str)]) -> Result<f64> {
        Ok(metrics::sum(
            &self.metrics().await?,
            &format!("vmberth_webhook_{metric}"),
            labels,
        ))
    }

    /// The process of each pod.
    ///
    /// # Errors
    /// If one has none, or several.
    pub fn processes(&self) -> Result<Vec<node::Process>> {
        self.pods
            .iter()
            .map(|one| pod::process(one, PROGRAM))
            .collect()
    }

    /// Where the first pod answers reviews.
    ///
    /// # Errors
    /// If it has no address.
    pub fn address(&self) -> Result<SocketAddr> {
        address(self.pods.first().context("no pod")?, TLS_PORT)
    }

    /// A connection to a pod, trusting what the API server is told to trust.
    ///
    /// # Errors
    /// If the handshake fails.
    pub async fn connect(&self, cluster: &Cluster, pod: &Value) -> Result<TlsStream<TcpStream>> {
        let trusted = ca_bundle(cluster).await?;
        raw::tls(
            address(pod, TLS_PORT)?,
            &format!("vmberth-webhook.{NAME}.svc"),
            &trusted,
        )
        .await
    }

    /// The certificate that each pod serves now.
    ///
    /// # Errors
    /// If one can't be reached, or is not trusted.
    pub async fn certificates(&self, cluster: &Cluster) -> Result<Vec<Vec<u8>>> {
        let mut all = Vec::new();
        for pod in &self.pods {
            let stream = self
                .connect(cluster, pod)
                .await
                .with_context(|| name(pod).to_owned())?;
            let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
            all.push(chain.first().context("no certificate")?.to_vec());
        }
        Ok(all)
    }
}

/// What the API server trusts when it calls the webhook: PEM.
///
/// # Errors
/// If there is none, or not the same in all entries.
pub async fn ca_bundle(cluster: &Cluster) -> Result<Vec<u8>> {
    let configuration = cluster.get(kind::WEBHOOKS, "", CONFIGURATION).await?;
    let bundles = items(&configuration["webhooks"]).iter();
    let mut bundles: Vec<_> = bundles
        .map(|webhook| text(&webhook["clientConfig"]["caBundle"]))
        .collect();
    bundles.sort_unstable();
    bundles.dedup();
    ensure!(bundles.len() == 1, "{} different CA bundles", bundles.len());
    STANDARD.decode(bundles.concat()).context("caBundle")
}

fn address(pod: &Value, port: u16) -> Result<SocketAddr> {
    let address = text(&pod["status"]["podIP"]).parse();
    Ok(SocketAddr::new(
        address.with_context(|| format!("address of {}", name(pod)))?,
        port,
    ))
}

//! Certificates of vmberth's webhook, and asking for new ones as a person does: by an annotation.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::cluster::Cluster;
use crate::kind;
use crate::seen::text;
use crate::vmberth::{self, NAME};
use crate::wait::{self, Look};
use crate::webhook::Webhook;

/// What the webhook's pods mount.
pub const SERVING: &str = "vmberth-webhook-tls";

/// The Deployment that makes certificates.
pub const DEPLOYMENT: &str = "vmberth-certs";

/// Labels of the pods that make certificates.
pub const PODS: &str = "app.kubernetes.io/component=certs";

/// Written by people, any new value.
const ROTATE: &str = "vmberth.io/rotate";

/// Written by certs when the value of `ROTATE` is carried out.
const ROTATED: &str = "vmberth.io/rotated";

/// Asks for new CA and certificate, and waits until every pod of the webhook serves the new one and
/// the API server is told to trust it.
///
/// # Errors
/// How far it came.
pub async fn rotate(cluster: &Cluster, value: &str) -> Result<()> {
    let before = Webhook::wait(cluster).await?.certificates(cluster).await?;
    let wish = json!({"metadata": {"annotations": {ROTATE: value}}});
    cluster.merge(kind::SECRET, NAME, SERVING, &wish).await?;
    let limit = Duration::from_secs(90);
    wait::until("certs to carry out the rotation", limit, async || {
        let secret = cluster.get(kind::SECRET, NAME, SERVING).await?;
        let annotations = &secret["metadata"]["annotations"];
        let done = text(&annotations[ROTATED]) == value;
        Ok(Look::of(done.then_some(()), || annotations.to_string()))
    })
    .await?;
    wait::until(
        "the webhook to serve the new certificate",
        limit,
        async || {
            vmberth::refresh(cluster).await?;
            // Connecting checks that what is served is trusted.
            let now = Webhook::wait(cluster).await?.certificates(cluster).await?;
            let new = now.iter().filter(|one| !before.contains(one)).count();
            let all = new == now.len();
            Ok(Look::of(all.then_some(()), || {
                format!("{new} of {} pods do", now.len())
            }))
        },
    )
    .await
}

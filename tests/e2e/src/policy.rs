//! The policy of the running webhook, written by hand as an operator in a hurry does.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::kind;
use crate::seen::text;
use crate::vmberth::{self, NAME};
use crate::wait::{self, Look};
use crate::webhook::Webhook;

/// The ConfigMap that it is in.
const CONFIG_MAP: &str = "vmberth-policy";

/// Puts this text in the place of the policy.
///
/// # Errors
/// What the API server said.
pub async fn write(cluster: &Cluster, text: &str) -> Result<()> {
    let change = json!({"data": {"policy.yaml": text}});
    let map = cluster.merge(kind::CONFIG_MAP, NAME, CONFIG_MAP, &change);
    map.await.map(drop)
}

/// Waits until every pod says that its file is not what is in force.
///
/// # Errors
/// How many find it good.
pub async fn wait_refused(cluster: &Cluster, webhook: &Webhook) -> Result<()> {
    let what = "the webhook to refuse the bad policy";
    wait::until(what, Duration::from_secs(100), async || {
        vmberth::refresh(cluster).await?;
        let valid = webhook.count("policy_valid", &[]).await?;
        Ok(Look::of((valid == 0.0).then_some(()), || {
            format!("{valid} pods find it good")
        }))
    })
    .await
}

/// Waits for the Event that tells of a refused policy with these words, and returns what it says.
///
/// # Errors
/// The Events that there are on the ConfigMap.
pub async fn wait_told(cluster: &Cluster, words: &str) -> Result<String> {
    let what = format!("an Event PolicyRefused on the ConfigMap with {words:?}");
    // Of this very ConfigMap: Events outlive an earlier one of the same name.
    let map = cluster.get(kind::CONFIG_MAP, NAME, CONFIG_MAP).await?;
    let uid = &map["metadata"]["uid"];
    wait::until(&what, Duration::from_secs(30), async || {
        let mut events = cluster.list(kind::EVENT, NAME, "").await?;
        events.retain(|event| {
            let about = &event["involvedObject"];
            about["kind"] == "ConfigMap" && about["uid"] == *uid
        });
        let fits = |event: &&Value| {
            event["reason"] == "PolicyRefused"
                && event["type"] == "Warning"
                && text(&event["message"]).contains(words)
        };
        let found = events.iter().find(fits);
        let message = found.map(|event| text(&event["message"]).to_owned());
        Ok(Look::of(message, || {
            let told = events.iter().map(|event| text(&event["message"]));
            told.collect::<Vec<_>>().join(" | ")
        }))
    })
    .await
}

//! `caBundle` of the webhook configurations: read, and patched without touching anything else.
//!
//! The configurations belong to the Helm release. We never create one, so that `helm uninstall`
//! leaves no webhook behind; and the chart leaves `caBundle` out, so that an upgrade keeps ours
//! (helm 3: three-way merge; helm 4: server-side apply, where the field belongs to us).

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use crate::names;

/// Which configurations carry our bundle.
#[derive(Clone, Debug)]
pub struct Configurations {
    /// All configurations of the cluster; we may only touch the named ones.
    pub api: Api<MutatingWebhookConfiguration>,
    /// Names of ours.
    pub names: Vec<String>,
}

impl Configurations {
    /// Those of ours that exist.
    ///
    /// # Errors
    /// When kube-apiserver does not answer or refuses.
    pub async fn read(&self) -> kube::Result<Vec<MutatingWebhookConfiguration>> {
        let mut found = Vec::new();
        for name in &self.names {
            found.extend(self.api.get_opt(name).await?);
        }
        Ok(found)
    }

    /// Puts `bundle` into every webhook of those that differ.
    ///
    /// # Errors
    /// When one changed since it was read, or kube-apiserver refuses.
    pub async fn install(
        &self,
        read: &[MutatingWebhookConfiguration],
        bundle: &str,
    ) -> kube::Result<()> {
        let params = PatchParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        for configuration in read {
            if bundles(configuration).any(|found| found != bundle) {
                let name = configuration.metadata.name.as_deref().unwrap_or_default();
                let patch = Patch::Strategic(patch(configuration, bundle));
                self.api.patch(name, &params, &patch).await?;
            }
        }
        Ok(())
    }
}

/// `caBundle` of every webhook; empty text where there is none.
pub fn bundles(configuration: &MutatingWebhookConfiguration) -> impl Iterator<Item = String> {
    let webhooks = configuration.webhooks.iter().flatten();
    webhooks.map(|webhook| {
        let bytes = webhook
            .client_config
            .ca_bundle
            .as_ref()
            .map(|bytes| bytes.0.as_slice());
        String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
    })
}

/// A strategic merge: webhooks are merged by name, so rules, selectors and whatever a later version
/// of the API adds stay as they are. The resource version makes a concurrent change a conflict;
/// otherwise a webhook that somebody just removed would be added again as a stump.
fn patch(configuration: &MutatingWebhookConfiguration, bundle: &str) -> Value {
    let bundle = k8s_openapi::ByteString(bundle.as_bytes().to_vec());
    let webhooks: Vec<Value> = configuration
        .webhooks
        .iter()
        .flatten()
        .map(|webhook| json!({"name": webhook.name, "clientConfig": {"caBundle": bundle}}))
        .collect();
    json!({
        "metadata": {"resourceVersion": configuration.metadata.resource_version},
        "webhooks": webhooks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patch_names_every_webhook_and_nothing_but_the_bundle() {
        let configuration: MutatingWebhookConfiguration = serde_json::from_value(json!({
            "metadata": {"name": "admission.vmberth.io", "resourceVersion": "7"},
            "webhooks": [
                {"name": "a.vmberth.io", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                 "clientConfig": {"caBundle": "b2xk", "service": {"name": "s", "namespace": "n"}}},
                {"name": "b.vmberth.io", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                 "clientConfig": {"service": {"name": "s", "namespace": "n"}}},
            ],
        }))
        .unwrap();
        assert_eq!(bundles(&configuration).collect::<Vec<_>>(), ["old", ""]);
        let expected = json!({
            "metadata": {"resourceVersion": "7"},
            "webhooks": [
                {"name": "a.vmberth.io", "clientConfig": {"caBundle": "bmV3"}},
                {"name": "b.vmberth.io", "clientConfig": {"caBundle": "bmV3"}},
            ],
        });
        assert_eq!(patch(&configuration, "new"), expected);
    }
}

//! The Deployment that our objects belong to: deleting it lets the garbage collector remove them.

use anyhow::{Context, bail};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource};

/// The Deployment as it was when we began.
#[derive(Clone, Debug)]
pub struct Owner {
    /// What our objects carry.
    pub reference: OwnerReference,
    deployments: Api<PartialObjectMeta<Deployment>>,
}

impl Owner {
    /// The Deployment of this name.
    ///
    /// # Errors
    /// If there is none or it is being deleted, or kube-apiserver does not say.
    pub async fn find(client: &Client, namespace: &str, name: &str) -> anyhow::Result<Self> {
        let deployments: Api<PartialObjectMeta<Deployment>> =
            Api::namespaced(client.clone(), namespace);
        let found = deployments.get(name).await;
        let found = found.with_context(|| format!("--owner {name}"))?;
        if found.metadata.deletion_timestamp.is_some() {
            bail!("--owner {name}: the Deployment is being deleted");
        }
        let uid = found.metadata.uid.context("a Deployment without uid")?;
        Ok(Self::of(client, namespace, name, &uid))
    }

    /// The one with this UID, whether it lives or not.
    pub(crate) fn of(client: &Client, namespace: &str, name: &str, uid: &str) -> Self {
        Self {
            reference: OwnerReference {
                api_version: Deployment::api_version(&()).into_owned(),
                kind: Deployment::kind(&()).into_owned(),
                name: name.to_owned(),
                uid: uid.to_owned(),
                ..OwnerReference::default()
            },
            deployments: Api::namespaced(client.clone(), namespace),
        }
    }

    /// False if it is gone or going, or another one has its name: what we make then is removed at once.
    ///
    /// # Errors
    /// When kube-apiserver does not answer or refuses.
    pub async fn lives(&self) -> kube::Result<bool> {
        let found = self.deployments.get_opt(&self.reference.name).await?;
        Ok(found.is_some_and(|found| {
            found.metadata.uid.as_deref() == Some(self.reference.uid.as_str())
                && found.metadata.deletion_timestamp.is_none()
        }))
    }
}

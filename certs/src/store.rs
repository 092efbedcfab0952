//! The two Secrets: read into what the plan sees, written with the resource version that was read,
//! so that a second writer is noticed and never overwritten.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Api, ObjectMeta, PostParams};

use crate::authorities::Authorities;
use crate::issue::Leaf;
use crate::names;
use crate::plan::Observed;

/// Where the Secrets are and to whom they belong.
#[derive(Clone, Debug)]
pub struct Store {
    /// The Secrets of our namespace.
    pub secrets: Api<Secret>,
    /// Name of the serving Secret.
    pub serving: String,
    /// Name of the CA Secret.
    pub authorities: String,
    /// Owner of both; the garbage collector removes them with it.
    pub owner: Option<OwnerReference>,
}

/// Both Secrets as they were read.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The one that the webhook mounts.
    pub serving: Option<Secret>,
    /// The one that only we read.
    pub authorities: Option<Secret>,
}

impl Store {
    /// Reads both Secrets.
    ///
    /// # Errors
    /// When kube-apiserver does not answer or refuses; absence is not an error.
    pub async fn read(&self) -> kube::Result<Stored> {
        Ok(Stored {
            serving: self.secrets.get_opt(&self.serving).await?,
            authorities: self.secrets.get_opt(&self.authorities).await?,
        })
    }

    /// Writes the CA Secret.
    ///
    /// # Errors
    /// When it changed since `before` was read, or kube-apiserver refuses.
    pub async fn write_authorities(
        &self,
        before: Option<Secret>,
        authorities: &Authorities,
    ) -> kube::Result<()> {
        let text = serde_json::to_string(authorities).map_err(kube::Error::SerdeError)?;
        let mut secret = self.base(before, &self.authorities, "Opaque");
        put(&mut secret, names::AUTHORITIES, text);
        self.write(secret).await
    }

    /// Writes the serving Secret; a person's annotations and further keys are kept.
    ///
    /// # Errors
    /// When it changed since `before` was read, or kube-apiserver refuses.
    pub async fn write_serving(
        &self,
        before: Option<Secret>,
        leaf: &Leaf,
        bundle: String,
        rotated: Option<String>,
    ) -> kube::Result<()> {
        let mut secret = self.base(before, &self.serving, names::TLS_SECRET);
        put(
            &mut secret,
            names::LEAF_CERTIFICATE,
            leaf.certificate().pem().to_owned(),
        );
        put(&mut secret, names::LEAF_KEY, leaf.key().reveal().to_owned());
        put(&mut secret, names::BUNDLE, bundle);
        let annotations = secret.metadata.annotations.get_or_insert_default();
        match rotated {
            Some(value) => annotations.insert(names::ROTATED.to_owned(), value),
            None => annotations.remove(names::ROTATED),
        };
        self.write(secret).await
    }

    /// The Secrets that belong to nobody, or to a former installation.
    #[must_use]
    pub fn not_ours(&self, stored: Stored) -> Vec<Secret> {
        let Some(owner) = &self.owner else {
            return Vec::new();
        };
        let secrets = [stored.serving, stored.authorities].into_iter().flatten();
        secrets
            .filter(|secret| {
                let owners = secret.metadata.owner_references.iter().flatten();
                !owners.into_iter().any(|found| found.uid == owner.uid)
            })
            .collect()
    }

    /// Makes these ours.
    ///
    /// # Errors
    /// When one changed since it was read, or kube-apiserver refuses.
    pub async fn adopt(&self, secrets: Vec<Secret>) -> kube::Result<()> {
        for secret in secrets {
            self.write(self.base(Some(secret), "", "")).await?;
        }
        Ok(())
    }

    fn base(&self, before: Option<Secret>, name: &str, kind: &str) -> Secret {
        let mut secret = before.unwrap_or_else(|| Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            type_: Some(kind.to_owned()),
            ..Secret::default()
        });
        let labels = secret.metadata.labels.get_or_insert_default();
        labels.insert(
            "app.kubernetes.io/managed-by".to_owned(),
            "vmberth-certs".to_owned(),
        );
        labels.insert("app.kubernetes.io/part-of".to_owned(), "vmberth".to_owned());
        if let Some(owner) = &self.owner {
            // A Secret that outlived a former owner must not go with that one's last traces.
            secret.metadata.owner_references = Some(vec![owner.clone()]);
        }
        secret
    }

    async fn write(&self, secret: Secret) -> kube::Result<()> {
        let params = PostParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let name = secret.metadata.name.clone().unwrap_or_default();
        // With a resource version this is "replace what I read", and a conflict otherwise.
        if secret.metadata.resource_version.is_some() {
            self.secrets.replace(&name, &params, &secret).await?;
        } else {
            self.secrets.create(&params, &secret).await?;
        }
        Ok(())
    }
}

impl Stored {
    /// What the plan sees of the Secrets; what cannot be used counts as absent and is logged.
    pub fn observed(&self, installed: Vec<String>) -> Observed {
        let leaf_certificate = text(self.serving.as_ref(), names::LEAF_CERTIFICATE);
        let leaf_key = text(self.serving.as_ref(), names::LEAF_KEY);
        Observed {
            authorities: self.authorities(),
            leaf: leaf_certificate
                .zip(leaf_key)
                .and_then(|(certificate, key)| {
                    usable("serving certificate", Leaf::parse(&certificate, &key))
                }),
            bundle: text(self.serving.as_ref(), names::BUNDLE),
            rotate: annotation(self.serving.as_ref(), names::ROTATE),
            rotated: annotation(self.serving.as_ref(), names::ROTATED),
            installed,
        }
    }

    fn authorities(&self) -> Option<Authorities> {
        let text = text(self.authorities.as_ref(), names::AUTHORITIES)?;
        let read: Option<Authorities> = usable("CA Secret", serde_json::from_str(&text));
        read.filter(|authorities| {
            let whole = authorities.is_usable();
            if !whole {
                tracing::warn!(
                    what = "CA Secret",
                    "not usable: a key does not fit its certificate"
                );
            }
            whole
        })
    }
}

fn put(secret: &mut Secret, key: &str, value: String) {
    let data: &mut BTreeMap<_, _> = secret.data.get_or_insert_default();
    data.insert(key.to_owned(), ByteString(value.into_bytes()));
}

fn text(secret: Option<&Secret>, key: &str) -> Option<String> {
    let bytes = secret?.data.as_ref()?.get(key)?;
    String::from_utf8(bytes.0.clone()).ok()
}

fn annotation(secret: Option<&Secret>, key: &str) -> Option<String> {
    secret?.metadata.annotations.as_ref()?.get(key).cloned()
}

fn usable<T, E: std::fmt::Display>(what: &str, read: Result<T, E>) -> Option<T> {
    read.inspect_err(|error| tracing::warn!(what, %error, "not usable, will be replaced"))
        .ok()
}

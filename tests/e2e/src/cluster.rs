//! The API server, spoken to in plain JSON: what a test does not name is not touched.

use std::time::Duration;

use anyhow::{Context, Result};
use kube::api::{DeleteParams, ListParams, LogParams, Patch, PatchParams, PostParams};
use kube::config::AuthInfo;
use kube::core::Request;
use kube::{Client, Config, Error};
use serde_json::Value;

use crate::kind::Kind;

/// The cluster, as its administrator.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cluster")
    }
}

/// Whether something is stored, or only asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is.
    Yes,
    /// All of admission runs, but nothing is kept.
    DryRun,
}

impl Cluster {
    /// Connects as $KUBECONFIG says.
    ///
    /// # Errors
    /// If there is none: the tests run inside `plane shell`.
    pub async fn connect() -> Result<Self> {
        let advice = "run the tests by tests/e2e/run.sh: they need the network of `plane shell`";
        let mut config = Config::infer().await.context(advice)?;
        config.connect_timeout = Some(Duration::from_secs(10));
        config.read_timeout = Some(Duration::from_secs(60));
        Ok(Self {
            client: Client::try_from(config)?,
        })
    }

    /// Connects as whoever has this token, and as nobody else.
    ///
    /// # Errors
    /// As `connect`.
    pub async fn connect_with_token(token: &str) -> Result<Self> {
        let mut config = Config::infer().await.context("no kubeconfig")?;
        config.auth_info = AuthInfo {
            token: Some(token.to_owned().into()),
            ..AuthInfo::default()
        };
        config.read_timeout = Some(Duration::from_secs(60));
        Ok(Self {
            client: Client::try_from(config)?,
        })
    }

    /// One object, if it is there.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn find(&self, kind: Kind, namespace: &str, name: &str) -> Result<Option<Value>> {
        let request = Request::new(path(kind, namespace)).get(name, &Default::default())?;
        match self.client.request(request).await {
            Ok(object) => Ok(Some(object)),
            Err(Error::Api(status)) if status.code == 404 => Ok(None),
            Err(e) => Err(words(e).context(format!("get {} {namespace}/{name}", kind.plural))),
        }
    }

    /// One object.
    ///
    /// # Errors
    /// What the API server said, also that it is not there.
    pub async fn get(&self, kind: Kind, namespace: &str, name: &str) -> Result<Value> {
        let found = self.find(kind, namespace, name).await?;
        found.with_context(|| format!("{} {namespace}/{name} is not there", kind.plural))
    }

    /// The objects with these labels; `""` for all of them, in all namespaces for no namespace.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn list(&self, kind: Kind, namespace: &str, labels: &str) -> Result<Vec<Value>> {
        let params = ListParams::default().labels(labels);
        let request = Request::new(path(kind, namespace)).list(&params)?;
        let list: Result<Value, _> = self.client.request(request).await;
        let mut list =
            list.map_err(|e| words(e).context(format!("list {} {namespace}", kind.plural)))?;
        let items = list["items"].as_array_mut().map(std::mem::take);
        items.with_context(|| format!("a list of {} has no items", kind.plural))
    }

    /// Makes an object, and returns it as it was stored.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn create(&self, kind: Kind, namespace: &str, object: &Value) -> Result<Value> {
        self.post(kind, namespace, object, Stored::Yes).await
    }

    /// As `create`, and only as if with [`Stored::DryRun`].
    ///
    /// # Errors
    /// What the API server said.
    pub async fn post(
        &self,
        kind: Kind,
        namespace: &str,
        object: &Value,
        stored: Stored,
    ) -> Result<Value> {
        let params = PostParams {
            dry_run: stored == Stored::DryRun,
            field_manager: None,
        };
        let bytes = serde_json::to_vec(object)?;
        let request = Request::new(path(kind, namespace)).create(&params, bytes)?;
        let made = self.client.request(request).await;
        made.map_err(|e| words(e).context(format!("create {} in {namespace}", kind.plural)))
    }

    /// Changes an object by a merge patch.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn merge(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<Value> {
        let params = PatchParams::default();
        let request =
            Request::new(path(kind, namespace)).patch(name, &params, &Patch::Merge(patch))?;
        let changed = self.client.request(request).await;
        changed.map_err(|e| words(e).context(format!("patch {} {namespace}/{name}", kind.plural)))
    }

    /// Changes the status of an object by a merge patch.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn merge_status(&self, kind: Kind, name: &str, patch: &Value) -> Result<Value> {
        let params = PatchParams::default();
        let request = Request::new(path(kind, ""));
        let request = request.patch_subresource("status", name, &params, &Patch::Merge(patch))?;
        let changed = self.client.request(request).await;
        changed.map_err(|e| words(e).context(format!("patch status of {} {name}", kind.plural)))
    }

    /// Deletes an object, within its grace period; one that is not there is fine.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn delete(&self, kind: Kind, namespace: &str, name: &str) -> Result<()> {
        self.remove(kind, namespace, name, &DeleteParams::background())
            .await
    }

    /// Deletes an object without letting it end in peace.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn delete_at_once(&self, kind: Kind, namespace: &str, name: &str) -> Result<()> {
        let params = DeleteParams::background().grace_period(0);
        self.remove(kind, namespace, name, &params).await
    }

    /// Deletes all objects of a namespace, without letting them end in peace.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn delete_all(&self, kind: Kind, namespace: &str) -> Result<()> {
        let params = DeleteParams::background().grace_period(0);
        let all = ListParams::default();
        let request = Request::new(path(kind, namespace)).delete_collection(&params, &all)?;
        let deleted: Result<Value, _> = self.client.request(request).await;
        let words = |e| words(e).context(format!("delete all {} of {namespace}", kind.plural));
        deleted.map(drop).map_err(words)
    }

    async fn remove(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        params: &DeleteParams,
    ) -> Result<()> {
        let request = Request::new(path(kind, namespace)).delete(name, params)?;
        match self.client.request::<Value>(request).await {
            Ok(_) => Ok(()),
            Err(Error::Api(status)) if status.code == 404 => Ok(()),
            Err(e) => Err(words(e).context(format!("delete {} {namespace}/{name}", kind.plural))),
        }
    }

    /// What the API server says of itself, at a path of no object: `/metrics`.
    ///
    /// # Errors
    /// What it said.
    pub async fn text(&self, path: &str) -> Result<String> {
        let request = axum::http::Request::get(path).body(Vec::new())?;
        let text = self.client.request_text(request).await;
        text.map_err(|e| words(e).context(path.to_owned()))
    }

    /// What a container has printed; nothing if it has not started yet.
    ///
    /// # Errors
    /// If the API server can't be reached.
    pub async fn log(&self, namespace: &str, pod: &str, container: &str) -> Result<String> {
        let params = LogParams {
            container: Some(container.to_owned()),
            tail_lines: Some(500),
            ..LogParams::default()
        };
        let request = Request::new(path(crate::kind::POD, namespace)).logs(pod, &params)?;
        match self.client.request_text(request).await {
            Ok(text) => Ok(text),
            // Not started, or gone.
            Err(Error::Api(status)) if [400, 404].contains(&status.code) => Ok(String::new()),
            Err(e) => Err(words(e).context(format!("log of {namespace}/{pod}"))),
        }
    }
}

/// The API server's own "no".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// As in HTTP.
    pub code: u16,
    /// Its words.
    pub message: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Refused {}

/// Whether the API server said that there is no such object.
#[must_use]
pub fn is_missing(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Refused>()
        .is_some_and(|refused| refused.code == 404)
}

fn path(kind: Kind, namespace: &str) -> String {
    match namespace {
        "" => format!("{}/{}", kind.api, kind.plural),
        namespace => format!("{}/namespaces/{namespace}/{}", kind.api, kind.plural),
    }
}

/// kube's own words show the whole status, twice.
fn words(error: Error) -> anyhow::Error {
    if let Error::Api(status) = &error {
        let message = status.message.clone();
        return Refused {
            code: status.code,
            message,
        }
        .into();
    }
    error.into()
}

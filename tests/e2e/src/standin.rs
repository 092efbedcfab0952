//! Starts the stand-in for network-resources-injector, and has the API server call it; and the one for
//! the device plugin ([`device_plugin`]).
//!
//! The real ones are not to be had as Go modules. What the injector does to a pod stands in
//! [`injector`].

pub mod device_plugin;
pub mod injector;

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::kind;
use crate::seen::text;
use crate::story::Scene;

/// Label of the pods that the API server asks a stand-in about; its value is the configuration.
pub const LABEL: &str = "e2e/standin";

/// A running stand-in; ended when it is dropped.
#[derive(Debug)]
pub struct Standin {
    _process: Child,
    url: String,
    certificate: String,
}

impl Standin {
    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    /// If it does not.
    pub async fn start(program: &str) -> Result<Self> {
        let mut process = Command::new(program)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| program.to_owned())?;
        let out = process.stdout.take().context("its output")?;
        let mut lines = BufReader::new(out).lines();
        let line = timeout(Duration::from_secs(10), lines.next_line()).await;
        let line = line.context("it does not listen")??;
        let ready: Value = serde_json::from_str(&line.context("it has ended")?)?;
        Ok(Self {
            _process: process,
            url: text(&ready["url"]).to_owned(),
            certificate: text(&ready["certificate"]).to_owned(),
        })
    }
}

impl Scene {
    /// Has the API server call a stand-in for pods whose label [`LABEL`] says so, in the order of
    /// the name that its configuration has. Goes with the story's namespace.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn call_standin(&self, standin: &Standin, name: &str, label: &str) -> Result<()> {
        let configuration = json!({
            "metadata": {"name": name, "ownerReferences": [self.own_reference().await?]},
            "webhooks": [{
                "name": "standin.network-resources-injector.example.org",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                // A pod that it was not asked about would prove nothing.
                "failurePolicy": "Fail",
                "timeoutSeconds": 5,
                "objectSelector": {"matchLabels": {LABEL: label}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                    "resources": ["pods"]}],
                "clientConfig": {
                    "url": standin.url,
                    "caBundle": STANDARD.encode(&standin.certificate),
                },
            }],
        });
        let made = self.cluster.create(kind::WEBHOOKS, "", &configuration);
        made.await.map(drop)
    }
}

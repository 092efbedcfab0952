//! Imports by http from a server in the cluster.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::kind;
use crate::pod::TAINT;
use crate::seen::{self, text};
use crate::story::Scene;
use crate::upload::Asked;
use crate::volumes::{self, CLASS};
use crate::wait::{self, Look};

/// Labels of CDI's importer pods.
pub const POD: &str = "app=containerized-data-importer,cdi.kubevirt.io=importer";

/// Serves the guests' disks on port 8080.
const SERVER: &str = "localhost/plane/image-server:1";

/// Size of the disks.
const SIZE: &str = "128Mi";

impl Scene {
    /// Starts the server of images, which is no part of any story: it tolerates the real nodes by
    /// itself. Returns its address.
    ///
    /// # Errors
    /// If it does not run.
    pub async fn image_server(&self) -> Result<String> {
        let pod = json!({
            "metadata": {"name": "image-server", "labels": {"e2e": "image-server"}},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "automountServiceAccountToken": false,
                "tolerations": [{"key": TAINT, "operator": "Exists"}],
                "containers": [{
                    "name": "server",
                    "image": SERVER,
                    "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
                }],
            },
        });
        self.cluster
            .create(kind::POD, &self.namespace, &pod)
            .await?;
        let limit = Duration::from_secs(60);
        let ready = |pod: &Value| seen::is(pod, "Ready");
        let pod = self
            .wait_pod("the image server", "e2e=image-server", limit, ready)
            .await?;
        Ok(text(&pod["status"]["podIP"]).to_owned())
    }

    /// A DataVolume that imports from there, at once and not with its first consumer.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn import(&self, name: &str, url: &str, asked: Asked) -> Result<()> {
        self.import_with(name, url, asked, &[]).await
    }

    /// The same with further annotations.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn import_with(
        &self,
        name: &str,
        url: &str,
        asked: Asked,
        annotations: &[(&str, &str)],
    ) -> Result<()> {
        let mut all = json!({"cdi.kubevirt.io/storage.bind.immediate.requested": "true"});
        for (key, value) in annotations {
            all[*key] = json!(value);
        }
        let source = json!({"http": {"url": url}});
        let storage = match asked {
            Asked::Everything => storage(None),
            Asked::Nothing => json!({"resources": {"requests": {"storage": SIZE}}}),
        };
        self.data_volume(name, &source, &all, &storage).await
    }

    /// An empty DataVolume on this node: on a volume of it that nobody holds.
    ///
    /// # Errors
    /// If it has none.
    pub async fn blank_on(&self, name: &str, node: &str) -> Result<()> {
        let volume = volumes::free_on(&self.cluster, node).await?;
        let blank = json!({"blank": {}});
        self.data_volume(name, &blank, &json!({}), &storage(Some(&volume)))
            .await
    }

    async fn data_volume(
        &self,
        name: &str,
        source: &Value,
        annotations: &Value,
        storage: &Value,
    ) -> Result<()> {
        let object = json!({
            "apiVersion": "cdi.kubevirt.io/v1beta1",
            "kind": "DataVolume",
            "metadata": {"name": name, "annotations": annotations},
            "spec": {"source": source, "storage": storage},
        });
        self.cluster
            .create(kind::DATA_VOLUME, &self.namespace, &object)
            .await
            .map(drop)
    }

    /// Waits until CDI has said why a DataVolume gets no claim, or none that is bound, and returns
    /// its words.
    ///
    /// # Errors
    /// The DataVolume, as it was last.
    pub async fn not_bound(&self, name: &str) -> Result<String> {
        let what = format!("CDI to say why DataVolume {name} is not bound");
        wait::until(&what, Duration::from_secs(60), async || {
            let volume = self
                .cluster
                .find(kind::DATA_VOLUME, &self.namespace, name)
                .await?;
            let volume = volume.unwrap_or_default();
            let bound = seen::condition(&volume, "Bound");
            let why = bound.map(|condition| text(&condition["message"]).to_owned());
            let why = why.filter(|why| !why.is_empty() && !seen::is(&volume, "Bound"));
            Ok(Look::of(why, || seen::line(&volume)))
        })
        .await
    }

    /// Waits until CDI says that a DataVolume is filled.
    ///
    /// # Errors
    /// Its phase and CDI's pods, as they were last.
    pub async fn wait_succeeded(&self, name: &str) -> Result<()> {
        let what = format!("DataVolume {name} to be Succeeded");
        wait::until(&what, Duration::from_secs(150), async || {
            let volume = self
                .cluster
                .get(kind::DATA_VOLUME, &self.namespace, name)
                .await?;
            match text(&volume["status"]["phase"]) {
                "Succeeded" => Ok(Look::Found(())),
                "Failed" => bail!("it failed: {}", seen::line(&volume)),
                _ => {
                    let pods = self.cluster.list(kind::POD, &self.namespace, "").await?;
                    let words = format!("{}; pods: {}", seen::line(&volume), seen::lines(&pods));
                    Ok(Look::NotYet(words))
                }
            }
        })
        .await?;
        self.say(&format!("DataVolume {name} is Succeeded"));
        Ok(())
    }
}

/// All that can be said about where a disk shall be.
fn storage(volume: Option<&str>) -> Value {
    json!({
        "storageClassName": CLASS,
        "volumeName": volume,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": SIZE}},
    })
}

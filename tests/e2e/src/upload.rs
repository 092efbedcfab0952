//! Uploads by the real virtctl.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::kind;
use crate::seen::text;
use crate::story::Scene;
use crate::tool::Tool;
use crate::volumes::{self, CLASS, Place};

/// Labels of CDI's upload pods.
pub const POD: &str = "app=containerized-data-importer,cdi.kubevirt.io=cdi-upload-server";

/// What virtctl says when it looks while a disk is being bound.
const TOO_EARLY: &str = "cannot upload to DataVolume in WaitForFirstConsumer phase";

/// What a user tells virtctl of where the disk shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The class, the mode, and to bind at once: what edge clusters need without vmberth.
    Everything,
    /// The size only.
    Nothing,
}

/// Where a disk and its scratch space are.
#[derive(Debug)]
pub struct Filled {
    /// The disk's volume.
    pub target: Place,
    /// The volume that CDI worked in.
    pub scratch: Place,
}

impl Scene {
    /// `virtctl image-upload` of a file into a new DataVolume (`dv NAME`) or claim (`pvc NAME`), as
    /// a user calls it.
    ///
    /// # Errors
    /// If CDI's proxy is not there.
    pub async fn virtctl_upload(&self, into: &str, image: &Path, asked: Asked) -> Result<Tool> {
        let service = self
            .cluster
            .get(kind::SERVICE, "cdi", "cdi-uploadproxy")
            .await?;
        let proxy = text(&service["spec"]["clusterIP"]);
        let mut args = vec!["image-upload".to_owned()];
        args.extend(into.split(' ').map(str::to_owned));
        args.extend([
            format!("--namespace={}", self.namespace),
            format!("--image-path={}", image.display()),
            "--size=128Mi".to_owned(),
            "--insecure".to_owned(),
            format!("--uploadproxy-url=https://{proxy}"),
            "--wait-secs=360".to_owned(),
        ]);
        if asked == Asked::Everything {
            args.extend([
                format!("--storage-class={CLASS}"),
                "--access-mode=ReadWriteOnce".to_owned(),
                "--force-bind".to_owned(),
            ]);
        }
        Ok(Tool::new("virtctl", args).limit(Duration::from_secs(300)))
    }

    /// Uploads, and asserts that the upload pod was tolerant, target and scratch were bound on one
    /// node, and CDI says Succeeded.
    ///
    /// # Errors
    /// virtctl's words, or what did not hold.
    pub async fn upload(&self, name: &str, image: &Path, asked: Asked) -> Result<Filled> {
        let into = format!("dv {name}");
        let (said, pod) = futures::join!(
            self.said_at_last(&into, image, asked),
            self.placed_and_tolerant(POD)
        );
        said.and_then(|said| {
            ensure!(
                said.contains("completed successfully"),
                "virtctl said: {said}"
            );
            Ok(())
        })
        // The pod tells more than virtctl's time-out.
        .with_context(|| {
            pod.as_ref()
                .err()
                .map_or_else(String::new, |e| format!("{e:#}"))
        })?;
        let pod = pod?;
        self.wait_succeeded(name).await?;
        let filled = self.filled(name).await?;
        let node = text(&pod["spec"]["nodeName"]);
        ensure!(
            filled.target.node == node,
            "pod on {node}, disk on {}",
            filled.target.node
        );
        Ok(filled)
    }

    /// What virtctl says. Without `--force-bind` it looks at the phase every two seconds and gives up if it sees
    /// WaitForFirstConsumer, in which a DataVolume that is bound at once is for a moment, too; a user calls again.
    async fn said_at_last(&self, into: &str, image: &Path, asked: Asked) -> Result<String> {
        let first = self.virtctl_upload(into, image, asked).await?;
        match first.output().await {
            Err(refused)
                if asked == Asked::Nothing && format!("{refused:#}").contains(TOO_EARLY) =>
            {
                self.say("virtctl looked while the disk was being bound; called again");
                tokio::time::sleep(Duration::from_secs(5)).await;
                let again = self.virtctl_upload(into, image, asked).await?;
                again.output().await
            }
            said => said,
        }
    }

    /// The volumes of a filled DataVolume and of its scratch claim, both on one node. Volumes are
    /// kept when their claim goes, so a scratch claim that is gone is still found.
    ///
    /// # Errors
    /// Which claim was never bound.
    pub async fn filled(&self, name: &str) -> Result<Filled> {
        volumes::wait_bound(&self.cluster, &self.namespace, name).await?;
        let target = volumes::place_of(&self.cluster, &self.namespace, name).await?;
        let scratch = format!("{name}-scratch");
        let scratch = volumes::place_of(&self.cluster, &self.namespace, &scratch).await?;
        let apart = target.volume != scratch.volume && target.node == scratch.node;
        ensure!(apart, "target {target:?} and scratch {scratch:?}");
        self.say(&format!(
            "disk {} and scratch {}",
            target.volume, scratch.volume
        ));
        Ok(Filled { target, scratch })
    }
}

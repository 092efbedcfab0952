//! Carries out what was decided about the PersistentVolumes of the node: makes, mends and gives back.
//!
//! Every action looks again at what it relies on, since the plan is older than the moment: a volume that changed meanwhile
//! is left to the next plan. Directories are emptied in one task, all else is done in another, each one after another; an
//! action that fails does not stop the others, unless kube-apiserver would refuse those as well.

mod create;
mod object;
mod reclaim;
mod retries;
#[cfg(test)]
mod testing;
mod work;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tokio::time::{sleep, timeout};
use vmberth_cluster::objects::PersistentVolume;
use vmberth_decide::node::facts::Device;
use vmberth_decide::node::local_volumes::{Action, DirectoryId, Mend};
use vmberth_serve::shutdown::Shutdown;

use crate::wipe::{Held, WipeError, Wiped};

pub use retries::{Retries, name_of};
pub use work::Work;

/// Pause after each PersistentVolume made: the 64 of a new node take seven seconds, and a cluster of new nodes does not
/// flood kube-apiserver.
const BETWEEN_CREATES: Duration = Duration::from_millis(100);
/// Longest time that kube-apiserver may take for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How often it is asked whether a directory that is being emptied is still free.
pub const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Value of the chart that mounts the volumes' directories so that they can be emptied.
pub const WIPE_VALUE: &str = "exporter.allowWipe";

/// Looks at the node once more, directly before a directory is offered or emptied: nothing may be mounted from this path of
/// this file system, at it or below it, in the host's own mountinfo. The error says what is.
pub type StillFree = Arc<dyn Fn(&str, Device) -> Result<(), String> + Send + Sync>;

/// What it takes to carry out actions.
#[derive(Clone)]
pub struct Executor {
    /// Our way to kube-apiserver.
    pub client: Client,
    /// Name of the node.
    pub node: String,
    /// Where the host's root is seen, read-only.
    pub host_root: PathBuf,
    /// Where the host's root is seen with the volumes' directories writable; `None` if nothing is ever emptied.
    pub volumes_root: Option<PathBuf>,
    /// The last look at the node's mounts.
    pub still_free: StillFree,
    /// How often it is asked whether a directory that is being emptied is still free: [`LOOK_AGAIN`].
    pub look_again: Duration,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("node", &self.node)
            .field("host_root", &self.host_root)
            .field("volumes_root", &self.volumes_root)
            .finish_non_exhaustive()
    }
}

/// What became of one action.
#[derive(Debug)]
pub struct Outcome {
    /// The PersistentVolume.
    pub volume: String,
    /// What was done, or why not.
    pub result: Result<Done, ActionError>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It is made.
    Created,
    /// It was there, and is ours: an answer was lost, or another agent of the node was faster.
    AlreadyThere,
    /// Labels and annotations are as decided.
    Mended,
    /// It is empty and offered again.
    Offered(Wiped),
}

/// Why an action was not carried out; the next plan starts from what is there then.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// kube-apiserver refused or could not be asked.
    #[error("kube-apiserver: {}", words(.0))]
    Api(#[from] kube::Error),
    /// kube-apiserver took too long.
    #[error("no answer from kube-apiserver in {} s", ANSWER.as_secs())]
    Deadline,
    /// The name is taken by a PersistentVolume that we did not make.
    #[error(
        "a PersistentVolume {0} is there that this node's agent did not make; delete or rename it"
    )]
    NameTaken(String),
    /// The directory is not as it was when it was decided to offer it.
    #[error("no PersistentVolume made: {0}")]
    NotMade(String),
    /// Something is not as it was when it was decided.
    #[error("not given back: {0}")]
    Changed(String),
    /// The directory is not empty, and we may not write.
    #[error("{path} is not empty and is seen read-only; set {WIPE_VALUE} to have it emptied")]
    NotWritable {
        /// The directory.
        path: String,
    },
    /// The directory could not be emptied.
    #[error(transparent)]
    Wipe(#[from] WipeError),
    /// What can't be written as JSON can't be sent.
    #[error("patch: {0}")]
    Patch(#[from] serde_json::Error),
    /// The thread that empties ended without a word.
    #[error("emptying ended early: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl ActionError {
    /// kube-apiserver is away, overloaded or does not know us: the next action would fare no better. What it forbids is one
    /// object's own matter: admission policies forbid single ones.
    #[must_use]
    pub fn is_of_the_server(&self) -> bool {
        match self {
            Self::Api(kube::Error::Api(status)) => {
                matches!(status.code, 401 | 429) || status.code >= 500
            }
            Self::Api(_) | Self::Deadline => true,
            Self::NameTaken(_)
            | Self::NotMade(_)
            | Self::Changed(_)
            | Self::NotWritable { .. }
            | Self::Wipe(_)
            | Self::Patch(_)
            | Self::Thread(_) => false,
        }
    }
}

impl Executor {
    /// Carries out the actions in their order; ends early when the shutdown begins, or when kube-apiserver is the matter.
    pub async fn carry_out(&self, actions: Vec<Action>, shutdown: &Shutdown) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(actions.len());
        for action in actions {
            if shutdown.has_begun() {
                break;
            }
            let outcome = self.one(action, shutdown).await;
            let ends = (outcome.result.as_ref()).is_err_and(ActionError::is_of_the_server);
            outcomes.push(outcome);
            if ends {
                break;
            }
        }
        outcomes
    }

    async fn one(&self, action: Action, shutdown: &Shutdown) -> Outcome {
        let volume = name_of(&action).to_owned();
        let result = match action {
            Action::Create(new) => {
                let result = self.create(&new).await;
                sleep(BETWEEN_CREATES).await;
                result
            }
            Action::Mend(mend) => self.mend(&mend).await,
            Action::Reclaim(order) => self.reclaim(order, shutdown).await,
        };
        Outcome { volume, result }
    }

    /// With the UID in it, the patch fits no other object of the name.
    async fn mend(&self, mend: &Mend) -> Result<Done, ActionError> {
        let patch = json!({
            "metadata": {
                "uid": mend.uid,
                "labels": mend.labels,
                "annotations": mend.annotations,
            }
        });
        let params = PatchParams::default();
        answer(
            self.volumes()
                .patch(&mend.name, &params, &Patch::Merge(patch)),
        )
        .await?;
        Ok(Done::Mended)
    }

    /// Opens and locks a directory below `root`; the file system may take its time.
    async fn hold(
        &self,
        root: &Path,
        path: &str,
        directory: DirectoryId,
    ) -> Result<Held, ActionError> {
        let (root, path) = (root.to_owned(), path.to_owned());
        let taken = tokio::task::spawn_blocking(move || Held::take(&root, &path, directory));
        Ok(taken.await??)
    }

    fn volumes(&self) -> Api<PersistentVolume> {
        Api::all(self.client.clone())
    }
}

/// Waits for an answer, but not for ever.
async fn answer<T>(asked: impl Future<Output = kube::Result<T>>) -> Result<T, ActionError> {
    match timeout(ANSWER, asked).await {
        Ok(answer) => answer.map_err(ActionError::Api),
        Err(_) => Err(ActionError::Deadline),
    }
}

fn has_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

/// The server's own sentence, where there is one; kube adds its whole status to it otherwise.
fn words(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return format!("{} ({})", status.message, status.code);
    }
    error.to_string()
}

//! Carries out what was decided about the PersistentVolumes of the node: makes, mends and gives back.
//!
//! Every action looks again at what it relies on, since the plan is older than the moment: a volume that changed meanwhile
//! is left to the next plan. Actions are done one after another; one that fails does not stop the others.

mod object;
mod reclaim;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::PersistentVolume;
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::time::{sleep, timeout};
use vmberth_decide::node::local_volumes::{Action, Mend, NewVolume, ReclaimOrder};
use vmberth_serve::shutdown::Shutdown;

use crate::wipe::{WipeError, Wiped};

/// Pause after each PersistentVolume made: the 64 of a new node take seven seconds, and a cluster of new nodes does not
/// flood kube-apiserver.
const BETWEEN_CREATES: Duration = Duration::from_millis(100);
/// Longest time that kube-apiserver may take for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Value of the chart that mounts the volumes' directories so that they can be emptied.
pub const WIPE_VALUE: &str = "exporter.allowWipe";

/// Looks at the node once more, directly before a directory is emptied: nothing may be mounted from it, at it or below it,
/// in the host's own mountinfo. The error says what is.
pub type StillFree = Arc<dyn Fn(&ReclaimOrder) -> Result<(), String> + Send + Sync>;

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

impl Executor {
    /// Carries out the actions in their order; ends early when the shutdown begins.
    pub async fn carry_out(&self, actions: Vec<Action>, shutdown: &Shutdown) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(actions.len());
        for action in actions {
            if shutdown.has_begun() {
                break;
            }
            outcomes.push(match action {
                Action::Create(new) => {
                    let result = self.create(&new).await;
                    sleep(BETWEEN_CREATES).await;
                    Outcome {
                        volume: new.name,
                        result,
                    }
                }
                Action::Mend(mend) => Outcome {
                    result: self.mend(&mend).await,
                    volume: mend.name,
                },
                Action::Reclaim(order) => Outcome {
                    volume: order.name.clone(),
                    result: self.reclaim(order, shutdown).await,
                },
            });
        }
        outcomes
    }

    async fn create(&self, new: &NewVolume) -> Result<Done, ActionError> {
        let volumes = self.volumes();
        let wanted = object::of(new);
        let params = PostParams::default();
        match answer(volumes.create(&params, &wanted)).await {
            Ok(_) => Ok(Done::Created),
            Err(ActionError::Api(error)) if has_code(&error, 409) => {
                let found = answer(volumes.get(&new.name)).await?;
                if object::is_same_offer(&found, new) {
                    Ok(Done::AlreadyThere)
                } else {
                    Err(ActionError::NameTaken(new.name.clone()))
                }
            }
            Err(error) => Err(error),
        }
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

//! Carries out the binder's steps and tells what became of them.

use std::path::PathBuf;
use std::time::Duration;

use tokio::task::{JoinError, spawn_blocking};
use vmberth_decide::node::binder::Step;

use crate::metrics::{Metrics, Outcome};
use crate::sysfs;
use crate::told::Told;

/// sysfs tells nobody of a change, so the next round has to look.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A step that fails is tried again after so long: a driver seldom changes its mind.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// Does the steps in their order below `root`; the first that fails ends it, since later ones may depend on it. Returns when
/// to look again.
///
/// # Errors
/// If the thread ended without a word.
pub async fn carry_out(
    root: PathBuf,
    steps: Vec<Step>,
    metrics: &Metrics,
    told: &mut Told,
) -> Result<Option<Duration>, JoinError> {
    if steps.is_empty() {
        told.bound();
        return Ok(None);
    }
    for step in steps {
        let (root, tried) = (root.clone(), step.clone());
        match spawn_blocking(move || sysfs::carry_out(&root, &tried)).await? {
            Ok(()) => {
                metrics.binder_stepped(Outcome::Ok);
                tracing::info!(step = ?step, "virtual functions changed");
            }
            Err(error) => {
                metrics.binder_stepped(Outcome::Failed);
                told.not_bound(&error.to_string());
                return Ok(Some(TRY_AGAIN));
            }
        }
    }
    Ok(Some(LOOK_AGAIN))
}

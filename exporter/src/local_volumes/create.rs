//! Offers one directory: locks it, looks again that it is empty and that nothing is mounted from it, makes its
//! PersistentVolume.

use kube::api::PostParams;
use vmberth_cluster::objects::PersistentVolume;
use vmberth_cluster::write::create;
use vmberth_decide::node::local_volumes::NewVolume;

use super::{ActionError, Done, Executor, answer, has_code, object};
use crate::wipe::{Held, Remains, WipeError};

impl Executor {
    /// The lock is held until the answer: another agent of the node would offer the same, and nobody empties meanwhile.
    pub(super) async fn create(&self, new: &NewVolume) -> Result<Done, ActionError> {
        // Below the read-only root: only directories that are wiped are below the other one, and the lock is the same.
        let held = self
            .hold(&self.host_root, &new.path, new.directory)
            .await
            .map_err(not_made)?;
        let _held = self.still_empty(held, new).await?;
        let (wanted, params) = (object::of(new), PostParams::default());
        let made = create::<PersistentVolume>(&self.client, None, &wanted, &params);
        match answer(made).await {
            Ok(_) => Ok(Done::Created),
            Err(ActionError::Api(error)) if has_code(&error, 409) => {
                let found = answer(self.volumes().get(&new.name)).await?;
                if object::is_same_offer(&found, new) {
                    Ok(Done::AlreadyThere)
                } else {
                    Err(ActionError::NameTaken(new.name.clone()))
                }
            }
            Err(error) => Err(error),
        }
    }

    /// A disk.img that somebody put there since the plan would be the next tenant's disk.
    async fn still_empty(&self, held: Held, new: &NewVolume) -> Result<Held, ActionError> {
        let (path, device) = (new.path.clone(), new.directory.device);
        let still_free = self.still_free.clone();
        let looked = tokio::task::spawn_blocking(move || {
            still_free(&path, device).map_err(ActionError::NotMade)?;
            match held.remains().map_err(|error| not_made(error.into()))? {
                Remains::Nothing => Ok(held),
                Remains::Something => {
                    Err(ActionError::NotMade(format!("{path} is not empty by now")))
                }
            }
        });
        looked.await?
    }
}

/// Nothing was to be emptied, so it is no failure of that.
fn not_made(error: ActionError) -> ActionError {
    let ActionError::Wipe(error) = error else {
        return error;
    };
    ActionError::NotMade(if let WipeError::Locked(path) = error {
        format!("{path} is locked by another agent of this node")
    } else {
        error.to_string()
    })
}

//! Gives one volume back: locks it, looks again at everything that made it free, empties it, offers it again.
//!
//! The lock is held from before the first look until the offer is made, so a second agent of the node neither empties what
//! the first has offered nor offers what the first empties.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use json_patch::jsonptr::PointerBuf;
use json_patch::{Patch as JsonPatch, PatchOperation, RemoveOperation, TestOperation};
use kube::api::{Api, ListParams, Patch, PatchParams};
use tokio::time::timeout;
use vmberth_cluster::objects::{PersistentVolume, PersistentVolumeClaim, Pod};
use vmberth_decide::names;
use vmberth_decide::node::local_volumes::ReclaimOrder;
use vmberth_decide::node::reclaim::keeps;
use vmberth_serve::shutdown::Shutdown;

use super::object::{annotation, label};
use super::{ActionError, Done, Executor, answer};
use crate::watch::claims_of;
use crate::wipe::{Held, Remains, WipeError, Wiped};

/// Of the former tenant; the next one's are written anew.
const FORMER_TENANT: [&str; 2] = [
    names::CLAIM_KIND_ANNOTATION,
    names::VIRTUAL_MACHINE_ANNOTATION,
];

impl Executor {
    /// What costs nothing is looked at first, so that a volume that waits for long asks kube-apiserver for nothing.
    pub(super) async fn reclaim(
        &self,
        order: ReclaimOrder,
        shutdown: &Shutdown,
    ) -> Result<Done, ActionError> {
        let root = self.volumes_root.as_ref().unwrap_or(&self.host_root);
        let held = self.hold(root, &order.path, order.directory).await?;
        let held = self.looks_free(held, &order).await?;
        self.claim_is_gone(&order).await?;
        let mounts = (self.still_free)(&order.path, order.directory.device);
        mounts.map_err(ActionError::Changed)?;
        // Last, so that a person who keeps it is heard up to the moment before, and every few seconds from then on.
        let volume = answer(self.volumes().get(&order.name)).await?;
        still_released(&volume, &order).map_err(ActionError::Changed)?;
        // `_held` keeps the lock until the offer is made.
        let (_held, wiped) = self.empty(held, &order, shutdown).await?;
        let offer = Patch::<()>::Json(offer(&volume, &order));
        answer(
            self.volumes()
                .patch(&order.name, &PatchParams::default(), &offer),
        )
        .await?;
        Ok(Done::Offered(wiped))
    }

    /// Nothing is mounted from it, and nobody holds a file of it, or there is none.
    async fn looks_free(&self, held: Held, order: &ReclaimOrder) -> Result<Held, ActionError> {
        let (path, device) = (order.path.clone(), order.directory.device);
        let still_free = self.still_free.clone();
        let may_write = self.volumes_root.is_some();
        let proc = self.host_root.join("proc");
        let looked = tokio::task::spawn_blocking(move || {
            still_free(&path, device).map_err(ActionError::Changed)?;
            if may_write {
                held.refuse_held(&proc)?;
            } else if held.remains()? == Remains::Something {
                return Err(ActionError::NotWritable { path });
            }
            Ok(held)
        });
        looked.await?
    }

    /// Neither the claim is left nor a pod that uses it. Pods that name a claim made anew under the name use that one; what
    /// is left of older ones shows in the mounts and open files.
    async fn claim_is_gone(&self, order: &ReclaimOrder) -> Result<(), ActionError> {
        let claims: Api<PersistentVolumeClaim> =
            Api::namespaced(self.client.clone(), &order.claim.namespace);
        match answer(claims.get_opt(&order.claim.name)).await? {
            None => self.no_pod_uses(order).await,
            Some(claim) => is_of_another(&claim, order).map_err(ActionError::Changed),
        }
    }

    async fn no_pod_uses(&self, order: &ReclaimOrder) -> Result<(), ActionError> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &order.claim.namespace);
        let here = ListParams::default().fields(&format!("spec.nodeName={}", self.node));
        let found = answer(pods.list(&here)).await?;
        match found.iter().find(|pod| uses(pod, &order.claim.name)) {
            None => Ok(()),
            Some(pod) => Err(ActionError::Changed(format!(
                "pod {}/{} of this node uses claim {}",
                order.claim.namespace,
                pod.metadata.name.as_deref().unwrap_or_default(),
                order.claim
            ))),
        }
    }

    /// Empties the directory; one that is empty is only looked at where we may not write. Much data takes long, and a person
    /// who keeps the volume meanwhile saves what is left.
    async fn empty(
        &self,
        held: Held,
        order: &ReclaimOrder,
        shutdown: &Shutdown,
    ) -> Result<(Held, Wiped), ActionError> {
        let may_write = self.volumes_root.is_some();
        let proc = self.host_root.join("proc");
        let path = order.path.clone();
        let shutdown = shutdown.clone();
        let not_free: Arc<OnceLock<String>> = Arc::default();
        let stopped = Arc::clone(&not_free);
        let mut emptying = tokio::task::spawn_blocking(move || {
            let wiped = if may_write {
                wipe(&held, &proc, || {
                    shutdown.has_begun() || stopped.get().is_some()
                })?
            } else {
                match held.remains()? {
                    Remains::Nothing => Wiped::default(),
                    Remains::Something => return Err(ActionError::NotWritable { path }),
                }
            };
            Ok((held, wiped))
        });
        loop {
            let Ok(ended) = timeout(self.look_again, &mut emptying).await else {
                if let Some(text) = self.no_longer_free(order).await {
                    not_free.get_or_init(|| text);
                }
                continue;
            };
            return match (ended?, not_free.get()) {
                (Err(ActionError::Wipe(WipeError::Stopped)), Some(text)) => {
                    Err(ActionError::Changed(format!("emptying stopped: {text}")))
                }
                (ended, _) => ended,
            };
        }
    }

    /// Why it may not be emptied any further; `None` if nobody says so, as while kube-apiserver is away.
    async fn no_longer_free(&self, order: &ReclaimOrder) -> Option<String> {
        let found = answer(self.volumes().get_opt(&order.name)).await.ok()?;
        let Some(volume) = found else {
            return Some(format!("{} is gone", order.name));
        };
        still_released(&volume, order).err()
    }
}

fn wipe(held: &Held, proc: &Path, stops: impl Fn() -> bool) -> Result<Wiped, WipeError> {
    held.wipe(proc, &mut |_| {
        if stops() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
}

/// The PersistentVolume is the one of the order, and as free as it was.
fn still_released(volume: &PersistentVolume, order: &ReclaimOrder) -> Result<(), String> {
    let spec = &volume.spec;
    let claim = spec.claim_ref.as_ref().map(|claim| claim.uid.as_str());
    let phase = volume.status.phase.as_str();
    if volume.metadata.uid.as_deref() != Some(order.uid.as_str()) {
        return Err(format!("{} is another PersistentVolume by now", order.name));
    }
    if volume.metadata.deletion_timestamp.is_some() {
        return Err(format!("{} is being deleted", order.name));
    }
    if annotation(volume, names::PROVISIONED_BY_ANNOTATION) != Some(names::PROVISIONER) {
        return Err(format!("{} is not ours by now", order.name));
    }
    let key = names::KEEP_ANNOTATION;
    let mut marks = [annotation(volume, key), label(volume, key)].into_iter();
    if marks.any(|value| value.is_some_and(keeps)) {
        return Err(format!("{} is kept: {key} says so", order.name));
    }
    if phase != "Released" {
        let phase = if phase.is_empty() {
            "without a phase"
        } else {
            phase
        };
        return Err(format!("{} is {phase} by now, not Released", order.name));
    }
    if claim != Some(order.claim.uid.as_str()) || order.claim.uid.is_empty() {
        return Err(format!(
            "{} belongs to another claim than {} by now",
            order.name, order.claim
        ));
    }
    let path = spec.local.as_ref().map(|it| it.path.trim_end_matches('/'));
    if path != Some(order.path.trim_end_matches('/')) {
        return Err(format!(
            "{} names another directory than {}",
            order.name, order.path
        ));
    }
    Ok(())
}

/// A claim of the name that was made anew has a volume of its own, unless it asks for this one, to have its data back.
fn is_of_another(claim: &PersistentVolumeClaim, order: &ReclaimOrder) -> Result<(), String> {
    let uid = claim.metadata.uid.as_deref().unwrap_or_default();
    if uid.is_empty() || uid == order.claim.uid {
        return Err(format!("its claim {} is still there", order.claim));
    }
    if claim.spec.volume_name == order.name {
        return Err(format!(
            "claim {} was made anew and asks for it by volumeName; delete the claim, or let it have the volume",
            order.claim
        ));
    }
    Ok(())
}

fn uses(pod: &Pod, claim: &str) -> bool {
    let phase = pod.status.as_ref().map(|status| status.phase.as_str());
    !matches!(phase, Some("Succeeded" | "Failed"))
        && claims_of(pod).any(|(_, named)| named == claim)
}

/// Fits only the very version that was looked at: whatever was changed since, by whomever, refuses it.
fn offer(volume: &PersistentVolume, order: &ReclaimOrder) -> JsonPatch {
    let version = volume.metadata.resource_version.clone().unwrap_or_default();
    let test = |path: &[&str], value: String| {
        PatchOperation::Test(TestOperation {
            path: PointerBuf::from_tokens(path.iter().copied()),
            value: value.into(),
        })
    };
    let remove = |path: &[&str]| {
        PatchOperation::Remove(RemoveOperation {
            path: PointerBuf::from_tokens(path.iter().copied()),
        })
    };
    let mut operations = vec![
        test(&["metadata", "uid"], order.uid.clone()),
        test(&["metadata", "resourceVersion"], version),
        test(&["spec", "claimRef", "uid"], order.claim.uid.clone()),
        remove(&["spec", "claimRef"]),
    ];
    for key in FORMER_TENANT {
        if annotation(volume, key).is_some() {
            operations.push(remove(&["metadata", "annotations", key]));
        }
    }
    JsonPatch(operations)
}

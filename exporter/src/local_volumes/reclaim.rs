//! Gives one volume back: locks it, looks again at everything that made it free, empties it, offers it again.
//!
//! The lock is held from before the first look until the offer is made, so a second agent of the node neither empties what
//! the first has offered nor offers what the first empties.

use std::ops::ControlFlow;
use std::path::Path;

use json_patch::jsonptr::PointerBuf;
use json_patch::{Patch as JsonPatch, PatchOperation, RemoveOperation, TestOperation};
use k8s_openapi::api::core::v1::{ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::api::{Api, ListParams, Patch, PatchParams};
use vmberth_decide::names;
use vmberth_decide::node::local_volumes::ReclaimOrder;
use vmberth_serve::shutdown::Shutdown;

use super::object::{annotation, label};
use super::{ActionError, Done, Executor, answer};
use crate::wipe::{Held, Remains, WipeError, Wiped};

/// Of the former tenant; the next one's are written anew.
const FORMER_TENANT: [&str; 2] = [
    names::CLAIM_KIND_ANNOTATION,
    names::VIRTUAL_MACHINE_ANNOTATION,
];

impl Executor {
    pub(super) async fn reclaim(
        &self,
        order: ReclaimOrder,
        shutdown: &Shutdown,
    ) -> Result<Done, ActionError> {
        let (held, order) = self.hold(order).await?;
        self.claim_is_gone(&order).await?;
        self.no_pod_uses(&order).await?;
        (self.still_free)(&order).map_err(ActionError::Changed)?;
        // Last, so that a person who keeps it is heard up to the moment before.
        let volume = answer(self.volumes().get(&order.name)).await?;
        still_released(&volume, &order).map_err(ActionError::Changed)?;
        // `_held` keeps the lock until the offer is made.
        let (_held, wiped) = self.empty(held, order.path.clone(), shutdown).await?;
        let offer = Patch::<PersistentVolume>::Json(offer(&volume, &order));
        answer(
            self.volumes()
                .patch(&order.name, &PatchParams::default(), &offer),
        )
        .await?;
        Ok(Done::Offered(wiped))
    }

    async fn hold(&self, order: ReclaimOrder) -> Result<(Held, ReclaimOrder), ActionError> {
        let root = self
            .volumes_root
            .as_ref()
            .unwrap_or(&self.host_root)
            .clone();
        let taken = tokio::task::spawn_blocking(move || {
            Held::take(&root, &order).map(|held| (held, order))
        });
        Ok(taken.await??)
    }

    async fn claim_is_gone(&self, order: &ReclaimOrder) -> Result<(), ActionError> {
        let claims: Api<PersistentVolumeClaim> =
            Api::namespaced(self.client.clone(), &order.claim.namespace);
        let found = answer(claims.get_opt(&order.claim.name)).await?;
        let uid = found.and_then(|claim| claim.metadata.uid);
        if uid.as_deref() == Some(order.claim.uid.as_str()) {
            let text = format!("its claim {} is still there", order.claim);
            return Err(ActionError::Changed(text));
        }
        Ok(())
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

    /// Empties the directory; one that is empty is only looked at where we may not write.
    async fn empty(
        &self,
        held: Held,
        path: String,
        shutdown: &Shutdown,
    ) -> Result<(Held, Wiped), ActionError> {
        let may_write = self.volumes_root.is_some();
        let proc = self.host_root.join("proc");
        let shutdown = shutdown.clone();
        let emptying = tokio::task::spawn_blocking(move || {
            let wiped = if may_write {
                wipe(&held, &proc, &shutdown)?
            } else {
                match held.remains()? {
                    Remains::Nothing => Wiped::default(),
                    Remains::Something => return Err(ActionError::NotWritable { path }),
                }
            };
            Ok((held, wiped))
        });
        emptying.await?
    }
}

fn wipe(held: &Held, proc: &Path, shutdown: &Shutdown) -> Result<Wiped, WipeError> {
    held.wipe(proc, &mut |_| {
        if shutdown.has_begun() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
}

/// The PersistentVolume is the one of the order, and as free as it was.
fn still_released(volume: &PersistentVolume, order: &ReclaimOrder) -> Result<(), String> {
    let claim = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.claim_ref.as_ref());
    let local = volume.spec.as_ref().and_then(|spec| spec.local.as_ref());
    let phase = volume
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    let uid = |reference: &ObjectReference| reference.uid.clone().unwrap_or_default();
    if volume.metadata.uid.as_deref() != Some(order.uid.as_str()) {
        return Err(format!("{} is another PersistentVolume by now", order.name));
    }
    if volume.metadata.deletion_timestamp.is_some() {
        return Err(format!("{} is being deleted", order.name));
    }
    if annotation(volume, names::PROVISIONED_BY_ANNOTATION) != Some(names::PROVISIONER) {
        return Err(format!("{} is not ours by now", order.name));
    }
    if [
        annotation(volume, names::KEEP_ANNOTATION),
        label(volume, names::KEEP_ANNOTATION),
    ]
    .contains(&Some("true"))
    {
        return Err(format!(
            "{} is kept: {}=true",
            order.name,
            names::KEEP_ANNOTATION
        ));
    }
    if phase != Some("Released") {
        let phase = phase.unwrap_or("without a phase");
        return Err(format!("{} is {phase} by now, not Released", order.name));
    }
    if claim.map(uid).as_deref() != Some(order.claim.uid.as_str()) || order.claim.uid.is_empty() {
        return Err(format!(
            "{} belongs to another claim than {} by now",
            order.name, order.claim
        ));
    }
    if local.map(|local| local.path.trim_end_matches('/')) != Some(order.path.trim_end_matches('/'))
    {
        return Err(format!(
            "{} names another directory than {}",
            order.name, order.path
        ));
    }
    Ok(())
}

fn uses(pod: &Pod, claim: &str) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    let volumes = pod
        .spec
        .iter()
        .flat_map(|spec| spec.volumes.iter().flatten());
    let mut claims = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref());
    !matches!(phase, Some("Succeeded" | "Failed")) && claims.any(|named| named.claim_name == claim)
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

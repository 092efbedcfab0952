//! Which claims are CDI's scratch space.
//!
//! Only while a pod of CDI uses it can anybody tell, and that may be six seconds (facts: test-plane 0). So what was seen is
//! remembered until the PersistentVolume is marked, and the mark decides.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::names::{CDI_APP, CDI_APP_LABEL, CLAIM_KIND_ANNOTATION, SCRATCH_SUFFIX};
use crate::node::cluster::{ClaimRef, PersistentVolume, Phase, Pod};

/// Value of [`CLAIM_KIND_ANNOTATION`] of CDI's scratch space. With the UID, since a later claim of any name may bind the
/// same volume before the mark is taken away.
#[must_use]
pub fn mark(claim: &ClaimRef) -> String {
    format!("scratch/{}", claim.uid)
}

/// Its claim is, or was, CDI's scratch space: marked so since CDI was seen to use that very claim.
#[must_use]
pub fn is_scratch(volume: &PersistentVolume) -> bool {
    let kind = volume.annotations.get(CLAIM_KIND_ANNOTATION);
    known_claim(volume).is_some_and(|claim| kind == Some(&mark(claim)))
}

/// UIDs of the claims that CDI uses as scratch space now, or was seen to before, as long as a volume is of them that is not
/// marked yet.
#[must_use]
pub fn seen<'a>(
    before: &BTreeSet<String>,
    volumes: impl IntoIterator<Item = &'a PersistentVolume>,
    pods: impl IntoIterator<Item = &'a Pod>,
) -> BTreeSet<String> {
    let workers: Vec<&Pod> = pods.into_iter().filter(|pod| has_scratch(pod)).collect();
    let is_seen = |volume: &&PersistentVolume| {
        let claim = known_claim(volume);
        claim.is_some_and(|claim| before.contains(&claim.uid))
            || workers.iter().any(|pod| is_of(volume, pod))
    };
    let unmarked = volumes.into_iter().filter(|volume| !is_scratch(volume));
    unmarked
        .filter(is_seen)
        .filter_map(|volume| Some(known_claim(volume)?.uid.clone()))
        .collect()
}

fn known_claim(volume: &PersistentVolume) -> Option<&ClaimRef> {
    volume.claim.as_ref().filter(|claim| !claim.uid.is_empty())
}

fn has_scratch(pod: &Pod) -> bool {
    let app = pod.labels.get(CDI_APP_LABEL);
    !pod.ended && !pod.scratch.is_empty() && app.is_some_and(|app| app == CDI_APP)
}

/// The pod has this volume as its scratch space, and CDI made the claim for it.
fn is_of(volume: &PersistentVolume, pod: &Pod) -> bool {
    let names_it = |claim: &ClaimRef| {
        // The name alone says nothing: anybody may call a claim so, and would lose what is in it.
        claim.name.ends_with(SCRATCH_SUFFIX)
            && claim.namespace == pod.namespace
            && pod.scratch.contains(&claim.name)
    };
    known_claim(volume).is_some_and(names_it) && was_bound_for(volume, pod)
}

/// CDI makes the scratch claim after the pod that owns it, but a claim of that name that is there already is mounted all the
/// same (CDI 1.65, pkg/controller/upload-controller.go, `getOrCreateScratchPvc`): somebody's data, bound before.
fn was_bound_for(volume: &PersistentVolume, pod: &Pod) -> bool {
    let times = volume.phase_since.zip(pod.created);
    volume.phase == Phase::Bound && times.is_some_and(|(bound, created)| bound >= created)
}

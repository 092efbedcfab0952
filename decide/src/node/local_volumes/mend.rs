//! Labels and annotations of a PersistentVolume that is there.

use std::collections::BTreeMap;

use super::{Mend, labels_of, untroubled};
use crate::names::{
    CDI_APP, CDI_APP_LABEL, CLAIM_KIND_ANNOTATION, SCRATCH_SUFFIX, VIRTUAL_MACHINE_ANNOTATION,
};
use crate::node::assess::VolumeVerdict;
use crate::node::cluster::{ClaimRef, Cluster, Node, PersistentVolume, Pod};
use crate::node::config::Config;
use crate::node::reclaim::{is_scratch, scratch_mark};
use crate::node::volumes::machine_of;
use crate::node::volumes::owners::Occupancy;

/// What is to be changed, if anything is.
pub(super) fn mend(
    verdict: &VolumeVerdict,
    cluster: &Cluster,
    node: &Node,
    config: &Config,
) -> Option<Mend> {
    let pv = untroubled(verdict, cluster, node, config)?;
    let labels = labels_of(verdict)
        .into_iter()
        .map(|(key, value)| (key, Some(value)));
    let mend = Mend {
        name: pv.name.clone(),
        uid: pv.uid.clone(),
        labels: changes(labels.collect(), &pv.labels),
        annotations: changes(annotations_of(pv, cluster), &pv.annotations),
    };
    (!mend.labels.is_empty() || !mend.annotations.is_empty()).then_some(mend)
}

/// What its annotations about the claim should be; what is left out stays as it is.
fn annotations_of(pv: &PersistentVolume, cluster: &Cluster) -> BTreeMap<String, Option<String>> {
    let mut wanted = BTreeMap::new();
    match (Occupancy::of(pv), &pv.claim) {
        (Occupancy::Free, _) => {
            wanted.insert(CLAIM_KIND_ANNOTATION.to_owned(), None);
            wanted.insert(VIRTUAL_MACHINE_ANNOTATION.to_owned(), None);
        }
        (Occupancy::Taken, Some(claim)) => {
            // CDI's pod is gone before its claim: once seen is enough for this claim.
            let scratch = is_scratch(pv) || is_scratch_of_cdi(claim, cluster);
            let kind = scratch.then(|| scratch_mark(claim));
            wanted.insert(CLAIM_KIND_ANNOTATION.to_owned(), kind);
            // A VM that stopped still owns its disk.
            if let Some(machine) = machine_of(claim, cluster) {
                wanted.insert(VIRTUAL_MACHINE_ANNOTATION.to_owned(), Some(machine));
            }
        }
        _ => {}
    }
    wanted
}

/// The name alone says nothing: anybody may call a claim so, and would lose what is in it.
fn is_scratch_of_cdi(claim: &ClaimRef, cluster: &Cluster) -> bool {
    let uses = |pod: &Pod| {
        !pod.ended
            && pod.namespace == claim.namespace
            && pod.claims.contains(&claim.name)
            && pod
                .labels
                .get(CDI_APP_LABEL)
                .is_some_and(|app| app == CDI_APP)
    };
    claim.name.ends_with(SCRATCH_SUFFIX) && !claim.uid.is_empty() && cluster.pods.iter().any(uses)
}

fn changes(
    wanted: BTreeMap<String, Option<String>>,
    found: &BTreeMap<String, String>,
) -> BTreeMap<String, Option<String>> {
    let differs = |(key, value): &(String, Option<String>)| found.get(key) != value.as_ref();
    wanted.into_iter().filter(differs).collect()
}

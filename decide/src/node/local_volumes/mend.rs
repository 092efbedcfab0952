//! Labels and annotations of a PersistentVolume that is there.

use std::collections::BTreeMap;

use super::{Mend, labels_of, untroubled};
use crate::names::{CLAIM_KIND_ANNOTATION, DIRECTORY_ANNOTATION, VIRTUAL_MACHINE_ANNOTATION};
use crate::node::assess::VolumeVerdict;
use crate::node::cluster::{Cluster, Node, PersistentVolume};
use crate::node::config::Config;
use crate::node::reclaim::{is_scratch, scratch};
use crate::node::volumes::machine_of;
use crate::node::volumes::owners::{Occupancy, mark_due};

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
    let directory = verdict.directory.as_ref();
    let mark = directory.and_then(|directory| mark_due(pv, directory));
    let mut annotations = annotations_of(pv, cluster);
    annotations.extend(mark.map(|mark| (DIRECTORY_ANNOTATION.to_owned(), Some(mark))));
    let mend = Mend {
        name: pv.name.clone(),
        uid: pv.uid.clone(),
        labels: changes(labels.collect(), &pv.labels),
        annotations: changes(annotations, &pv.annotations),
    };
    (!mend.labels.is_empty() || !mend.annotations.is_empty()).then_some(mend)
}

/// What its annotations about the claim should be; what is left out stays as it is.
fn annotations_of(pv: &PersistentVolume, cluster: &Cluster) -> BTreeMap<String, Option<String>> {
    let mut wanted = BTreeMap::new();
    let seen = |uid: &str| cluster.scratch.contains(uid);
    match (Occupancy::of(pv), &pv.claim) {
        (Occupancy::Free, _) => {
            wanted.insert(CLAIM_KIND_ANNOTATION.to_owned(), None);
            wanted.insert(VIRTUAL_MACHINE_ANNOTATION.to_owned(), None);
        }
        (Occupancy::Taken, Some(claim)) => {
            // CDI's pod is gone before its claim: once seen is enough for this claim.
            let is_scratch = is_scratch(pv) || seen(&claim.uid);
            let kind = is_scratch.then(|| scratch::mark(claim));
            wanted.insert(CLAIM_KIND_ANNOTATION.to_owned(), kind);
            // A VM that stopped still owns its disk.
            if let Some(machine) = machine_of(claim, cluster) {
                wanted.insert(VIRTUAL_MACHINE_ANNOTATION.to_owned(), Some(machine));
            }
        }
        // The claim was gone before the mark was written, and without it the volume would never come back.
        (Occupancy::Released, Some(claim)) if seen(&claim.uid) => {
            let kind = Some(scratch::mark(claim));
            wanted.insert(CLAIM_KIND_ANNOTATION.to_owned(), kind);
        }
        _ => {}
    }
    wanted
}

fn changes(
    wanted: BTreeMap<String, Option<String>>,
    found: &BTreeMap<String, String>,
) -> BTreeMap<String, Option<String>> {
    let differs = |(key, value): &(String, Option<String>)| found.get(key) != value.as_ref();
    wanted.into_iter().filter(differs).collect()
}

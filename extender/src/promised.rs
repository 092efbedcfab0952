//! Remembers what was answered until it is seen: kube-scheduler asks for the next pod first. Under the write lock, for
//! microseconds, and only for pods of VMs.

use std::sync::{PoisonError, RwLock};

use vmberth_decide::event::ObjectName;
use vmberth_decide::fit::Demand;
use vmberth_decide::index::{Index, Promise};
use vmberth_decide::placement::{Placement, scores, settle_ties};

/// Scores of the nodes that fit. While others are under way, one is the best: what is promised on several is lost to all others
/// until it is seen which it was.
pub fn scores_of<'n>(
    index: &Index,
    demand: &Demand,
    placement: &Placement<'n>,
) -> Vec<(&'n str, u64)> {
    let mut scores = scores(index, demand, &placement.fits);
    if let Some(pod) = demand.pod.as_ref().filter(|_| index.promises() > 0) {
        settle_ties(pod, &mut scores);
    }
    scores
}

/// Keeps what this answer promises, and nothing of the one before.
pub fn keep(index: &RwLock<Index>, pod: ObjectName, promise: Option<Promise>) {
    let known = index.read().unwrap_or_else(PoisonError::into_inner);
    let changes = promise.is_some() || known.promises() > 0;
    drop(known);
    if changes {
        let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
        index.promise(pod, promise);
    }
}

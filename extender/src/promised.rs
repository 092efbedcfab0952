//! Remembers what was answered until it is seen: kube-scheduler asks for the next pod first. Under the write lock, for
//! microseconds, and only for pods of VMs.

use std::sync::{Mutex, PoisonError, RwLock};

use vmberth_decide::fit::Demand;
use vmberth_decide::index::{Index, Promise};
use vmberth_decide::placement::{Ranked, Verdicts, settle_ties};

use crate::wire::Asker;

/// Which nodes fit, and how well. While others are under way, one is the best for who takes something: what is promised on several
/// is lost to all others until it is seen which it was.
pub fn rank<'n>(
    verdicts: &Mutex<Verdicts>,
    index: &Index,
    demand: &Demand,
    nodes: impl ExactSizeIterator<Item = &'n str>,
) -> Ranked<'n> {
    let mut verdicts = verdicts.lock().unwrap_or_else(PoisonError::into_inner);
    let mut ranked = verdicts.rank(index, demand, nodes);
    let settles = !demand.is_nothing_of_stock() && index.has_promised_others(demand);
    if let Some(pod) = demand.pod.as_ref().filter(|_| settles) {
        settle_ties(pod, &mut ranked.fits);
    }
    ranked
}

/// Keeps what this answer promises, and nothing of the one before.
pub fn keep(index: &RwLock<Index>, asker: &Asker, promise: Option<Promise>) {
    let known = index.read().unwrap_or_else(PoisonError::into_inner);
    let changes = promise.is_some() || known.promises() > 0;
    drop(known);
    if changes {
        let pod = (asker.namespace.as_str().into(), asker.name.as_str().into());
        let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
        index.promise(pod, promise);
    }
}

//! Remembers what was answered until it is seen: kube-scheduler asks for the next pod first. Under the write lock, for
//! microseconds, and only for pods of VMs.

use std::sync::{PoisonError, RwLock};

use vmberth_decide::index::{Index, Promise};

use crate::wire::Question;

/// What was promised to this pod before is free to it: nobody placed it.
pub fn is_asked_again(index: &RwLock<Index>, question: &Question<'_>) {
    let known = index.read().unwrap_or_else(PoisonError::into_inner);
    let was_promised = known.promises() > 0 && known.is_promised(&question.pod_name());
    drop(known);
    if was_promised {
        keep_only(index, question, None);
    }
}

/// Keeps what this answer promises.
pub fn keep(index: &RwLock<Index>, question: &Question<'_>, promise: Option<Promise>) {
    if promise.is_some() {
        keep_only(index, question, promise);
    }
}

fn keep_only(index: &RwLock<Index>, question: &Question<'_>, promise: Option<Promise>) {
    let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
    index.promise(question.pod_name(), promise);
}

//! Whose pod it is, and what is to be said of it: under the read lock, which is held for nothing else.

use std::sync::{PoisonError, RwLock};

use vmberth_decide::fit::Demand;
use vmberth_decide::index::Index;
use vmberth_decide::view::placed::Pod;
use vmberth_decide::whose::{Asked, asked};

/// What is decided about a pod.
#[derive(Debug, PartialEq)]
pub enum Decision<T> {
    /// It works for no VM.
    Foreign,
    /// Nobody can say yet what its VM needs, and this is why.
    Unclear(String),
    /// It works for a VM.
    Ours(T),
}

/// Decides about a pod; `ours` is asked if it works for a VM.
pub fn decide<T>(
    index: &RwLock<Index>,
    pod: &Pod<'_>,
    ours: impl FnOnce(&Index, &Demand) -> T,
) -> Decision<T> {
    // An index whose writer panicked in the midst of an event is a little wrong; none at all would stop every VM.
    let index = index.read().unwrap_or_else(PoisonError::into_inner);
    match asked(&index, pod) {
        Asked::Foreign => Decision::Foreign,
        Asked::Unclear(why) => Decision::Unclear(why.to_string()),
        Asked::Ours(demand) => Decision::Ours(ours(&index, &demand)),
    }
}

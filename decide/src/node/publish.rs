//! An assessment as the cluster sees it.

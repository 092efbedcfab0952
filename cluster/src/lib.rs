//! Every program's view of the cluster: what it reads of an object, and the watches that keep it up to date.
//!
//! Types have the fields that somebody reads and no others: an object is decoded and dropped, and the rest of its spec and
//! status is skipped. That also keeps programs small: all of the API's types would be most of their code, on every node.

pub mod feed;
pub mod follow;
pub mod metrics;
pub mod objects;
pub mod read;
pub mod write;

pub use follow::{Change, Key, follow, for_ever, heard_by};
pub use metrics::{AllWatches, WatchMetrics};

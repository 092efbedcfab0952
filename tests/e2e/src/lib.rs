//! Words for stories about vmberth in a real cluster, so that a test reads like what it tells.
//!
//! Input: the cluster that `plane up` made, reached from inside the control plane's network
//! (`plane shell`), and the chart and images of this checkout. Output: a passed test, or what was
//! seen last. It knows vmberth only from outside: Kubernetes objects, metrics, logs, processes; no
//! crate of the product is used here, so that a name that changes by mistake is noticed.
//!
//! Every wait has a limit and says what it saw last; every story has a namespace of its own that is
//! deleted at its end, and gives back the volumes that it used.

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json's values answer null for what they do not have"
)]

pub mod audit;
pub mod certs;
pub mod cluster;
pub mod disk;
pub mod exporter;
pub mod functions;
pub mod gates;
pub mod golden;
pub mod guest;
pub mod import;
pub mod kind;
pub mod kubectl;
pub mod load;
pub mod manifest;
pub mod metrics;
pub mod namespace;
pub mod networks;
pub mod node;
pub mod pod;
pub mod policy;
pub mod prometheus;
pub mod raw;
pub mod rights;
pub mod seen;
pub mod simulated;
pub mod standin;
pub mod story;
pub mod tenant;
pub mod tool;
pub mod upload;
pub mod vm;
pub mod vmberth;
pub mod volumes;
pub mod wait;
pub mod webhook;

pub use story::{Scene, Story};

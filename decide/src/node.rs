//! Everything decided about one node: what its volumes, virtual functions and huge pages are worth to VMs, and what has to
//! be done there.
//!
//! Input: [`facts::Facts`] (one scan of the node), [`cluster::Cluster`] (what the API server says of the node) and
//! [`config::Config`]. Output, in this order:
//!
//! 1. [`assess`]: a verdict on each thing, with its reason: [`volumes`], [`file_systems`], [`vfs`], [`pages`],
//!    [`conditions`];
//! 2. [`crate::inventory`]: the verdicts as the cluster sees them;
//! 3. [`local_volumes`]: which PersistentVolumes to make, mend or give back;
//! 4. [`device_plugin`], [`binder`]: what to do about virtual functions, if the config asks for it.

pub mod assess;
pub mod binder;
pub mod cluster;
pub mod conditions;
pub mod config;
pub mod device_plugin;
pub mod facts;
pub mod file_systems;
pub mod local_volumes;
pub mod pages;
pub mod publish;
pub mod reclaim;
pub mod sizes;
#[cfg(test)]
mod testing;
pub mod vfs;
pub mod volumes;

pub use assess::Assessment;

//! The agent of every node: sees volumes, virtual functions and huge pages, tells the cluster, keeps the node's local
//! volumes in order.
//!
//! [`run`] does one [`round`] after the other; [`mod@once`] is a round without a cluster. One round, in this order:
//!
//! 1. [`wake`]: something changed: a directory, the kubelet's sockets, the cluster's objects; or the time is up;
//! 2. [`look`]: [`scan`] and [`kubelet`]: files below the host's root and the kubelet's socket become
//!    [`vmberth_decide::node::facts::Facts`]; [`watch`]: the cluster's objects become
//!    [`vmberth_decide::node::cluster::Cluster`];
//! 3. [`vmberth_decide::node::assess`]: the verdict;
//! 4. [`metrics`], [`publish`], [`events`]: what the cluster sees of it;
//! 5. [`local_volumes`], [`wipe`]; [`sysfs`]; [`device_plugin`]: what is done about it, if the config says so.
//!
//! It must never decide anything, and never write below the host's root but in [`wipe`] and [`sysfs`].

pub mod args;
pub mod bind;
pub mod config_file;
pub mod device_plugin;
pub mod events;
pub mod fresh;
pub mod inventory;
pub mod kubelet;
pub mod local_volumes;
pub mod look;
pub mod metrics;
pub mod once;
pub mod patience;
pub mod publish;
pub mod roots;
pub mod round;
pub mod run;
pub mod scan;
pub mod sysfs;
pub mod table;
pub mod told;
#[doc(hidden)]
pub mod tree;
pub mod wake;
pub mod watch;
pub mod wipe;

#[cfg(test)]
mod fake;

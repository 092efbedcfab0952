//! A real edge cluster on one machine: see `tests/plane/README.md`.
//!
//! `up` reads top to bottom: [`preflight`] looks at the machine, [`build`] makes what is not cached
//! ([`go`], [`images`], [`disk`]), [`machine`]s are started (namespaces whose PID 1 is
//! [`machine::init`]), [`network`] joins them, [`control_plane`] and [`node`] say which parts run
//! inside ([`functions`]: beside which network card), and [`install`] brings DNS, CDI, KubeVirt,
//! volumes and the taint. [`mod@down`] takes all of it away again.

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json's indexing by key answers null for what is not there"
)]

pub mod args;
pub mod build;
pub mod cmd;
pub mod complete;
pub mod control_plane;
pub mod disk;
pub mod down;
pub mod functions;
pub mod go;
pub mod host;
pub mod images;
pub mod install;
pub mod interrupt;
pub mod kubectl;
pub mod layout;
pub mod lock;
pub mod logs;
pub mod machine;
pub mod network;
pub mod node;
pub mod options;
pub mod pki;
pub mod preflight;
pub mod progress;
pub mod prometheus;
pub mod restart;
pub mod rootfs;
pub mod simulated;
pub(crate) mod stamp;
pub mod status;
pub mod up;
pub mod volumes;
pub mod wait;

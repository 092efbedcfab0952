//! A real edge cluster on one machine: see `tests/plane/README.md`.
//!
//! `up` reads top to bottom: [`preflight`] looks at the machine, [`go`] and [`images`] build what is
//! not cached, [`machine`]s are started (a set of namespaces whose PID 1 is [`machine::init`]),
//! [`network`] joins them, [`control_plane`] and [`node`] say which parts run inside, and [`install`]
//! brings CoreDNS, CDI, KubeVirt, volumes and taints. [`down`] takes all of it away again.

pub mod cmd;
pub mod interrupt;
pub mod progress;

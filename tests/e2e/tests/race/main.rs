//! Races: many VMs at once for just enough room, on simulated nodes, by the real KubeVirt, CDI and scheduler; and what is
//! left of order when servers die meanwhile. Sizes are in [`settings`]; what it comes to is read from the API server.
//! `make race`; docs/race.md.

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json's values answer null for what they do not have"
)]

mod agents;
mod amounts;
mod case;
mod counted;
mod faults;
mod fleet;
mod install;
mod machines;
mod many;
mod packing;
mod report;
mod settings;
mod small;

/// vmberth's scheduler, as VMs name it.
const SCHEDULER: &str = "vmberth-scheduler";

//! The exporter, as the chart installs it on real nodes: volumes, virtual functions, huge pages, faults, rights. One after
//! the other: all of them share the nodes' volumes and network cards.

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json's values answer null for what they do not have"
)]

mod binder;
mod faults;
mod functions;
mod outages;
mod pages;
mod rights;
mod simulated;
mod volumes;

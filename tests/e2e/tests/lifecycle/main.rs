//! vmberth's own life, one after the other: chart, upgrades, certificates, rights, and its end.

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json's values answer null for what they do not have"
)]

mod chart;
mod rights;
mod rotation;
mod uninstall;

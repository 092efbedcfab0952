//! One after the other: vmberth's own life (chart, upgrades, certificates, rights, its end), and what
//! changes the cluster that everybody shares (gates of KubeVirt, a killed API server).

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json's values answer null for what they do not have"
)]

mod chart;
mod functions;
mod policy;
mod restarts;
mod rights;
mod rotation;
mod uninstall;

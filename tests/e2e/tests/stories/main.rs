//! With vmberth: what users do on tainted nodes works, and nobody else notices. One file for each
//! story of the issue "A real edge cluster from one command"; `without` shows that they fail without
//! vmberth.

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json's values answer null for what they do not have"
)]

mod bad_input;
mod disks;
mod machines;
mod ordinary_pods;
mod prometheus;

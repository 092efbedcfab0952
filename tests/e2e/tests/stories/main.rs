//! With vmberth: what users do on tainted nodes works, and nobody else notices. One file for each
//! subject; `without` shows that they fail without vmberth.

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json's values answer null for what they do not have"
)]

mod alone;
mod daemon_sets;
mod disks;
mod kinds;
mod machines;
mod networks;
mod prometheus;
mod sample;
mod simulated;
mod updates;
mod wishes;

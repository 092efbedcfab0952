//! Whether a node can hold a VM: one file for each thing that a VM needs of a node.

pub mod volumes;

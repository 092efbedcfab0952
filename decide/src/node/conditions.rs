//! The conditions of an inventory.

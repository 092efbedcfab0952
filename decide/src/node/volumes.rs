//! What volumes are worth.

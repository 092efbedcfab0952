//! How large volumes are.

//! What huge pages are worth.

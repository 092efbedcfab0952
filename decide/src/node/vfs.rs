//! What virtual functions are worth.

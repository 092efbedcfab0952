//! Whether a volume may be emptied.

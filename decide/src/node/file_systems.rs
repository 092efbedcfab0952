//! What each file system has left.

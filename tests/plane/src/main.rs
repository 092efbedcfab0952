//! The command `plane`.

fn main() {}

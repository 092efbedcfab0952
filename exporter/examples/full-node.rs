//! Writes the files of a full node below a directory, for who measures the exporter on them.
//!
//! ```text
//! cargo run -p vmberth-exporter --example full-node -- DIRECTORY
//! ```

use std::path::PathBuf;

use clap::Parser;
use vmberth_exporter::tree::Tree;

/// Writes 64 volumes, 64 virtual functions and four sizes of huge pages as files that look like a node.
#[derive(Debug, Parser)]
struct Args {
    /// A directory that is not there yet, or empty
    root: PathBuf,
}

fn main() -> anyhow::Result<()> {
    Tree::full(Args::parse().root)?;
    Ok(())
}

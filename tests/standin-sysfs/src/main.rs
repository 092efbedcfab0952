//! Behaves as the kernel on a tree until it is ended: what the cluster's fixture of an SR-IOV node runs.

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use standin_sysfs::{Card, Kernel, plant};

/// Makes a tree of plain files behave like sysfs with an SR-IOV card.
#[derive(Debug, Parser)]
struct Args {
    /// The directory with `sys` in it.
    #[arg(long)]
    root: PathBuf,
    /// Lay out this card before, unless the tree is there: `ADDRESS=INTERFACE`.
    #[arg(long, value_parser = card)]
    plant: Vec<Card>,
}

fn card(text: &str) -> Result<Card, String> {
    let (address, interface) = text.split_once('=').ok_or("expected ADDRESS=INTERFACE")?;
    Ok(Card {
        address: address.to_owned(),
        interface: interface.to_owned(),
        ..Card::default()
    })
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if !args.plant.is_empty() && !args.root.join("sys").exists() {
        plant(&args.root, &args.plant).context("laying out the tree")?;
    }
    let _kernel = Kernel::start(&args.root).context("watching the tree")?;
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    signals.forever().next();
    Ok(())
}

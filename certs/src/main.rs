//! `vmberth-certs`: keeps the certificates of the admission webhook.

use std::process::ExitCode;

use clap::Parser;
use vmberth_certs::args::Args;
use vmberth_certs::run;
use vmberth_serve::{logs, tls};

fn main() -> anyhow::Result<ExitCode> {
    tls::install_provider();
    let args = Args::parse();
    logs::init(&args.log)?;
    // One thread: a handful of requests a minute, and each thread costs memory on a small node.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(run::to_the_end(args));
    // Told once, in the form of the other lines.
    Ok(result.map_or_else(
        |error| {
            tracing::error!(error = format!("{error:#}"), "vmberth-certs ended");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    ))
}

//! `vmberth-extender`: tells kube-scheduler which nodes can hold a VM.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use vmberth_extender::args::Args;
use vmberth_extender::run;
use vmberth_serve::{logs, tls};

/// kube-scheduler asks about one pod after the other: one thread for its calls, one for health meanwhile. The watches have
/// the main thread.
const WORKER_THREADS: usize = 2;

fn main() -> ExitCode {
    tls::install_provider();
    // For people at a terminal: one line, whatever RUST_BACKTRACE says.
    serve(Args::parse()).map_or_else(
        |error| {
            drop(writeln!(std::io::stderr(), "Error: {error:#}"));
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn serve(args: Args) -> anyhow::Result<()> {
    logs::init(&args.serve.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build()
        .context("no threads to run on")?;
    let result = runtime.block_on(run::to_the_end(args));
    if let Err(error) = &result {
        tracing::error!(error = format!("{error:#}"), "vmberth-extender ended");
    }
    result
}

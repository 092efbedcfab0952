//! `vmberth-webhook`: serves reviews, or explains one from a file.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use vmberth_serve::{logs, tls};
use vmberth_webhook::args::{Args, Command};
use vmberth_webhook::{explain, run};

fn main() -> ExitCode {
    tls::install_provider();
    let args = Args::parse();
    let ended = match &args.command {
        Some(Command::Explain { file }) => {
            explain::file(file, args.policy.as_deref(), &mut std::io::stdout().lock())
        }
        None => serve(args),
    };
    // For people at a terminal: one line, whatever RUST_BACKTRACE says.
    ended.map_or_else(
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
        .worker_threads(args.worker_threads())
        .enable_all()
        .build()
        .context("no threads to run on")?;
    let result = runtime.block_on(run::to_the_end(args));
    if let Err(error) = &result {
        tracing::error!(error = format!("{error:#}"), "vmberth-webhook ended");
    }
    result
}

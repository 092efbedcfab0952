//! `vmberth-webhook`: serves reviews, or explains one from a file.

use anyhow::Context;
use clap::Parser;
use vmberth_serve::{logs, tls};
use vmberth_webhook::args::{Args, Command};
use vmberth_webhook::{explain, run};

fn main() -> anyhow::Result<()> {
    tls::install_provider();
    let args = Args::parse();
    if let Some(Command::Explain { file }) = &args.command {
        return explain::file(file, args.policy.as_deref(), &mut std::io::stdout().lock());
    }
    logs::init(&args.serve.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.worker_threads())
        .enable_all()
        .build()
        .context("no threads to run on")?;
    let result = runtime.block_on(run::until_signalled(args));
    if let Err(error) = &result {
        tracing::error!(error = format!("{error:#}"), "vmberth-webhook ended");
    }
    result
}

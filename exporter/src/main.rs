//! `vmberth-exporter`: the agent of a node.

use std::process::ExitCode;

use clap::Parser;
use vmberth_exporter::args::Args;
use vmberth_exporter::{once, run};
use vmberth_serve::{logs, tls};

fn main() -> anyhow::Result<ExitCode> {
    tls::install_provider();
    let args = Args::parse();
    if args.print_crd {
        return once::print_crd();
    }
    logs::init(&args.log)?;
    // One thread: a node's agent has little to do and each thread costs memory; scans run beside it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let once = args.once;
    let result = runtime.block_on(async {
        if once {
            once::print(&args).await
        } else {
            run::to_the_end(args).await
        }
    });
    // A thread that hangs in the kernel must not keep the program.
    runtime.shutdown_background();
    // Told once, in the form of the other lines.
    Ok(result.map_or_else(
        |error| {
            tracing::error!(error = format!("{error:#}"), "vmberth-exporter ended");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    ))
}

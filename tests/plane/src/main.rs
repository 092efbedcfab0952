//! The command `plane`.

use std::process::ExitCode;

use clap::Parser;
use vmberth_plane::args::Cli;
use vmberth_plane::progress::say_raw;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(e) => {
            say_raw(&format!("plane: {e:#}"));
            ExitCode::FAILURE
        }
    }
}

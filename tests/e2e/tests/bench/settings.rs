//! How much is measured: from the environment.

use std::str::FromStr;

use anyhow::{Result, anyhow};

/// One run.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `BENCH_ROUNDS`: how often each side is measured; none: no speed.
    pub(crate) rounds: usize,
    /// `BENCH_PODS`: pods of nobody's in a round.
    pub(crate) pods: usize,
    /// `BENCH_LAUNCHERS`: pods of VMs in a round.
    pub(crate) launchers: usize,
    /// `BENCH_SEEDS`: fleets that are filled; none: no placing.
    pub(crate) seeds: u64,
    /// `BENCH_FIRST_SEED`: the first of them.
    pub(crate) first_seed: u64,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// Which one can't be read.
    pub(crate) fn read() -> Result<Self> {
        Ok(Self {
            rounds: number("BENCH_ROUNDS", 7)?,
            pods: number("BENCH_PODS", 1000)?,
            launchers: number("BENCH_LAUNCHERS", 400)?,
            seeds: number("BENCH_SEEDS", 10)?,
            first_seed: number("BENCH_FIRST_SEED", 0)?,
        })
    }
}

fn number<T: FromStr>(name: &str, default: T) -> Result<T> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => text
            .parse()
            .map_err(|_| anyhow!("{name}={text}: expected a number")),
        _ => Ok(default),
    }
}

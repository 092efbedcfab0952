//! What came out, for tests/bench.py: a JSON object in each line.

use std::fs::{File, OpenOptions};
use std::io::Write;

use anyhow::{Context, Result};
use serde_json::json;

/// The file of results.
#[derive(Debug)]
pub(crate) struct Results(File);

impl Results {
    /// As `BENCH_OUT` names it.
    ///
    /// # Errors
    /// If it can't be written.
    pub(crate) fn open() -> Result<Self> {
        let file = std::env::var("BENCH_OUT").context("$BENCH_OUT: make bench-scheduler")?;
        let open = OpenOptions::new().create(true).append(true).open(&file);
        Ok(Self(open.context(file)?))
    }

    /// Adds one.
    ///
    /// # Errors
    /// If it can't be written.
    pub(crate) fn row(&self, name: &str, value: f64, unit: &str) -> Result<()> {
        let value = (value * 10_000.0).round() / 10_000.0;
        let row = json!({"name": name, "value": value, "unit": unit});
        writeln!(&self.0, "{row}").context(name.to_owned())
    }
}

/// The middle one; of two, the mean.
pub(crate) fn median(of: &[f64]) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => f64::midpoint(sorted[half - 1], sorted[half]),
        _ => sorted[half],
    }
}

//! `plane logs`.

use std::fs;
use std::io::Write;

use anyhow::{Result, bail};

use crate::cmd;
use crate::layout::Layout;

/// Prints the end of one part's log, or the list of logs.
///
/// # Errors
/// If there is no such log.
pub fn print(layout: &Layout, part: Option<&str>, lines: usize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut known = Vec::new();
    for machine in fs::read_dir(layout.cluster.join("machines"))
        .into_iter()
        .flatten()
        .flatten()
    {
        for file in fs::read_dir(machine.path().join("log"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = file.path();
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let full = format!("{}/{name}", machine.file_name().to_string_lossy());
            if part.is_some_and(|part| part == name || part == full) {
                let text = fs::read(&path)?;
                writeln!(out, "{}", cmd::tail(&String::from_utf8_lossy(&text), lines))?;
                return Ok(());
            }
            known.push(full);
        }
    }
    known.sort();
    match part {
        Some(part) => bail!("no part {part}; there are: {}", known.join(", ")),
        None => writeln!(out, "{}", known.join("\n"))?,
    }
    Ok(())
}

//! The results: a table for people, a file for machines.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::counted::{Early, Tally};

/// Results of all races of this checkout, by their names.
const FILE: &str = "../../target/race.json";

/// As a table.
pub(crate) fn table(tally: &Tally, faults: &BTreeMap<&'static str, u32>) -> String {
    let mut table = String::from("\n");
    let mut row = |what: &str, value: String| {
        let _ = writeln!(table, "| {what} | {value} |");
    };
    row("VMs", tally.vms.to_string());
    row("placed", tally.placed.to_string());
    row("running", tally.running.to_string());
    row("not placed, no disk bound", few(&tally.waiting));
    row("not placed, a disk bound", few(&tally.pinned));
    row(
        "of these: can't run where it lies (stuck)",
        few(&tally.stuck),
    );
    row(
        "of these: its disk was first, without a profile",
        of_early(&tally.early),
    );
    row(
        "of these: its disk was first, with one",
        of_early(&tally.early_named),
    );
    row("disks elsewhere than the VM", few(&tally.apart));
    row("two launchers", few(&tally.doubled));
    let oversold = tally.oversold.iter();
    let oversold: Vec<_> = oversold
        .map(|(of, more)| format!("{of:?} by {more}"))
        .collect();
    row("functions or pages promised twice", few(&oversold));
    let volumes: Vec<_> = tally.volumes_twice.iter().cloned().collect();
    row("volumes promised twice", few(&volumes));
    row("first VM to last node", format!("{} s", tally.seconds));
    for (what, times) in faults {
        row(what, times.to_string());
    }
    table
}

fn of_early(early: &Early) -> String {
    format!("{} of {} such VMs", few(&early.pinned), early.vms)
}

fn few(names: &[String]) -> String {
    let first: Vec<_> = names.iter().take(5).cloned().collect();
    match names.len() {
        0 => "0".to_owned(),
        all => format!("{all} ({})", first.join(", ")),
    }
}

/// Keeps a result beside those of other races.
pub(crate) fn keep(name: &str, tally: &Tally, faults: &BTreeMap<&'static str, u32>) -> Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let folder = file.parent().context("a file in a folder")?;
    fs::create_dir_all(folder)?;
    let before = fs::read(&file).unwrap_or_default();
    let mut all: Map<String, Value> = serde_json::from_slice(&before).unwrap_or_default();
    let result = json!({
        "vms": tally.vms,
        "placed": tally.placed,
        "running": tally.running,
        "waiting": tally.waiting.len(),
        "pinned": tally.pinned.len(),
        "stuck": tally.stuck.len(),
        "early": {"vms": tally.early.vms, "pinned": tally.early.pinned.len()},
        "early_with_profile": {"vms": tally.early_named.vms, "pinned": tally.early_named.pinned.len()},
        "apart": tally.apart.len(),
        "doubled": tally.doubled.len(),
        "oversold": tally.oversold.values().sum::<u64>(),
        "volumes_twice": tally.volumes_twice.len(),
        "seconds": tally.seconds,
        "faults": faults,
    });
    all.insert(name.to_owned(), result);
    fs::write(&file, serde_json::to_string_pretty(&all)?)
        .with_context(|| file.display().to_string())
}

//! What the metrics pages of all binaries are compared by; each binary's own test tells what it registers.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

const PAGE: &str = include_str!("../docs/metrics.md");

/// The part of `docs/metrics.md` about this binary.
pub(crate) fn section(binary: &str) -> &'static str {
    let title = format!("{binary}\n");
    let mut sections = PAGE.split("\n## ");
    sections
        .find(|section| section.starts_with(&title))
        .unwrap()
}

/// The page lists these metrics of the binary, and no others.
pub(crate) fn assert_lists(binary: &str, collectors: &[Vec<Box<dyn Collector>>]) {
    let mut written: Vec<&str> = section(binary)
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let rows: Vec<String> = collectors
        .iter()
        .flatten()
        .flat_map(|collector| rows(collector.as_ref()))
        .collect();
    let mut registered: Vec<&str> = rows.iter().map(String::as_str).collect();
    written.sort_unstable();
    registered.sort_unstable();
    assert_eq!(
        written,
        registered,
        "the page should say:\n{}",
        registered.join("\n")
    );
}

/// Rows of a collector, which may have several metrics.
fn rows(collector: &dyn Collector) -> Vec<String> {
    let families = collector.collect();
    let described = collector.desc();
    assert_eq!(described.len(), families.len());
    let pairs = described.iter().zip(&families);
    pairs.map(|(desc, family)| row(desc, family)).collect()
}

/// A row of the page: name, type, labels, help.
fn row(desc: &Desc, family: &MetricFamily) -> String {
    let kind = format!("{:?}", family.get_field_type()).to_lowercase();
    let labels: Vec<String> = desc
        .variable_labels
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    format!(
        "| `{}` | {kind} | {} | {} |",
        desc.fq_name,
        labels.join(", "),
        desc.help
    )
}

//! `docs/metrics.md` and the metrics that are registered are the same, in both directions.
#![allow(
    clippy::unwrap_used,
    reason = "a test may stop at the first thing that is not as it should be"
)]

use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use vmberth_exporter::metrics::{Metrics, PREFIX};
use vmberth_serve::metrics::ProcessMetrics;

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

/// Rows of a collector, which may have several metrics.
fn rows(collector: &dyn Collector) -> Vec<String> {
    let families = collector.collect();
    let described = collector.desc();
    assert_eq!(described.len(), families.len());
    let pairs = described.iter().zip(&families);
    pairs.map(|(desc, family)| row(desc, family)).collect()
}

#[test]
fn page_lists_every_metric_and_no_other() {
    let page = include_str!("../../docs/metrics.md");
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with("vmberth-exporter\n"));
    let mut written: Vec<&str> = section
        .unwrap_or_default()
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let registry = Registry::new();
    let collectors = [
        Metrics::register(&registry).unwrap().collectors(),
        ProcessMetrics::register(&registry, PREFIX)
            .unwrap()
            .collectors(),
    ];
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

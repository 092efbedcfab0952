//! `docs/metrics.md` and the metrics that are registered are the same, in both directions.
#![allow(
    clippy::unwrap_used,
    reason = "a test may stop at the first thing that is not as it should be"
)]

use prometheus::Registry;
use prometheus::core::Collector;
use vmberth_extender::metrics::{Metrics, Outcome, PREFIX, Verb};
use vmberth_serve::metrics::{ProcessMetrics, ServeMetrics};

/// A row of the page: name, type, labels, help.
fn row(collector: &dyn Collector) -> String {
    let (desc, family) = (collector.desc(), collector.collect());
    let (desc, family) = (desc.first().unwrap(), family.first().unwrap());
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

#[test]
fn page_lists_every_metric_and_no_other() {
    let page = include_str!("../../docs/metrics.md");
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with("vmberth-extender\n"));
    let mut written: Vec<&str> = section
        .unwrap()
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let registry = Registry::new();
    let collectors = [
        Metrics::register(&registry).unwrap().collectors(),
        ServeMetrics::register(&registry, PREFIX)
            .unwrap()
            .collectors(),
        ProcessMetrics::register(&registry, PREFIX)
            .unwrap()
            .collectors(),
    ];
    let rows: Vec<String> = collectors
        .iter()
        .flatten()
        .map(|collector| row(collector.as_ref()))
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
    for label in [
        Verb::Filter.as_str(),
        Verb::Prioritize.as_str(),
        Outcome::Foreign.as_str(),
        Outcome::Placed.as_str(),
        Outcome::Refused.as_str(),
        Outcome::Unclear.as_str(),
        Outcome::Error.as_str(),
    ] {
        assert!(section.unwrap().contains(label), "{label}");
    }
}

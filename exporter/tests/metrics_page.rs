//! `docs/metrics.md` and the metrics that are registered are the same, in both directions.
#![allow(
    clippy::unwrap_used,
    reason = "a test may stop at the first thing that is not as it should be"
)]

#[path = "../../tests/metrics_page.rs"]
mod page;

use prometheus::Registry;
use vmberth_exporter::metrics::{Metrics, PREFIX};
use vmberth_serve::metrics::ProcessMetrics;

#[test]
fn page_lists_every_metric_and_no_other() {
    let registry = Registry::new();
    let collectors = [
        Metrics::register(&registry).unwrap().collectors(),
        ProcessMetrics::register(&registry, PREFIX)
            .unwrap()
            .collectors(),
    ];
    page::assert_lists("vmberth-exporter", &collectors);
}

//! `docs/metrics.md` and the metrics that are registered are the same, in both directions.
#![allow(
    clippy::unwrap_used,
    reason = "a test may stop at the first thing that is not as it should be"
)]

#[path = "../../tests/metrics_page.rs"]
mod page;

use prometheus::Registry;
use vmberth_extender::metrics::{Metrics, Outcome, PREFIX, Verb};
use vmberth_serve::metrics::{ProcessMetrics, ServeMetrics};

#[test]
fn page_lists_every_metric_and_no_other() {
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
    page::assert_lists("vmberth-extender", &collectors);
    for label in [
        Verb::Filter.as_str(),
        Verb::Prioritize.as_str(),
        Outcome::Foreign.as_str(),
        Outcome::Placed.as_str(),
        Outcome::Refused.as_str(),
        Outcome::Unclear.as_str(),
        Outcome::Error.as_str(),
    ] {
        assert!(page::section("vmberth-extender").contains(label), "{label}");
    }
}

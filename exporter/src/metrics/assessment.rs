//! The gauges of the node, made at scrape time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};
use vmberth_decide::node::Assessment;

use super::families::{self, Family};
use super::{PREFIX, Shown};

/// Makes every gauge of the node from the last assessment.
#[derive(Clone)]
pub(super) struct NodeCollector {
    shown: Shown,
    families: Arc<[(Desc, &'static Family)]>,
}

/// Samples of one family, in the making.
#[derive(Debug)]
pub(super) struct Samples {
    labels: &'static [&'static str],
    metrics: Vec<Metric>,
}

impl NodeCollector {
    pub(super) fn new(shown: Shown) -> prometheus::Result<Self> {
        let described = families::all().map(|family| Ok((desc(family)?, family)));
        let families = described.collect::<prometheus::Result<_>>()?;
        Ok(Self { shown, families })
    }
}

impl fmt::Debug for NodeCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let families = self.families.len();
        f.debug_struct("NodeCollector")
            .field("families", &families)
            .finish_non_exhaustive()
    }
}

impl Collector for NodeCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.families.iter().map(|(desc, _)| desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let shown = self
            .shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let families = self.families.iter();
        families
            .map(|(desc, family)| collect(desc, family, shown.as_deref()))
            .collect()
    }
}

impl Samples {
    /// One sample; values of labels in the family's order.
    pub(super) fn push<const N: usize>(&mut self, labels: [&str; N], value: f64) {
        debug_assert_eq!(N, self.labels.len(), "labels of {:?}", self.labels);
        let pairs = self.labels.iter().zip(labels).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value(value.to_owned());
            pair
        });
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = Metric::from_gauge(gauge);
        metric.set_label(pairs.collect());
        self.metrics.push(metric);
    }
}

/// A number of bytes, pages or inodes. Exact up to 2^53, which no node has.
pub(super) fn number(value: u64) -> f64 {
    const HALF: u64 = 1 << 32;
    let half = |bits: u64| f64::from(u32::try_from(bits).unwrap_or(u32::MAX));
    half(value / HALF).mul_add(4_294_967_296.0, half(value % HALF))
}

/// How many there are.
pub(super) fn count(items: usize) -> f64 {
    number(u64::try_from(items).unwrap_or(u64::MAX))
}

/// 1 if it is so.
pub(super) fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn desc(family: &Family) -> prometheus::Result<Desc> {
    let name = format!("{PREFIX}_{}", family.name);
    let labels = family.labels.iter().map(|label| (*label).to_owned());
    Desc::new(
        name,
        family.help.to_owned(),
        labels.collect(),
        HashMap::new(),
    )
}

fn collect(desc: &Desc, family: &Family, shown: Option<&Assessment>) -> MetricFamily {
    let (labels, metrics) = (family.labels, Vec::new());
    let mut samples = Samples { labels, metrics };
    if let Some(assessment) = shown {
        (family.samples)(assessment, &mut samples);
    }
    let mut made = MetricFamily::default();
    made.set_name(desc.fq_name.clone());
    made.set_help(desc.help.clone());
    made.set_field_type(MetricType::GAUGE);
    made.set_metric(samples.metrics);
    made
}

//! Prometheus' text format, as far as vmberth's metrics use it.

use std::collections::BTreeMap;

/// One line of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The metric.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// Reads all samples; comments and what is not understood are left out.
#[must_use]
pub fn parse(text: &str) -> Vec<Sample> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(sample)
        .collect()
}

/// The sum over all samples of a metric that have these labels.
#[must_use]
pub fn sum(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let fits = |sample: &&Sample| {
        let labelled = |(key, value): &(&str, &str)| {
            sample.labels.get(*key).is_some_and(|found| found == value)
        };
        sample.name == name && labels.iter().all(labelled)
    };
    samples.iter().filter(fits).map(|sample| sample.value).sum()
}

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    // vmberth's label values are words of enums: no commas, no quotes.
    let pairs = labels.split(',').filter(|pair| !pair.is_empty());
    let labels = pairs.map(|pair| {
        let (key, value) = pair.split_once('=')?;
        Some((key.to_owned(), value.trim_matches('"').to_owned()))
    });
    Some(Sample {
        name: name.to_owned(),
        labels: labels.collect::<Option<_>>()?,
        value: value.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_by_labels() {
        let text = "# HELP a b\na{x=\"1\",y=\"2\"} 3\na{x=\"1\",y=\"3\"} 4\na_other 9\nb 1.5e3\n";
        let samples = parse(text);
        assert_eq!(sum(&samples, "a", &[("x", "1")]), 7.0);
        assert_eq!(sum(&samples, "a", &[("y", "3")]), 4.0);
        assert_eq!(sum(&samples, "b", &[]), 1500.0);
        assert_eq!(sum(&samples, "c", &[]), 0.0);
    }
}

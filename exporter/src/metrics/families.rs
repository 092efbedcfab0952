//! Every gauge of the node: its name, what it says, and where it comes from.

mod file_systems;
mod functions;
mod pages;
mod volumes;

use vmberth_decide::node::Assessment;
use vmberth_decide::node::assess::Status;

use super::assessment::{Samples, truth};

/// A gauge with its samples.
pub(super) struct Family {
    /// Its name, without the prefix.
    pub(super) name: &'static str,
    /// What it says.
    pub(super) help: &'static str,
    /// Its labels.
    pub(super) labels: &'static [&'static str],
    /// Its samples, each with another set of label values.
    pub(super) samples: fn(&Assessment, &mut Samples),
}

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Family> {
    let lists = [
        volumes::ALL,
        file_systems::ALL,
        functions::ALL,
        pages::ALL,
        CONDITIONS,
    ];
    lists.into_iter().flatten()
}

const CONDITIONS: &[Family] = &[Family {
    name: "condition",
    help: "1 for the status that a condition of the node's inventory has, 0 for the others.",
    labels: &["type", "status"],
    samples: |assessment, samples| {
        for finding in &assessment.findings {
            for status in [Status::True, Status::False, Status::Unknown] {
                let labels = [finding.kind.as_str(), status.as_str()];
                samples.push(labels, truth(finding.status == status));
            }
        }
    },
}];

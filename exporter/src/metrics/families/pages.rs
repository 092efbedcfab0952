//! Gauges of huge pages.

use vmberth_decide::node::Assessment;
use vmberth_decide::node::assess::PageVerdict;
use vmberth_decide::node::facts::CellPages;

use super::super::assessment::{Samples, number};
use super::Family;

pub(super) const ALL: &[Family] = &[
    of_size(
        "huge_pages",
        "All huge pages of a size.",
        |assessment, samples| of_each(assessment, samples, |it| it.total),
    ),
    of_size(
        "huge_pages_free",
        "Huge pages that are free and not reserved.",
        |assessment, samples| of_each(assessment, samples, |it| it.free),
    ),
    of_size(
        "huge_pages_advertised",
        "Huge pages of the node's allocatable resources.",
        |assessment, samples| of_each(assessment, samples, |it| it.advertised),
    ),
    of_size(
        "huge_pages_seen_by_kubelet",
        "Huge pages that the kubelet found when it started.",
        |assessment, samples| of_each(assessment, samples, |it| it.seen_by_kubelet),
    ),
    of_cell(
        "numa_huge_pages",
        "All huge pages of a size in a NUMA node.",
        |assessment, samples| of_each_cell(assessment, samples, |it| it.total),
    ),
    of_cell(
        "numa_huge_pages_free",
        "Huge pages in a NUMA node that nobody holds; how many of them are reserved is known in total only.",
        |assessment, samples| of_each_cell(assessment, samples, |it| it.free),
    ),
];

const fn of_size(
    name: &'static str,
    help: &'static str,
    samples: fn(&Assessment, &mut Samples),
) -> Family {
    let labels = &["size"];
    Family {
        name,
        help,
        labels,
        samples,
    }
}

const fn of_cell(
    name: &'static str,
    help: &'static str,
    samples: fn(&Assessment, &mut Samples),
) -> Family {
    let labels = &["size", "numa_node"];
    Family {
        name,
        help,
        labels,
        samples,
    }
}

fn of_each(assessment: &Assessment, samples: &mut Samples, pages: impl Fn(&PageVerdict) -> u64) {
    for size in &assessment.pages {
        samples.push([&size.name], number(pages(size)));
    }
}

fn of_each_cell(assessment: &Assessment, samples: &mut Samples, pages: impl Fn(&CellPages) -> u64) {
    for size in &assessment.pages {
        for (cell, there) in &size.cells {
            samples.push([&size.name, &cell.to_string()], number(pages(there)));
        }
    }
}

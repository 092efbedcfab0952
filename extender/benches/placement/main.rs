//! How many VMs find room: fleets made by chance are filled with streams of VMs, placed by the functions that the extender calls, by a
//! model of the cluster's scheduler without it, and by the exact optimum; one JSON object a line.
//!
//! ```text
//! cargo bench -p vmberth-extender --bench placement
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement may stop at the first thing that is not as it should be"
)]

mod cluster;
mod fill;
mod fleet;
mod model;
mod optimum;
mod ours;
mod random;

use std::io::Write;

use serde_json::json;
use vmberth_decide::policy::Policy;

use fill::{Filled, Order, fill};
use fleet::Case;

/// Cases that are small enough for the exact optimum: of 2 to 6 nodes.
const SMALL: u64 = 300;
/// The first seed of as many cases that no weight was chosen by.
const UNSEEN: u64 = 20_000;
/// Sizes of the larger fleets, each of which is filled several times.
const LARGE: [usize; 7] = [2, 5, 10, 20, 40, 70, 100];
const TIMES: u64 = 6;
/// VMs that come for each node: more than find room.
const VMS: usize = 8;

fn main() {
    let unseen: Vec<(Case, usize)> = (UNSEEN..UNSEEN + SMALL).filter_map(small).collect();
    let small: Vec<(Case, usize)> = (0..SMALL).filter_map(small).collect();
    row("cases", f64::from(number(small.len())), "");
    let large: Vec<(Case, usize)> = (0..TIMES)
        .flat_map(|time| LARGE.map(|nodes| large(nodes, time)))
        .collect();
    let all = || small.iter().chain(&large);

    let disks_first = Sums::of(small.iter(), Order::DisksFirst);
    row("optimum_ratio", disks_first.ours.of_possible, "");
    row(
        "optimum_first_refusal_ratio",
        disks_first.ours.first_refusal,
        "",
    );
    row(
        "default_scheduler_optimum_ratio",
        disks_first.model.of_possible,
        "",
    );
    let disks_first = Sums::of(unseen.iter(), Order::DisksFirst);
    row("unseen_optimum_ratio", disks_first.ours.of_possible, "");
    row(
        "unseen_below_default_scheduler",
        f64::from(disks_first.below),
        "cases",
    );
    let disks_first = Sums::of(all(), Order::DisksFirst);
    row(
        "below_default_scheduler",
        f64::from(disks_first.below),
        "cases",
    );
    row("default_scheduler_ratio", disks_first.ratio(), "");
    row("default_scheduler_worst_ratio", disks_first.worst, "");
    row("pinned", f64::from(disks_first.ours.pinned), "VMs");
    row("waiting", f64::from(disks_first.ours.waiting), "VMs");
    row(
        "default_scheduler_pinned",
        f64::from(disks_first.model.pinned),
        "VMs",
    );
    row(
        "default_scheduler_waiting",
        f64::from(disks_first.model.waiting),
        "VMs",
    );

    let vm_first = Sums::of(small.iter(), Order::VmFirst);
    row("vm_first_optimum_ratio", vm_first.ours.of_possible, "");
    row(
        "vm_first_default_scheduler_optimum_ratio",
        vm_first.model.of_possible,
        "",
    );
    let vm_first = Sums::of(large.iter(), Order::VmFirst);
    row("vm_first_default_scheduler_ratio", vm_first.ratio(), "");
    row(
        "vm_first_first_refusal_ratio",
        vm_first.ours.first_refusal / vm_first.model.first_refusal,
        "",
    );
}

fn row(name: &str, value: f64, unit: &str) {
    let value = (value * 10_000.0).round() / 10_000.0;
    let name = format!("placement.{name}");
    let line = format!("{}\n", json!({"name": name, "value": value, "unit": unit}));
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

/// A small fleet, with just the VMs of its stream that the optimum finds room for: all of them, or the solver took too long.
fn small(seed: u64) -> Option<(Case, usize)> {
    let nodes = usize::try_from(2 + seed % 5).unwrap();
    let mut case = Case::of(seed, nodes, VMS);
    let possible = optimum::longest_beginning(&case)?;
    case.stream.truncate(possible);
    Some((case, possible))
}

/// A fleet to which more VMs come than find room.
fn large(nodes: usize, time: u64) -> (Case, usize) {
    let case = Case::of(10_000 + time, nodes, VMS);
    let all = case.stream.len();
    (case, all)
}

/// What became of the streams of several cases.
#[derive(Debug, Default)]
struct Side {
    /// Mean share of a case's VMs that run.
    of_possible: f64,
    /// Mean share of those that ran before the first that did not.
    first_refusal: f64,
    run: u32,
    pinned: u32,
    waiting: u32,
}

/// Ours and the model of the cluster's scheduler, on the same cases.
#[derive(Debug, Default)]
struct Sums {
    ours: Side,
    model: Side,
    /// The least that ours is of the model's, of any case.
    worst: f64,
    /// Cases in which fewer of ours run.
    below: u32,
}

impl Sums {
    fn of<'c>(cases: impl Iterator<Item = &'c (Case, usize)> + Clone, order: Order) -> Self {
        let count = f64::from(number(cases.clone().count()));
        let mut sums = Self {
            worst: f64::INFINITY,
            ..Self::default()
        };
        for (case, possible) in cases {
            let ours = fill(case, order, &mut ours::Ours::of(case, Policy::default()));
            let model = fill(case, order, &mut model::Nobody);
            let possible = f64::from(number(*possible));
            sums.ours.add(ours, possible * count);
            sums.model.add(model, possible * count);
            sums.below += u32::from(ours.run < model.run);
            if model.run > 0 {
                let ratio = f64::from(number(ours.run)) / f64::from(number(model.run));
                sums.worst = sums.worst.min(ratio);
            }
        }
        sums
    }

    fn ratio(&self) -> f64 {
        f64::from(self.ours.run) / f64::from(self.model.run)
    }
}

impl Side {
    fn add(&mut self, filled: Filled, all: f64) {
        self.of_possible += f64::from(number(filled.run)) / all;
        self.first_refusal += f64::from(number(filled.before_first_refusal)) / all;
        self.run += number(filled.run);
        self.pinned += number(filled.pinned);
        self.waiting += number(filled.waiting);
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap()
}

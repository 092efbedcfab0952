//! The exact optimum of a small case, by mixed-integer programming (the crate microlp): who knows the whole stream beforehand.
//!
//! How many VMs of each kind run on each node. Processors, memory, functions, pages and bytes on disk are sums. Volumes are not told
//! apart: claims on a node have volumes of their own if, for each size, there are no more claims of that size and above than volumes
//! (Hall's theorem, since who takes a size takes all larger ones).

use microlp::{ComparisonOp, OptimizationDirection, Problem, SolveOptions, Variable};

use crate::fleet::{Amounts, Case, Kind, NodeHas};

/// Steps of the search, after which a case is left out of the comparison.
const STEPS: u64 = 20_000;

/// The most VMs of the stream that are known to find room all together, if they are the first ones of it; `None` if the search takes
/// too long.
pub(crate) fn longest_beginning(case: &Case) -> Option<usize> {
    let (mut fit, mut too_many) = (0, case.stream.len() + 1);
    while too_many - fit > 1 {
        let middle = usize::midpoint(fit, too_many);
        if all_fit(case, middle)? {
            fit = middle;
        } else {
            too_many = middle;
        }
    }
    Some(fit)
}

/// Whether the first ones of the stream find room, all of them.
fn all_fit(case: &Case, first: usize) -> Option<bool> {
    let mut wanted = vec![0; case.kinds.len()];
    for kind in &case.stream[..first] {
        wanted[*kind] += 1;
    }
    let run = most(case, &wanted)?;
    Some(run == first)
}

/// The most VMs that can run at once, of so many of each kind.
fn most(case: &Case, wanted: &[i32]) -> Option<usize> {
    let mut problem = Problem::new(OptimizationDirection::Maximize);
    let mut on_nodes: Vec<Vec<Variable>> = Vec::new();
    for node in &case.nodes {
        let here: Vec<Variable> = wanted
            .iter()
            .map(|count| problem.add_integer_var(1.0, (0, *count)))
            .collect();
        for (has, of) in limits(node, &case.kinds) {
            let sum: Vec<(Variable, f64)> = here
                .iter()
                .copied()
                .zip(of)
                .filter(|it| it.1 > 0.0)
                .collect();
            if !sum.is_empty() {
                problem.add_constraint(sum, ComparisonOp::Le, has);
            }
        }
        on_nodes.push(here);
    }
    for (kind, count) in wanted.iter().enumerate() {
        let sum: Vec<(Variable, f64)> = on_nodes.iter().map(|here| (here[kind], 1.0)).collect();
        problem.add_constraint(sum, ComparisonOp::Le, f64::from(*count));
    }
    let mut options = SolveOptions::default();
    options.node_limit = Some(STEPS);
    let solved = problem.solve_with(options).ok()?;
    let solution = solved.is_optimal().then(|| solved.into_solution().ok())??;
    let all = on_nodes.iter().flatten();
    let sum: f64 = all
        .map(|variable| solution.var_value(*variable).round())
        .sum();
    format!("{sum:.0}").parse().ok()
}

/// What the node has of each thing, and what each kind takes of it.
fn limits(node: &NodeHas, kinds: &[Kind]) -> Vec<(f64, Vec<f64>)> {
    let number = |amount: u64| f64::from(u32::try_from(amount).unwrap());
    let of_each =
        |needs: &dyn Fn(&Kind) -> u64| kinds.iter().map(|kind| number(needs(kind))).collect();
    let counted = |of: fn(Amounts) -> u64| {
        let needs: Vec<f64> = kinds.iter().map(|kind| number(of(kind.amounts))).collect();
        (number(of(node.amounts)), needs)
    };
    let mut limits = vec![
        // In units that keep the coefficients close to each other.
        counted(|it| it.cpu / 1000),
        counted(|it| it.memory / 4),
        counted(|it| it.pages),
        counted(|it| it.functions[0]),
        counted(|it| it.functions[1]),
        (number(node.disk), of_each(&|kind| kind.disks.iter().sum())),
    ];
    let mut sizes: Vec<u64> = kinds.iter().flat_map(|kind| kind.disks.clone()).collect();
    sizes.sort_unstable();
    sizes.dedup();
    for size in sizes {
        let has = node.volumes.iter().filter(|gib| **gib >= size).count();
        let needs = |kind: &Kind| kind.disks.iter().filter(|gib| **gib >= size).count() as u64;
        limits.push((number(has as u64), of_each(&needs)));
    }
    limits
}

use rstest::rstest;

use super::*;
use crate::pages::PageSize;

const PAGES: Counted = Counted::Pages(PageSize::Gi1);

fn vfs() -> Counted {
    Counted::Vfs("intel.com/intel_sriov_vm".into())
}

const NOTHING: Wish = Wish {
    dedicated: false,
    passthrough: false,
};
const DEDICATED: Wish = Wish {
    dedicated: true,
    passthrough: false,
};
const PASSTHROUGH: Wish = Wish {
    dedicated: true,
    passthrough: true,
};

/// Two cells with these free functions and pages each; twice as many are there.
fn cells(is_strict: bool, counts_pages: bool, free: [(u64, u64); 2]) -> Cells {
    let share = |free: u64| Share {
        usable: free * 2,
        free,
    };
    let cell = |(functions, pages): (u64, u64)| {
        BTreeMap::from([(vfs(), share(functions)), (PAGES, share(pages))])
    };
    Cells {
        cells: free.map(cell).into(),
        is_strict,
        counts_pages,
    }
}

fn amounts(functions: u64, pages: u64, when: When) -> Amounts {
    [(vfs(), (functions, when)), (PAGES, (pages, when))].into()
}

/// Kubernetes: pkg/kubelet/cm/topologymanager/policy_single_numa_node.go; KubeVirt 1.8.4: pkg/virt-launcher/virtwrap/converter/vcpu
/// (numaMapping: over all cells of the processors that the guest got).
#[rstest]
#[case::nothing_is_told(Cells::default(), PASSTHROUGH, Some(true))]
#[case::soft_and_together(cells(false, false, [(2, 4), (0, 0)]), PASSTHROUGH, Some(true))]
#[case::soft_and_apart(cells(false, false, [(2, 0), (0, 4)]), PASSTHROUGH, Some(false))]
#[case::nobody_asks(cells(false, false, [(2, 0), (0, 4)]), DEDICATED, Some(true))]
#[case::strict_and_together(cells(true, false, [(0, 0), (2, 4)]), PASSTHROUGH, Some(true))]
#[case::strict_and_apart(cells(true, false, [(2, 0), (0, 4)]), PASSTHROUGH, None)]
#[case::functions_apart(cells(true, false, [(1, 4), (1, 4)]), NOTHING, None)]
#[case::pages_are_anywhere(cells(true, false, [(2, 0), (0, 4)]), DEDICATED, Some(true))]
#[case::pages_are_given_away_by_cell(cells(true, true, [(2, 0), (0, 4)]), DEDICATED, None)]
#[case::of_guaranteed_pods_only(cells(true, true, [(2, 0), (0, 4)]), NOTHING, Some(true))]
fn one_cell(#[case] cells: Cells, #[case] wish: Wish, #[case] expected: Option<bool>) {
    let found = cells.one_for(wish, &amounts(2, 4, When::Now));
    assert_eq!(found.ok(), expected);
}

#[test]
fn what_is_needed_later_may_be_had_by_others_now() {
    let cells = cells(true, false, [(1, 2), (0, 0)]);
    let later = amounts(2, 4, When::Later);
    assert_eq!(cells.one_for(PASSTHROUGH, &later), Ok(false));
    let more = amounts(3, 4, When::Later);
    assert!(cells.one_for(PASSTHROUGH, &more).is_err());
}

/// The device plugin did not say where they are: the kubelet asks nothing then.
#[test]
fn functions_of_which_no_cell_is_known_are_no_hindrance() {
    let mut cells = cells(true, false, [(2, 0), (0, 0)]);
    for cell in &mut cells.cells {
        cell.remove(&vfs());
    }
    let functions = [(vfs(), (2, When::Now))].into();
    assert_eq!(cells.one_for(NOTHING, &functions), Ok(true));
}

#[rstest]
#[case::now(
    When::Now,
    "needs 2 VFs intel.com/intel_sriov_vm and 9 huge pages of 1Gi of one NUMA cell, as the kubelet's topology manager wants it: no cell has so many free"
)]
#[case::later(
    When::Later,
    "will need 2 VFs intel.com/intel_sriov_vm and 9 huge pages of 1Gi of one NUMA cell, as the kubelet's topology manager wants it: no cell has so many"
)]
fn words(#[case] when: When, #[case] expected: &str) {
    let cells = cells(true, false, [(2, 4), (0, 0)]);
    let across = cells.one_for(PASSTHROUGH, &amounts(2, 9, when));
    assert_eq!(across.unwrap_err().to_string(), expected);
}

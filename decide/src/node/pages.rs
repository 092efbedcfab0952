//! What huge pages are worth.

use super::assess::PageVerdict;
use super::cluster::Cluster;
use super::facts::{Facts, PageFacts};
use crate::quantity::format_bytes;

/// Verdicts by size.
#[must_use]
pub fn verdicts(facts: &Facts, cluster: &Cluster) -> Vec<PageVerdict> {
    let mut verdicts: Vec<PageVerdict> = facts
        .pages
        .iter()
        .map(|pages| verdict(pages, cluster))
        .collect();
    verdicts.sort_by_key(|verdict| verdict.size);
    verdicts
}

/// Free pages that are reserved belong to a mapping that has not touched them yet (facts: domain 4).
fn verdict(pages: &PageFacts, cluster: &Cluster) -> PageVerdict {
    let name = format_bytes(pages.size);
    let resource = format!("hugepages-{name}");
    let of = |bytes: Option<&u64>| {
        let bytes = bytes.copied().unwrap_or_default();
        bytes.checked_div(pages.size).unwrap_or_default()
    };
    let node = cluster.node.as_ref();
    PageVerdict {
        size: pages.size,
        name,
        total: pages.total,
        free: pages.free.saturating_sub(pages.reserved),
        advertised: of(node.and_then(|node| node.allocatable.get(&resource))),
        seen_by_kubelet: of(node.and_then(|node| node.capacity.get(&resource))),
        cells: pages.cells.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;
    use crate::node::cluster::Node;

    fn of_node(capacity: u64, allocatable: u64) -> Cluster {
        let bytes = |bytes| BTreeMap::from([("hugepages-2Mi".to_owned(), bytes)]);
        let node = Node {
            capacity: bytes(capacity),
            allocatable: bytes(allocatable),
            ..Node::default()
        };
        Cluster {
            node: Some(node),
            ..Cluster::default()
        }
    }

    #[rstest]
    #[case::none_reserved(512, 0, 512)]
    #[case::reserved_are_not_free(512, 100, 412)]
    #[case::more_reserved_than_free(10, 100, 0)]
    fn free_is_what_nobody_has_and_nobody_is_promised(
        #[case] free: u64,
        #[case] reserved: u64,
        #[case] expected: u64,
    ) {
        let pages = PageFacts {
            size: 2 << 20,
            total: 1024,
            free,
            reserved,
            ..PageFacts::default()
        };
        let facts = Facts {
            pages: vec![pages],
            ..Facts::default()
        };
        let verdicts = verdicts(&facts, &of_node(1024 << 21, 1000 << 21));
        assert_eq!(verdicts.len(), 1);
        assert_eq!(verdicts[0].free, expected);
        assert_eq!(verdicts[0].total, 1024);
        assert_eq!(verdicts[0].name, "2Mi");
        assert_eq!(verdicts[0].seen_by_kubelet, 1024);
        assert_eq!(verdicts[0].advertised, 1000);
    }

    #[test]
    fn sizes_are_sorted_and_spelled_as_kubernetes_does() {
        let of = |size| PageFacts {
            size,
            ..PageFacts::default()
        };
        let facts = Facts {
            pages: vec![of(1 << 30), of(64 << 10), of(2 << 20), of(0)],
            ..Facts::default()
        };
        let verdicts = verdicts(&facts, &Cluster::default());
        let names: Vec<&str> = verdicts
            .iter()
            .map(|verdict| verdict.name.as_str())
            .collect();
        assert_eq!(names, ["0", "64Ki", "2Mi", "1Gi"]);
    }
}

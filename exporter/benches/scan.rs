//! What a scan of a full node costs: 64 volumes with disks, 64 VFs, four sizes of huge pages.
//!
//! ```text
//! cargo bench -p vmberth-exporter --bench scan
//! ```
#![allow(
    clippy::unwrap_used,
    reason = "a measurement may stop at the first thing that is not as it should be"
)]

use divan::Bencher;
use vmberth_decide::node::config::Config;
use vmberth_exporter::roots::{self, Roots};
use vmberth_exporter::scan::scan;
use vmberth_exporter::tree::Tree;

fn main() {
    divan::main();
}

/// The whole node.
#[divan::bench]
fn full_node(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::full(folder.path()).unwrap();
    for number in 0..64 {
        tree.disk(&format!("/var/vd/vol{number}"), 15 << 30)
            .unwrap();
    }
    let config = Config::built_in();
    let roots = Roots::new(tree.root(), roots::KUBELET);
    bencher.bench_local(|| scan(&roots, &config));
}

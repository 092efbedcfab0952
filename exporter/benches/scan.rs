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
use vmberth_decide::node::config::{Config, VolumePattern};
use vmberth_exporter::scan::scan;
use vmberth_exporter::tree::{Card, Function, Tree};

fn main() {
    divan::main();
}

/// The whole node.
#[divan::bench]
fn full_node(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::new(folder.path()).unwrap();
    tree.volumes("/var/vd/vol", 64).unwrap();
    for number in 0..64 {
        tree.disk(&format!("/var/vd/vol{number}"), 15 << 30)
            .unwrap();
    }
    let function = |index: u32| Function {
        address: format!("0000:3b:{:02x}.{}", 2 + index / 8, index % 8),
        driver: Some("vfio-pci".to_owned()),
        group: Some(40 + index),
    };
    let card = Card {
        address: "0000:3b:00.0".to_owned(),
        interface: Some("ens1f0".to_owned()),
        total_vfs: 64,
        vfs: (0..64).map(function).collect(),
        ..Card::default()
    };
    tree.card(&card).unwrap();
    for kib in [64, 2048, 32768, 1_048_576] {
        tree.pages(kib, &[(64, 32), (64, 64)]).unwrap();
    }
    let pattern = VolumePattern {
        directory: "/var/vd/".to_owned(),
        prefix: "vol".to_owned(),
        max: 64,
        slash_added: false,
        offer: None,
    };
    let config = Config {
        volumes: vec![pattern],
        ..Config::default()
    };
    bencher.bench_local(|| scan(tree.root(), &config));
}

//! Stands in for the kubelet of a full node, for who measures the exporter on one: advertises its 64 virtual functions, of
//! which containers hold 16, until it is ended.
//!
//! ```text
//! cargo run -p vmberth-exporter --example kubelet -- SOCKET
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a stand-in may stop at the first thing that is not as it should be"
)]

#[path = "../tests/standin_kubelet/mod.rs"]
mod standin_kubelet;

use std::path::PathBuf;

use clap::Parser;
use standin_kubelet::{answer, of};
use tokio::net::UnixListener;
use vmberth_exporter::kubelet::messages::{
    Allocatable, Container, Devices, Numa, Pod, PodResources, Topology,
};

const RESOURCE: &str = "intel.com/intel_sriov_vm";
const HELD: u32 = 16;

/// Answers as the kubelet of the node that `full-node` writes.
#[derive(Debug, Parser)]
struct Args {
    /// Where to listen
    socket: PathBuf,
}

fn devices(ids: Vec<String>) -> Devices {
    Devices {
        resource: RESOURCE.to_owned(),
        ids,
        topology: Some(Topology {
            nodes: vec![Numa { id: 0 }],
        }),
    }
}

/// As `Tree::full` numbers them.
fn address(index: u32) -> String {
    format!("0000:3b:{:02x}.{}", 2 + index / 8, index % 8)
}

fn holder(index: u32) -> Pod {
    let container = Container {
        name: "compute".to_owned(),
        devices: vec![devices(vec![address(index)])],
        cpus: Vec::new(),
    };
    Pod {
        name: format!("virt-launcher-{index}"),
        namespace: "default".to_owned(),
        containers: vec![container],
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let listener = UnixListener::bind(Args::parse().socket)?;
    let allocatable = of(&Allocatable {
        devices: vec![devices((0..64).map(address).collect())],
        ..Allocatable::default()
    });
    let list = of(&PodResources {
        pods: (0..HELD).map(holder).collect(),
    });
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(answer(stream, allocatable.clone(), list.clone()));
    }
}

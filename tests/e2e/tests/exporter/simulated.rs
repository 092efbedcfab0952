//! Simulated nodes have no agent: their inventories are written by the agent's own code, from trees of files that stand in
//! for their hardware. One process for all of them; there is no second writer of the format.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use prometheus::Registry;
use vmberth_decide::node::assess::assess;
use vmberth_decide::node::cluster::{Cluster, Node};
use vmberth_decide::node::config::{Config, VfPool};
use vmberth_decide::node::publish::status;
use vmberth_e2e::exporter::{self, Settings};
use vmberth_e2e::networks::FUNCTION;
use vmberth_e2e::seen::text;
use vmberth_e2e::tool::Tool;
use vmberth_e2e::{Scene, kind};
use vmberth_exporter::look::Looker;
use vmberth_exporter::metrics::Metrics;
use vmberth_exporter::publish::{Published, Publisher};
use vmberth_exporter::roots::Roots;
use vmberth_exporter::tree::Tree;
use vmberth_exporter::watch;

/// The most that one object may take in etcd.
const LIMIT: usize = 16 << 10;

const NOW: &str = "2026-01-01T00:00:00Z";

/// Every simulated node shows 64 volumes and 64 functions; written once, and not again while nothing changes.
#[test]
fn simulated_nodes_are_seen_by_the_same_code() -> Result<()> {
    exporter::story("exporter simulated", Settings::default(), async |scene| {
        let nodes = scene.simulated_nodes().await?;
        let metrics = Metrics::register(&Registry::new())?;
        let client = watch::client().await?;
        let mut largest = 0;
        for name in &nodes {
            let node = node_of(scene, name).await?;
            let tree = tempfile::tempdir()?;
            Tree::full(tree.path())?;
            let config = config();
            let roots = Roots::new(tree.path(), "/var/lib/kubelet");
            let facts = Looker::new(roots, Arc::default()).look(&config).await?;
            let cluster = Cluster {
                node: Some(node.clone()),
                ..Cluster::default()
            };
            let assessment = assess(&facts, &cluster, &config);
            let mut publisher = Publisher::new(client.clone(), name, metrics.clone());
            let first = publisher
                .round(&node, |before| status(&assessment, before, NOW))
                .await;
            let second = publisher
                .round(&node, |before| status(&assessment, before, NOW))
                .await;
            ensure!(
                matches!((first, second), (Published::Written, Published::Unchanged)),
                "{name}: {first:?}, then {second:?}"
            );
            let stored = scene.cluster.get(kind::INVENTORY, "", name).await?;
            let volumes = text(&stored["status"]["summary"]["volumes"]);
            ensure!(volumes == "0/64", "{name}: {volumes} volumes");
            largest = largest.max(stored.to_string().len());
        }
        ensure!(largest <= LIMIT, "{largest} bytes");
        let table = Tool::new("kubectl", ["get", "nodeinventories"]);
        scene.say(&table.output().await?);
        scene.say(&format!(
            "{} nodes, at most {largest} bytes each",
            nodes.len()
        ));
        for name in &nodes {
            scene.cluster.delete(kind::INVENTORY, "", name).await?;
        }
        Ok(())
    })
}

async fn node_of(scene: &Scene, name: &str) -> Result<Node> {
    let found = scene.cluster.get(kind::NODE, "", name).await?;
    let uid = found["metadata"]["uid"].as_str().context("a node's uid")?;
    Ok(Node {
        name: name.to_owned(),
        uid: uid.to_owned(),
        hostname: Some(name.to_owned()),
        ..Node::default()
    })
}

fn config() -> Config {
    let pool = VfPool {
        resource: FUNCTION.to_owned(),
        vendors: [].into(),
        devices: [].into(),
        interfaces: [].into(),
    };
    Config {
        vf_pools: vec![pool],
        ..Config::built_in()
    }
}

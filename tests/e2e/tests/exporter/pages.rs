//! Huge pages: a kubelet counts them once, at its start (facts: domain 4).

use anyhow::Result;
use vmberth_e2e::exporter::{self, NODES, Settings, wait_condition};
use vmberth_e2e::{Scene, node};

const CONDITION: &str = "HugePagesInSync";

/// More pages than the kubelet has seen are told until it is started anew.
#[test]
fn pages_are_told_until_the_kubelet_counts_again() -> Result<()> {
    exporter::story("exporter pages", Settings::default(), async |scene| {
        let before = node::huge_pages()?;
        let result = raised(scene, before).await;
        node::set_huge_pages(before)?;
        let counted = restart_kubelets(scene, before).await;
        result.and(counted)
    })
}

async fn raised(scene: &Scene, before: u64) -> Result<()> {
    let more = before.saturating_add(32);
    node::set_huge_pages(more)?;
    let words = ["2Mi", &more.to_string(), &before.to_string()];
    for node in NODES {
        wait_condition(scene, node, CONDITION, "False", &words).await?;
    }
    restart_kubelets(scene, more).await
}

async fn restart_kubelets(scene: &Scene, pages: u64) -> Result<()> {
    for node in NODES {
        node::restart(&format!("{node}/kubelet")).await?;
    }
    let told = format!("{pages} of 2Mi");
    for node in NODES {
        wait_condition(scene, node, CONDITION, "True", &[&told]).await?;
    }
    Ok(())
}

//! Stands in for the exporters of simulated nodes, where nothing runs: gives back volumes whose claim is gone, as with
//! `reclaim: wipe`, and tells how many functions pods have, a moment later than the API server knows it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use vmberth_e2e::cluster::Cluster;
use vmberth_e2e::kind;
use vmberth_e2e::networks::FUNCTION;
use vmberth_e2e::seen::{name, text};

use crate::amounts::requests_by_node;
use crate::fleet::{self, LABEL, inventory_of};
use crate::packing::Room;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(4);

/// All agents of the fleet.
#[derive(Debug)]
pub(crate) struct Agents<'r> {
    rooms: &'r [Room],
    /// Nodes whose agents do and say nothing.
    silent: RefCell<BTreeSet<String>>,
    /// What was told last of each node.
    told: RefCell<BTreeMap<String, u64>>,
}

impl<'r> Agents<'r> {
    pub(crate) fn of(rooms: &'r [Room]) -> Self {
        Self {
            rooms,
            silent: RefCell::default(),
            told: RefCell::default(),
        }
    }

    /// These are silent from now on, and no others.
    pub(crate) fn silence(&self, nodes: impl IntoIterator<Item = String>) {
        self.silent.replace(nodes.into_iter().collect());
    }

    /// Works for ever. An API server that does not answer is asked again.
    pub(crate) async fn work(&self, cluster: &Cluster) -> Infallible {
        loop {
            // What went wrong is done by the next round.
            drop(self.round(cluster).await);
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn round(&self, cluster: &Cluster) -> Result<()> {
        for volume in cluster.list(kind::VOLUME, "", LABEL).await? {
            let node = text(&volume["metadata"]["labels"][LABEL]);
            if volume["status"]["phase"] == "Released" && !self.is_silent(node) {
                let free = json!({"spec": {"claimRef": null}});
                cluster
                    .merge(kind::VOLUME, "", name(&volume), &free)
                    .await?;
            }
        }
        let pods = cluster.list(kind::POD, "", "kubevirt.io").await?;
        let requested = requests_by_node(&pods);
        for room in self.rooms {
            let now = requested.get(&(room.node.clone(), FUNCTION.to_owned()));
            let now = now.copied().unwrap_or(0);
            let known = self.told.borrow().get(&room.node).copied().unwrap_or(0);
            if now != known && !self.is_silent(&room.node) {
                fleet::publish(cluster, &room.node, &inventory_of(room, now)).await?;
                self.told.borrow_mut().insert(room.node.clone(), now);
            }
        }
        Ok(())
    }

    fn is_silent(&self, node: &str) -> bool {
        self.silent.borrow().contains(node)
    }
}

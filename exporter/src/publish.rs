//! The node's `NodeInventory`: made if it is not there, its status applied when it differs from what the API server took
//! last. A node on which nothing changes makes no write, restarts of the agent included.

mod backoff;
mod guests;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use tokio::time::Instant;
use vmberth_decide::inventory::NodeInventoryStatus;
use vmberth_decide::node::cluster::Node;

use crate::inventory::{NoWishes, NodeInventory};
use crate::metrics::{Metrics, Object, Outcome};
use backoff::Backoff;

/// Field manager of everything that the agent writes.
pub const FIELD_MANAGER: &str = "vmberth-exporter";
/// A burst of changes is one write.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);
/// What only guests move, such as free pages while one boots, is written this seldom.
const BETWEEN_NUMBERS: Duration = Duration::from_secs(60);
/// How often the object is read again: somebody may have deleted or edited it.
const READ_AGAIN: Duration = Duration::from_secs(600);
/// Longest time of one request: a round must not wait for an API server that is away.
const DEADLINE: Duration = Duration::from_secs(5);

/// Writes one node's inventory.
#[derive(Debug)]
pub struct Publisher {
    inventories: Api<NodeInventory>,
    node: String,
    metrics: Metrics,
    there: There,
    /// When it was read last, and for which node.
    read: Option<(Instant, String)>,
    written: Option<Instant>,
    backoff: Backoff,
}

/// What became of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The API server has it already.
    Unchanged,
    /// It was written.
    Written,
    /// Not now; again after so long, even if nothing changes.
    Later(Duration),
    /// The API server has it but for numbers that guests move; those follow after so long.
    Near(Duration),
}

/// What the API server has, as far as we know.
#[derive(Debug)]
enum There {
    /// Not read yet.
    Unread,
    /// No object, or one of another node that had the name.
    Nothing,
    /// An object of this node.
    Object(Box<Accepted>),
}

/// The status that the API server took last.
#[derive(Debug, Default)]
struct Accepted {
    /// As it was sent; after a start, as it was found.
    sent: NodeInventoryStatus,
    /// As it was stored: a definition of another version may have cut something.
    stored: NodeInventoryStatus,
}

/// Why the inventory could not be read or written.
#[derive(Debug, thiserror::Error)]
enum PublishError {
    /// The CustomResourceDefinition is missing.
    #[error(
        "the API server does not know nodeinventories.vmberth.io: install the chart's CustomResourceDefinition"
    )]
    Unserved,
    /// The object is gone.
    #[error("the NodeInventory was deleted meanwhile")]
    Gone,
    /// The API server refused or did not understand.
    #[error(transparent)]
    Refused(kube::Error),
    /// It did not answer in time.
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Late,
}

impl Publisher {
    /// For the inventory of this node.
    #[must_use]
    pub fn new(client: Client, node: &str, metrics: Metrics) -> Self {
        Self {
            inventories: Api::all(client),
            node: node.to_owned(),
            metrics,
            there: There::Unread,
            read: None,
            written: None,
            backoff: Backoff::default(),
        }
    }

    /// One round: `status` makes the status from what the API server has, so that times of conditions that did not change
    /// survive. What fails is logged once and tried again later.
    pub async fn round(
        &mut self,
        node: &Node,
        status: impl FnOnce(Option<&NodeInventoryStatus>) -> NodeInventoryStatus,
    ) -> Published {
        let now = Instant::now();
        if let Some(wait) = self.backoff.wait(now) {
            return Published::Later(wait);
        }
        match self.try_round(node, status, now).await {
            Ok(published) => {
                self.backoff.succeeded();
                self.metrics.inventory_served(true);
                published
            }
            Err(error) => {
                if matches!(error, PublishError::Gone) {
                    self.there = There::Nothing;
                }
                let served = !matches!(error, PublishError::Unserved);
                self.metrics.inventory_served(served);
                Published::Later(self.backoff.failed(Instant::now(), &error.to_string()))
            }
        }
    }

    async fn try_round(
        &mut self,
        node: &Node,
        status: impl FnOnce(Option<&NodeInventoryStatus>) -> NodeInventoryStatus,
        now: Instant,
    ) -> Result<Published, PublishError> {
        let read = self.read.as_ref();
        let is_fresh = |(at, uid): &(Instant, String)| {
            *uid == node.uid && now.duration_since(*at) < READ_AGAIN
        };
        if !read.is_some_and(is_fresh) {
            self.read(node).await?;
            self.read = Some((now, node.uid.clone()));
        }
        let (status, is_near) = match &self.there {
            There::Object(accepted) => {
                let status = status(Some(&accepted.sent));
                if status == accepted.sent {
                    return Ok(Published::Unchanged);
                }
                let is_near = guests::only_they_differ(&status, &accepted.sent);
                (status, is_near)
            }
            There::Unread | There::Nothing => (status(None), false),
        };
        let between = if is_near {
            BETWEEN_NUMBERS
        } else {
            BETWEEN_WRITES
        };
        let since = self.written.map(|at| now.duration_since(at));
        if let Some(wait) = since
            .and_then(|since| between.checked_sub(since))
            .filter(|it| !it.is_zero())
        {
            let later = if is_near {
                Published::Near
            } else {
                Published::Later
            };
            return Ok(later(wait));
        }
        self.written = Some(now);
        let written = self.write(node, status).await;
        let outcome = if written.is_ok() {
            Outcome::Ok
        } else {
            Outcome::Failed
        };
        self.metrics.wrote(Object::Inventory, outcome);
        written.map(|()| Published::Written)
    }

    async fn read(&mut self, node: &Node) -> Result<(), PublishError> {
        let found = match in_time(self.inventories.get(&self.node)).await {
            Ok(found) => found,
            Err(PublishError::Gone) => {
                self.there = There::Nothing;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if !is_of(&found, node) {
            // Of a node that had this name: its conditions are none of ours.
            self.there = There::Nothing;
            return Ok(());
        }
        let stored = found.status.unwrap_or_default();
        match &self.there {
            There::Object(accepted) if accepted.stored == stored => {}
            There::Object(_) | There::Unread | There::Nothing => {
                let sent = stored.clone();
                self.there = There::Object(Box::new(Accepted { sent, stored }));
            }
        }
        Ok(())
    }

    async fn write(
        &mut self,
        node: &Node,
        status: NodeInventoryStatus,
    ) -> Result<(), PublishError> {
        let ours = PatchParams::apply(FIELD_MANAGER).force();
        let mut inventory = NodeInventory::new(&self.node, NoWishes {});
        if matches!(self.there, There::Unread | There::Nothing) {
            // Goes with the node, also if that is a new one under the old name.
            inventory.metadata.owner_references = Some(vec![owner(node)]);
            in_time(
                self.inventories
                    .patch(&self.node, &ours, &Patch::Apply(&inventory)),
            )
            .await?;
            self.there = There::Object(Box::default());
            inventory.metadata.owner_references = None;
        }
        inventory.status = Some(status.clone());
        let patch = Patch::Apply(&inventory);
        let stored = in_time(self.inventories.patch_status(&self.node, &ours, &patch)).await?;
        let stored = stored.status.unwrap_or_default();
        self.there = There::Object(Box::new(Accepted {
            sent: status,
            stored,
        }));
        Ok(())
    }
}

async fn in_time<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, PublishError> {
    let answer = tokio::time::timeout(DEADLINE, request).await;
    answer.map_err(|_| PublishError::Late)?.map_err(|error| {
        let kube::Error::Api(status) = &error else {
            return PublishError::Refused(error);
        };
        // Of an object that is missing the API server tells the name; of a kind that is missing it knows nothing.
        let named = status
            .details
            .as_ref()
            .is_some_and(|it| !it.name.is_empty());
        match (status.code, named) {
            (404, true) => PublishError::Gone,
            (404, false) => PublishError::Unserved,
            _ => PublishError::Refused(error),
        }
    })
}

fn is_of(inventory: &NodeInventory, node: &Node) -> bool {
    inventory
        .owner_references()
        .iter()
        .any(|owner| owner.uid == node.uid)
}

fn owner(node: &Node) -> OwnerReference {
    OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: node.name.clone(),
        uid: node.uid.clone(),
        block_owner_deletion: None,
        controller: None,
    }
}

#[cfg(test)]
mod tests;

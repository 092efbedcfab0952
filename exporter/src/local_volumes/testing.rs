//! Actions for tests: only their names differ.

use std::collections::BTreeMap;

use vmberth_decide::node::cluster::ClaimRef;
use vmberth_decide::node::facts::Device;
use vmberth_decide::node::local_volumes::{Action, DirectoryId, Mend, ReclaimOrder};

pub(super) fn reclaim(name: &str) -> Action {
    Action::Reclaim(ReclaimOrder {
        name: name.to_owned(),
        uid: "u".to_owned(),
        claim: ClaimRef::default(),
        path: "/var/vd/vol0".to_owned(),
        directory: DirectoryId {
            device: Device::default(),
            inode: 2,
        },
    })
}

pub(super) fn mend(name: &str) -> Action {
    Action::Mend(Mend {
        name: name.to_owned(),
        uid: "u".to_owned(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    })
}

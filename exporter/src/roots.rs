//! Where a node's files are.

use std::path::{Path, PathBuf};

/// The kubelet's root directory, if nobody moved it.
pub const KUBELET: &str = "/var/lib/kubelet";

/// The node's root directory as this process sees it, and directories on the node that differ from node to node.
#[derive(Debug, Clone)]
pub struct Roots {
    host: PathBuf,
    kubelet: String,
}

impl Roots {
    /// A node below `host`, whose kubelet has this root directory (a path on the node).
    #[must_use]
    pub fn new(host: impl Into<PathBuf>, kubelet: &str) -> Self {
        Self {
            host: host.into(),
            kubelet: kubelet.trim_end_matches('/').to_owned(),
        }
    }

    /// Below it everything is read.
    #[must_use]
    pub fn host(&self) -> &Path {
        &self.host
    }

    /// A path on the node, below the kubelet's root directory.
    #[must_use]
    pub fn kubelet(&self, name: &str) -> String {
        format!("{}/{name}", self.kubelet)
    }

    /// Where this process finds a path of the node.
    #[must_use]
    pub fn below(&self, path: &str) -> PathBuf {
        self.host.join(path.trim_start_matches('/'))
    }
}

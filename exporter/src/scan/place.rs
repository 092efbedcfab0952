//! Whether a directory below the host's root is what the node's own processes find at its path.
//!
//! In its pod the agent sees each directory of volumes through a mount that the runtime made when the pod started, following
//! links on the way. A link then makes paths differ from what mountinfo says of them, so that nobody sees that a pod has a
//! volume mounted; and what is mounted further up later is not seen through the mount.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{AtFlags, StatxFlags, statx};
use vmberth_decide::node::facts::Device;

use super::mounts::{Mount, Mounts, is_within};
use super::read::{Host, TABLE, read_start};

/// Mounts as this thread sees them.
const OWN: &str = "/proc/thread-self/mountinfo";

/// An error says that it is another directory, or that nobody can tell.
pub(super) fn check(host: &Host, directory: &OwnedFd, path: &str, node: &Mounts) -> io::Result<()> {
    let stat = statx(directory, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
    if stat.stx_mask & StatxFlags::MNT_ID.bits() == 0 {
        // A kernel before 5.8 does not tell.
        return Ok(());
    }
    let found = Found {
        mount: stat.stx_mnt_id,
        root: seen_at(host.root())?,
        directory: seen_at(directory)?,
    };
    let own = read_start(File::open(OWN)?, TABLE)?;
    let own = Mounts::of(&String::from_utf8_lossy(&own));
    if found.is_elsewhere(&own, node, path) {
        return Err(io::Error::other(
            "the agent sees another directory there than the node has: a symbolic link is on the way, or something was \
             mounted or unmounted there since it started; name the directory by its real path, or restart the agent's pod",
        ));
    }
    Ok(())
}

/// Path of something open, as this process sees it.
fn seen_at(open: &OwnedFd) -> io::Result<String> {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", open.as_raw_fd()))?;
    Ok(link.to_string_lossy().into_owned())
}

/// Where this process has a directory of the node.
struct Found {
    mount: u64,
    root: String,
    directory: String,
}

impl Found {
    /// Compares places within file systems, by which both sides mean the same. Where the root is one mount, links show
    /// themselves; a mount below it that the node does not know either is not judged.
    fn is_elsewhere(&self, own: &Mounts, node: &Mounts, path: &str) -> bool {
        let Some(mount) = own.by_id(self.mount) else {
            return false;
        };
        let is_below = mount.point != self.root && is_within(&mount.point, &self.root);
        let one_tree = self.root == "/" || !is_below;
        !one_tree
            && node
                .deepest(path)
                .is_some_and(|deepest| place(mount, &self.directory) != place(deepest, path))
    }
}

/// Device, and path within its file system.
fn place(mount: &Mount, path: &str) -> (Device, String) {
    (mount.device, mount.within(path))
}

#[cfg(test)]
mod tests;

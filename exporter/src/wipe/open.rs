//! Opens a directory component by component, without following a link, and tells which one it is.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags, openat, statx};
use rustix::io::Errno;
use vmberth_decide::node::facts::Device;

use super::WipeError;

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Which directory it is, and how it is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    pub(super) device: Device,
    pub(super) inode: u64,
    /// The mount through which it is seen: a bind mount of the same file system has another one. 0 before Linux 5.8.
    pub(super) mount: u64,
    pub(super) owner: u32,
    pub(super) group: u32,
    pub(super) mode: Mode,
    /// It is the root of a file system of its own, which may have a `lost+found`.
    pub(super) own_file_system: bool,
}

impl Identity {
    /// Both are on the same file system and seen through the same mount.
    pub(super) fn beside(&self, other: &Self) -> bool {
        self.device == other.device && self.mount == other.mount
    }
}

/// Opens `path` below `root`. The root itself is the caller's word and may be a link.
pub(super) fn directory(root: &Path, path: &str) -> Result<(OwnedFd, Identity), WipeError> {
    let failed = |source| WipeError::Open {
        path: path.to_owned(),
        source,
    };
    let flags = DIRECTORY.difference(OFlags::NOFOLLOW);
    let mut here = openat(CWD, root, flags, Mode::empty()).map_err(failed)?;
    let mut parent = identity(&here).map_err(failed)?;
    let mut found = parent;
    let mut names = 0_usize;
    for name in plain_names(path)? {
        here = openat(&here, name, DIRECTORY, Mode::empty()).map_err(failed)?;
        parent = found;
        found = identity(&here).map_err(failed)?;
        names = names.saturating_add(1);
    }
    if names == 0 {
        return Err(WipeError::Path(path.to_owned()));
    }
    found.own_file_system = found.device != parent.device;
    Ok((here, found))
}

fn plain_names(path: &str) -> Result<impl Iterator<Item = &str>, WipeError> {
    let doubtful = |name: &str| matches!(name, "." | "..");
    let Some(below) = path.strip_prefix('/') else {
        return Err(WipeError::Path(path.to_owned()));
    };
    if below.split('/').any(doubtful) || path.contains('\0') {
        return Err(WipeError::Path(path.to_owned()));
    }
    Ok(below.split('/').filter(|name| !name.is_empty()))
}

/// Opens a directory inside of another one, never through a link.
pub(super) fn below(parent: impl AsFd, name: &CStr) -> Result<(OwnedFd, Identity), Errno> {
    let directory = openat(parent, name, DIRECTORY, Mode::empty())?;
    let found = identity(&directory)?;
    Ok((directory, found))
}

fn identity(directory: &OwnedFd) -> Result<Identity, Errno> {
    let wanted = StatxFlags::BASIC_STATS.union(StatxFlags::MNT_ID);
    let stat = statx(directory, c"", AtFlags::EMPTY_PATH, wanted)?;
    let knows_mount = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::MNT_ID);
    Ok(Identity {
        device: Device {
            major: stat.stx_dev_major,
            minor: stat.stx_dev_minor,
        },
        inode: stat.stx_ino,
        mount: if knows_mount { stat.stx_mnt_id } else { 0 },
        owner: stat.stx_uid,
        group: stat.stx_gid,
        mode: Mode::from_bits_truncate(u32::from(stat.stx_mode) & 0o7777),
        own_file_system: false,
    })
}

//! Whether somebody still uses something that lies in a volume, at any depth.
//!
//! A lease would tell for certain, but no crate offers leases without `unsafe`. Three other looks are taken instead:
//!
//! 1. locks: QEMU and qemu-img lock every image they use (bytes 100 and up), so a lock on the whole file is refused while
//!    one runs, in whatever namespace;
//! 2. what the [`processes`] of the node have open. Where one does not show it, nothing is removed: on a node that lets us
//!    look, none hides anything;
//! 3. what [`loops`] stand on.
//!
//! Who escapes all of them (a file that is mapped and closed, one that was handed to the kernel and closed) keeps its
//! nameless file until it lets go of it; the next tenant gets a new one all the same.
//!
//! Guests decide how many files there are and how many are open, so neither is remembered as a whole: open files are
//! collected up to a bound, and the tree streams by.

use std::collections::BTreeMap;
use std::path::Path;

use rustix::fs::{FileType, FlockOperation, Mode, OFlags, fcntl_lock, flock, major, minor, openat};
use rustix::io::Errno;
use vmberth_decide::node::facts::Device;

use super::WipeError;
use super::tree::{Entry, Tree};
use super::{loops, processes};

/// Open files that are compared with one walk through the tree: a few MiB, and more than an ordinary node has open on one
/// file system.
const MOST_OPEN: usize = 65_536;

/// Refuses if something is locked or open, or if that can't be told. Processes are seen in `proc`, the sysfs of the same
/// node beside it.
pub(super) fn refuse(tree: &Tree<'_>, proc: &Path) -> Result<(), WipeError> {
    if tree.left()?.is_none() {
        return Ok(());
    }
    loops::refuse(&proc.with_file_name("sys"), tree.path)?;
    let mut open = Open::new(tree, MOST_OPEN);
    let unseen = processes::each_open(proc, tree.identity.device, &mut |inode, process| {
        open.add(inode, process)
    })?;
    tree.each(&mut |entry| {
        open.refuse(entry)?;
        refuse_locked(tree, entry)
    })?;
    let Some((process, source)) = unseen.first else {
        return Ok(());
    };
    // Not part of the error: it would be another one each time.
    tracing::warn!(
        volume = tree.path,
        unseen = unseen.number,
        "processes do not show which files they have open"
    );
    Err(WipeError::Unseen {
        path: tree.path.to_owned(),
        process,
        source,
    })
}

/// Files that are open on the tree's file system, in it or not: processes by inode, as many as may be remembered.
#[derive(Debug)]
struct Open<'a> {
    tree: &'a Tree<'a>,
    holders: BTreeMap<u64, u32>,
    most: usize,
}

impl<'a> Open<'a> {
    fn new(tree: &'a Tree<'a>, most: usize) -> Self {
        Self {
            tree,
            holders: BTreeMap::new(),
            most,
        }
    }

    /// Makes room, where there is none, by looking whether the ones before are in the tree.
    fn add(&mut self, inode: u64, process: u32) -> Result<(), WipeError> {
        if self.holders.len() >= self.most {
            self.tree.each(&mut |entry| self.refuse(entry))?;
            self.holders.clear();
        }
        self.holders.insert(inode, process);
        Ok(())
    }

    fn refuse(&self, entry: &Entry<'_>) -> Result<(), WipeError> {
        let device = Device {
            major: major(entry.stat.st_dev),
            minor: minor(entry.stat.st_dev),
        };
        if device != self.tree.identity.device {
            return Err(WipeError::Mounted(self.tree.at(entry.name)));
        }
        match self.holders.get(&entry.stat.st_ino) {
            None => Ok(()),
            Some(process) => Err(held(self.tree, entry, format!("process {process}"))),
        }
    }
}

/// Opens one file at a time, and has closed it before the next.
fn refuse_locked(tree: &Tree<'_>, entry: &Entry<'_>) -> Result<(), WipeError> {
    if entry.kind() != FileType::RegularFile {
        return Ok(());
    }
    let unclear = |source: Errno| WipeError::Holders {
        path: tree.at(entry.name),
        source: source.into(),
    };
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(entry.directory, entry.name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(()),
        Err(Errno::TXTBSY) => return Err(held(tree, entry, "a process that executes it")),
        Err(Errno::AGAIN) => return Err(held(tree, entry, "a process that has a lease on it")),
        Err(source) => return Err(unclear(source)),
    };
    let exclusive = FlockOperation::NonBlockingLockExclusive;
    match fcntl_lock(&file, exclusive).and_then(|()| flock(&file, exclusive)) {
        Ok(()) => Ok(()),
        Err(Errno::AGAIN | Errno::ACCESS) => {
            let holder = "a process that has locked it, such as QEMU";
            Err(held(tree, entry, holder))
        }
        Err(source) => Err(unclear(source)),
    }
}

fn held(tree: &Tree<'_>, entry: &Entry<'_>, holder: impl Into<String>) -> WipeError {
    WipeError::Held {
        path: tree.at(entry.name),
        holder: holder.into(),
    }
}

#[cfg(test)]
mod tests;

//! Empties the directory of a volume that nobody owns any longer (facts: domain 5, "Safe reclaim").
//!
//! In this order: [`open`] the directory without following a link and see that it is the one of the order; lock it, so that
//! a second agent of the node waits; see that none of its [`holders`] is left; [`empty`] it; verify; restore its mode. A stop at any point leaves less in the directory and nothing else: the next run goes on from there.

mod empty;
mod holders;
mod loops;
mod open;
mod processes;
mod tree;

use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FlockOperation, Gid, Mode, fchmod, fchown, flock, fsync};
use rustix::io::Errno;
use vmberth_decide::node::local_volumes::DirectoryId;

use open::Identity;
use tree::Tree;

/// Mode of a volume's directory as CEEK makes it; the kubelet adds group and setgid bits at mount (facts: domain 5).
const MODE: Mode = Mode::from_bits_retain(0o755);

/// A point after which the process may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nobody holds a file of the directory.
    Checked,
    /// A directory of it is read, for the first time or once more.
    Reading,
    /// So many entries are removed by now.
    Removed(u64),
    /// Nothing is left; read anew.
    Verified,
    /// Mode and group are as they were made, as far as that is permitted.
    Restored,
    /// The disk has it.
    Synced,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wiped {
    /// Entries removed, at any depth.
    pub removed: u64,
    /// Why mode or group could not be restored; harmless, since the kubelet sets them at every mount.
    pub not_restored: Option<Errno>,
}

/// Why a directory was not emptied. Nothing outside of it is ever touched.
#[derive(Debug, thiserror::Error)]
pub enum WipeError {
    /// The order's path can't be walked without doubt.
    #[error("{0} is not an absolute path of plain names; nothing is removed")]
    Path(String),
    /// It can't be opened, or something on the way is a link.
    #[error("{path}: {source}; links are not followed, nothing is removed")]
    Open {
        /// What was opened.
        path: String,
        /// What the system says.
        source: Errno,
    },
    /// Another directory is at the path by now.
    #[error(
        "{path} is inode {found} of device {found_on}, not {wanted} of {wanted_on} as it was seen; nothing is removed"
    )]
    Changed {
        /// The directory.
        path: String,
        /// What is there.
        found: u64,
        /// Its file system.
        found_on: String,
        /// What the order says.
        wanted: u64,
        /// Its file system.
        wanted_on: String,
    },
    /// A second agent works on it.
    #[error("{0} is locked by another agent of this node; left to that one")]
    Locked(String),
    /// A file of it is open or locked.
    #[error("{path} is held by {holder}; it is removed after that one ends")]
    Held {
        /// The file.
        path: String,
        /// Who holds it.
        holder: String,
    },
    /// It can't be told who holds files of it.
    #[error("can't tell who holds {path}: {source}; nothing is removed")]
    Holders {
        /// What was read.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A process does not show what it has open.
    #[error(
        "can't tell who holds {path}: process {process} does not show its open files ({source}); nothing is removed. \
         The agent needs capability SYS_PTRACE and appArmorProfile Unconfined, which the chart gives with \
         exporter.allowWipe=true; where SELinux is enforcing, set exporter.seLinuxOptions.type=spc_t"
    )]
    Unseen {
        /// The volume.
        path: String,
        /// One of those that do not.
        process: u32,
        /// What the system says.
        source: Errno,
    },
    /// Another file system is mounted in it.
    #[error("{0} is another file system, mounted inside of the volume; unmount it")]
    Mounted(String),
    /// An entry resists.
    #[error("{path}: {source}")]
    Entry {
        /// The entry.
        path: String,
        /// What the system says.
        source: Errno,
    },
    /// Directories move while they are emptied.
    #[error("{0} is being changed while it is emptied; tried again later")]
    Moving(String),
    /// No tree of files is that deep by accident.
    #[error("{path} is more than {most} directories deep; remove it by hand")]
    TooDeep {
        /// The volume.
        path: String,
        /// How many are followed.
        most: usize,
    },
    /// The agent ends.
    #[error("stopped; the next run goes on")]
    Stopped,
}

/// Whether there is something to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remains {
    /// Nothing; `lost+found` of a file system of its own does not count.
    Nothing,
    /// Something.
    Something,
}

/// A volume's directory, open and locked: as long as this lives, no other agent works on it.
#[derive(Debug)]
pub struct Held {
    directory: OwnedFd,
    identity: Identity,
    path: String,
}

impl Held {
    /// Opens the directory `path` below `root`, sees that it is the one that is meant, and locks it. Works on a read-only
    /// mount too: the lock is the same.
    ///
    /// # Errors
    /// If it can't be reached without a link, is another one by now, or is locked.
    pub fn take(root: &Path, path: &str, wanted: DirectoryId) -> Result<Self, WipeError> {
        let path = path.to_owned();
        let (directory, identity) = open::directory(root, &path)?;
        same(&path, wanted, identity)?;
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self {
                directory,
                identity,
                path,
            }),
            Err(Errno::AGAIN) => Err(WipeError::Locked(path)),
            Err(source) => Err(WipeError::Open { path, source }),
        }
    }

    /// Whether there is something to remove.
    ///
    /// # Errors
    /// If the directory can't be read.
    pub fn remains(&self) -> Result<Remains, WipeError> {
        let left = self.tree().left()?;
        Ok(left.map_or(Remains::Nothing, |_| Remains::Something))
    }

    /// Refuses if somebody holds something in it. `proc` is where the host's processes are seen, with its sysfs beside it
    /// (`sys`).
    ///
    /// # Errors
    /// If something is held, or that can't be told.
    pub fn refuse_held(&self, proc: &Path) -> Result<(), WipeError> {
        holders::refuse(&self.tree(), proc)
    }

    /// Removes everything in it. `proc` is as for [`Held::refuse_held`]; `hook` is told of every step and may stop.
    ///
    /// # Errors
    /// If something holds a file, is mounted inside or can't be removed. What is removed by then stays removed.
    pub fn wipe(
        &self,
        proc: &Path,
        hook: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Wiped, WipeError> {
        self.refuse_held(proc)?;
        tell(hook, Step::Checked)?;
        let tree = self.tree();
        let removed = tree.empty(&mut |step| tell(hook, step))?;
        if let Some(name) = tree.left()? {
            return Err(WipeError::Moving(format!("{}/{name}", self.path)));
        }
        tell(hook, Step::Verified)?;
        let not_restored = self.restore().err();
        tell(hook, Step::Restored)?;
        fsync(&self.directory).map_err(|source| WipeError::Entry {
            path: self.path.clone(),
            source,
        })?;
        tell(hook, Step::Synced)?;
        Ok(Wiped {
            removed,
            not_restored,
        })
    }

    fn tree(&self) -> Tree<'_> {
        Tree {
            top: &self.directory,
            identity: self.identity,
            path: &self.path,
        }
    }

    /// The kubelet gave the directory to the last pod's group; the next one's must be the only one in it. Both are tried.
    fn restore(&self) -> Result<(), Errno> {
        let mut group = Ok(());
        if self.identity.group != self.identity.owner {
            let owner = Gid::from_raw(self.identity.owner);
            group = fchown(&self.directory, None, Some(owner));
        }
        if self.identity.mode != MODE {
            fchmod(&self.directory, MODE)?;
        }
        group
    }
}

fn same(path: &str, wanted: DirectoryId, found: Identity) -> Result<(), WipeError> {
    if found.device == wanted.device && found.inode == wanted.inode {
        return Ok(());
    }
    Err(WipeError::Changed {
        path: path.to_owned(),
        found: found.inode,
        found_on: found.device.to_string(),
        wanted: wanted.inode,
        wanted_on: wanted.device.to_string(),
    })
}

fn tell(hook: &mut dyn FnMut(Step) -> ControlFlow<()>, step: Step) -> Result<(), WipeError> {
    match hook(step) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(WipeError::Stopped),
    }
}

//! Which files of one file system the processes of the node have open.
//!
//! Only who may trace a process is shown them: all with `CAP_SYS_PTRACE`, unless AppArmor or SELinux has another opinion.
//! Without, a table can often be listed all the same and only its entries can't be followed, which must not look like a
//! process that has nothing open. Kernel threads and zombies list nothing and hide nothing.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, Statx, StatxFlags, openat, statx};
use rustix::io::Errno;
use vmberth_decide::node::facts::Device;

use super::WipeError;

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);
/// The first process of every node. Where it is missing from the list, `hidepid` leaves out others, too.
const FIRST: u32 = 1;

/// Processes that do not show which files they have open.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    pub(super) number: u64,
    /// One of them, and what the system says.
    pub(super) first: Option<(u32, Errno)>,
}

impl Unseen {
    fn add(&mut self, process: u32, source: Errno) {
        self.number = self.number.saturating_add(1);
        self.first.get_or_insert((process, source));
    }
}

/// Tells inode and process of every file that is open on the device; an error of `each` ends it.
pub(super) fn each_open(
    proc: &Path,
    device: Device,
    each: &mut dyn FnMut(u64, u32) -> Result<(), WipeError>,
) -> Result<Unseen, WipeError> {
    let unclear = |source: Errno| WipeError::Holders {
        path: proc.display().to_string(),
        source: source.into(),
    };
    let directory = openat(CWD, proc, DIRECTORY, Mode::empty()).map_err(unclear)?;
    let mut unseen = Unseen::default();
    let mut has_first = false;
    for entry in Dir::read_from(&directory).map_err(unclear)? {
        let entry = entry.map_err(unclear)?;
        let number = entry.file_name().to_str().ok();
        let Some(process) = number.and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        has_first |= process == FIRST;
        match Table::open(&directory, process, device) {
            Ok(table) => {
                if let Err(source) = table.each(&mut |inode| each(inode, process))? {
                    unseen.add(process, source);
                }
            }
            Err(source) if is_gone(source) => {}
            Err(source) => unseen.add(process, source),
        }
    }
    if !has_first {
        unseen.add(FIRST, Errno::NOENT);
    }
    Ok(unseen)
}

/// What one process has open.
#[derive(Debug)]
struct Table {
    descriptors: OwnedFd,
    device: Device,
}

impl Table {
    fn open(proc: &OwnedFd, process: u32, device: Device) -> Result<Self, Errno> {
        let descriptors = openat(proc, format!("{process}/fd"), DIRECTORY, Mode::empty())?;
        Ok(Self {
            descriptors,
            device,
        })
    }

    /// Tells what is shown, all of it, and then the error if something is not.
    fn each(
        &self,
        each: &mut dyn FnMut(u64) -> Result<(), WipeError>,
    ) -> Result<Result<(), Errno>, WipeError> {
        let entries = match Dir::read_from(&self.descriptors) {
            Ok(entries) => entries,
            Err(source) if is_gone(source) => return Ok(Ok(())),
            Err(source) => return Ok(Err(source)),
        };
        let mut shown = Ok(());
        for entry in entries {
            let found = entry.and_then(|entry| self.inode(entry.file_name()));
            match found {
                Ok(Some(inode)) => each(inode)?,
                Ok(None) => {}
                Err(source) if is_gone(source) => {}
                Err(source) => shown = Err(source),
            }
        }
        Ok(shown)
    }

    /// The inode if it is on the device. Asked for nothing, every file system tells the device: one whose server is dead
    /// does not wait for it, and one of another user (FUSE) does not refuse.
    fn inode(&self, descriptor: &CStr) -> Result<Option<u64>, Errno> {
        let ask = |wanted| {
            let cached = AtFlags::STATX_DONT_SYNC;
            statx(&self.descriptors, descriptor, cached, wanted)
        };
        if !self.has(&ask(StatxFlags::empty())?) {
            return Ok(None);
        }
        let found = ask(StatxFlags::INO)?;
        Ok(self.has(&found).then_some(found.stx_ino))
    }

    fn has(&self, found: &Statx) -> bool {
        let device = Device {
            major: found.stx_dev_major,
            minor: found.stx_dev_minor,
        };
        device == self.device
    }
}

/// The process ended or closed the file while we looked.
fn is_gone(source: Errno) -> bool {
    matches!(source, Errno::NOENT | Errno::SRCH)
}

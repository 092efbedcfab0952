//! Whether somebody still uses a file that lies directly in a volume.
//!
//! A lease would tell for certain, but no crate offers leases without `unsafe`. Two other looks are taken instead:
//!
//! 1. locks: QEMU and qemu-img lock every image they use (bytes 100 and up), so a lock on the whole file is refused while
//!    one runs, in whatever namespace;
//! 2. open files of the processes whose table we may read: all of them with `CAP_SYS_PTRACE`, otherwise few. What can't be
//!    seen is counted, and is not a refusal: the pods of the claim are gone and nothing is mounted by then, so it could
//!    only be a program that somebody started on the host.
//!
//! Whoever escapes both keeps its nameless file until it closes it; the next tenant gets a new one all the same.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, fcntl_lock, flock, openat, statat,
};
use rustix::io::Errno;

use super::WipeError;
use super::open::Identity;

/// What the kernel writes behind the name of an open file that has none any longer.
const DELETED: &[u8] = b" (deleted)";

/// Regular files of a volume: names by inode.
type Files = BTreeMap<u64, Vec<u8>>;

/// Refuses if a file is locked or open; returns how many processes could not be looked at.
pub(super) fn refuse(
    directory: &OwnedFd,
    identity: Identity,
    path: &str,
    proc: &Path,
) -> Result<u64, WipeError> {
    let files = files(directory, path)?;
    if files.is_empty() {
        return Ok(0);
    }
    refuse_open(&files, identity, path, proc)
}

/// Regular files of the directory, each without a lock.
fn files(directory: &OwnedFd, path: &str) -> Result<Files, WipeError> {
    let unclear = |source: Errno| WipeError::Holders {
        path: path.to_owned(),
        source: source.into(),
    };
    let mut files = Files::new();
    for entry in Dir::read_from(directory).map_err(unclear)? {
        let entry = entry.map_err(unclear)?;
        let name = entry.file_name();
        let stat = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(source) => return Err(unclear(source)),
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            continue;
        }
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(directory, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => continue,
            Err(source) => return Err(unclear(source)),
        };
        let exclusive = FlockOperation::NonBlockingLockExclusive;
        match fcntl_lock(&file, exclusive).and_then(|()| flock(&file, exclusive)) {
            Ok(()) => files.insert(stat.st_ino, name.to_bytes().to_owned()),
            Err(Errno::AGAIN | Errno::ACCESS) => {
                return Err(WipeError::Held {
                    path: format!("{path}/{}", name.to_string_lossy()),
                    holder: "a process that has locked it, such as QEMU".to_owned(),
                });
            }
            Err(source) => return Err(unclear(source)),
        };
    }
    Ok(files)
}

fn refuse_open(
    files: &Files,
    identity: Identity,
    path: &str,
    proc: &Path,
) -> Result<u64, WipeError> {
    let unclear = |source| WipeError::Holders {
        path: proc.display().to_string(),
        source,
    };
    let mut unseen = 0_u64;
    for process in fs::read_dir(proc).map_err(unclear)? {
        let process = process.map_err(unclear)?;
        let number = process.file_name();
        if !number.as_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        match held_by(&process.path(), files, identity) {
            Ok(Some(name)) => {
                return Err(WipeError::Held {
                    path: format!("{path}/{}", String::from_utf8_lossy(name)),
                    holder: format!("process {}", number.to_string_lossy()),
                });
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                unseen = unseen.saturating_add(1);
            }
            // An error is one that ended while we looked.
            Ok(None) | Err(_) => {}
        }
    }
    Ok(unseen)
}

/// Name of the file that the process has open.
fn held_by<'a>(
    process: &Path,
    files: &'a Files,
    identity: Identity,
) -> std::io::Result<Option<&'a [u8]>> {
    for descriptor in fs::read_dir(process.join("fd"))? {
        let link = descriptor?.path();
        // The link is read first: to ask the file itself may hang if it is on a dead server.
        let Ok(target) = fs::read_link(&link) else {
            continue;
        };
        let bytes = target.as_os_str().as_bytes();
        let bytes = bytes.strip_suffix(DELETED).unwrap_or(bytes);
        let last = bytes.rsplit(|byte| *byte == b'/').next();
        if !files.values().any(|name| Some(name.as_slice()) == last) {
            continue;
        }
        let Ok(found) = fs::metadata(&link) else {
            continue;
        };
        let device = (
            rustix::fs::major(found.dev()),
            rustix::fs::minor(found.dev()),
        );
        if device != (identity.device.major, identity.device.minor) {
            continue;
        }
        if let Some(name) = files.get(&found.ino()) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

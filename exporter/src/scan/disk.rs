//! A volume's `disk.img`.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, OFlags, ResolveFlags, Stat, fstat, statat};
use vmberth_decide::names::DISK_FILE;
use vmberth_decide::node::facts::{DiskFacts, DiskFormat};

use super::read::{if_there, open_beneath, read_start};

/// How qcow and qcow2 begin (QEMU, docs/interop/qcow2.rst).
const MAGIC: [u8; 4] = *b"QFI\xfb";
/// Unit of `st_blocks`, whatever the file system's blocks are (stat(3type)).
const BLOCK: u64 = 512;

/// Reads the disk; `None` if there is none, or something else has its name: a link or a pipe is a foreign file, and not
/// even opened.
pub(super) fn read(directory: &OwnedFd) -> io::Result<Option<DiskFacts>> {
    let stat = statat(directory, DISK_FILE, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from);
    let Some(stat) = if_there(stat)?.filter(is_file) else {
        return Ok(None);
    };
    // Who may not read it (mode 0660 of qemu's group), or comes while a lease is held, still knows its size.
    let format = match start(directory) {
        Ok(start) if start == MAGIC => DiskFormat::Qcow2,
        Ok(_) => DiskFormat::Raw,
        Err(_) => DiskFormat::Unknown,
    };
    Ok(Some(DiskFacts {
        format,
        // KubeVirt boots it as raw, so that every byte in it is the guest's to write: a size in a header is the guest's
        // word, and could be any.
        virtual_bytes: u64::try_from(stat.st_size).unwrap_or_default(),
        allocated_bytes: u64::try_from(stat.st_blocks)
            .unwrap_or_default()
            .saturating_mul(BLOCK),
        modified: stat.st_mtime,
    }))
}

fn is_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// The first bytes. Something else may have taken the name in the meantime: it neither blocks nor is it read.
fn start(directory: &OwnedFd) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let file = open_beneath(directory, DISK_FILE, flags, resolve)?;
    if !is_file(&fstat(&file)?) {
        return Err(io::Error::other("is not a file"));
    }
    read_start(&file, MAGIC.len())
}

//! Directories that may back local volumes.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{
    AtFlags, FileType, OFlags, ResolveFlags, Stat, StatxFlags, fgetxattr, fstat, statat, statx,
};
use rustix::io::Errno;
use vmberth_decide::names::DISK_FILE;
use vmberth_decide::node::config::{Config, VolumePattern};
use vmberth_decide::node::facts::{Area, Content, Device, DirectoryFacts, Foreign, VolumeFacts};

use super::disk;
use super::mounts::Mounts;
use super::place;
use super::read::{Host, entries, if_there, open_beneath};

/// Made by mkfs in a file system of its own.
const LOST_FOUND: &str = "lost+found";
/// Where file systems keep the label of SELinux.
const SELINUX: &str = "security.selinux";
/// In one second.
const NANOSECONDS: i128 = 1_000_000_000;
/// Longest such label that is read; they have some 40 bytes.
const LABEL: usize = 256;

/// Reads the volumes that are there: by the config's order of patterns, then by number.
pub(super) fn read(host: &Host, config: &Config, mounts: &Mounts) -> Vec<VolumeFacts> {
    let mut volumes = Vec::new();
    for pattern in &config.volumes {
        let directory = if_there(host.plain_directory(&pattern.directory));
        match directory.and_then(|found| the_nodes(host, found, pattern, mounts)) {
            Ok(Some(parent)) => volumes.extend(of_pattern(&parent, pattern, mounts)),
            Ok(None) => {}
            // A link on the way would make the volumes' paths differ from what mountinfo says of them.
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => host.note(
                Area::Volumes,
                &pattern.directory,
                &"a symbolic link is on the way: name the directory by its real path",
            ),
            Err(error) => host.note(Area::Volumes, &pattern.directory, &error),
        }
    }
    volumes
}

/// The directory, if it is the same that the node has there.
fn the_nodes(
    host: &Host,
    found: Option<OwnedFd>,
    pattern: &VolumePattern,
    mounts: &Mounts,
) -> io::Result<Option<OwnedFd>> {
    if let Some(directory) = &found {
        place::check(host, directory, &pattern.directory, mounts)?;
    }
    Ok(found)
}

/// The volumes of one pattern.
fn of_pattern<'a>(
    parent: &'a OwnedFd,
    pattern: &'a VolumePattern,
    mounts: &'a Mounts,
) -> impl Iterator<Item = VolumeFacts> + 'a {
    (0..=pattern.max).filter_map(move |number| {
        let name = format!("{}{number}", pattern.prefix);
        let path = format!("{}{name}", pattern.directory);
        let content = content(parent, &name, &path, mounts).transpose()?;
        Some(VolumeFacts {
            name,
            path,
            content: content.unwrap_or_else(|error| Content::Unreadable {
                reason: error.to_string(),
            }),
        })
    })
}

/// What is at a volume's path, if anything is.
fn content(
    parent: &OwnedFd,
    name: &str,
    path: &str,
    mounts: &Mounts,
) -> io::Result<Option<Content>> {
    let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from);
    let Some(stat) = if_there(stat)? else {
        return Ok(None);
    };
    let kind = FileType::from_raw_mode(stat.st_mode);
    Ok(Some(if kind == FileType::Directory {
        Content::Directory(directory(parent, name, path, mounts)?)
    } else {
        Content::NotADirectory { kind: word(kind) }
    }))
}

/// A kind of file in words.
fn word(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::RegularFile => "a file",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "of unknown kind",
    }
}

/// Everything about a directory.
fn directory(
    parent: &OwnedFd,
    name: &str,
    path: &str,
    mounts: &Mounts,
) -> io::Result<DirectoryFacts> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let directory = open_beneath(parent, name, flags, resolve)?;
    let stat = fstat(&directory)?;
    let device = device(&stat);
    let own = mounts
        .reaching(path, device)
        .is_some_and(|mount| mount.point == path);
    let disk = disk::read(&directory)?;
    Ok(DirectoryFacts {
        device: mounts.file_system(path, device),
        stat_device: device,
        inode: stat.st_ino,
        born: born(&directory),
        uid: stat.st_uid,
        gid: stat.st_gid,
        mode: stat.st_mode & 0o7777,
        selinux: selinux(&directory),
        mounted_by: mounts.pods_with(path, device),
        also_at: mounts.other_paths(path, device),
        foreign: foreign(&directory, |name| {
            name == DISK_FILE && disk.is_some()
                || name == LOST_FOUND && own && is_empty_directory(&directory, name)
        })?,
        disk,
    })
}

/// When it was made, in nanoseconds since 1970; some file systems don't note it, and no time is no reason to pass over it.
fn born(directory: &OwnedFd) -> Option<i128> {
    let stat = statx(directory, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME).ok()?;
    let known = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
    let time = stat.stx_btime;
    let seconds = i128::from(time.tv_sec);
    known.then(|| seconds * NANOSECONDS + i128::from(time.tv_nsec))
}

/// Device of a file.
pub(super) fn device(stat: &Stat) -> Device {
    Device {
        major: rustix::fs::major(stat.st_dev),
        minor: rustix::fs::minor(stat.st_dev),
    }
}

/// Label of SELinux, if the file system carries one and it can be read.
fn selinux(directory: &OwnedFd) -> Option<String> {
    let mut label = [0; LABEL];
    let length = fgetxattr(directory, SELINUX, &mut label).ok()?;
    let label = String::from_utf8_lossy(label.get(..length)?);
    Some(label.trim_end_matches('\0').to_owned()).filter(|label| !label.is_empty())
}

/// Everything in a directory but what is `known`. One entry more than is counted is read for each of the two that may be.
fn foreign(directory: &OwnedFd, known: impl Fn(&str) -> bool) -> io::Result<Foreign> {
    let own = open_again(directory, ".")?;
    let most = usize::try_from(Foreign::MOST).unwrap_or(usize::MAX);
    let (mut names, _) = entries(own, most.saturating_add(2))?;
    names.retain(|name| !known(name));
    names.truncate(most);
    names.sort();
    Ok(Foreign {
        count: u64::try_from(names.len()).unwrap_or(u64::MAX),
        names: names.into_iter().take(Foreign::NAMED).collect(),
    })
}

/// Whether a directory in another has nothing in it; one that can't be read has.
fn is_empty_directory(directory: &OwnedFd, name: &str) -> bool {
    open_again(directory, name)
        .and_then(|inner| entries(inner, 1))
        .is_ok_and(|(names, _)| names.is_empty())
}

/// A directory on its own, so that listing it moves no other's place.
fn open_again(directory: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    open_beneath(directory, name, flags, ResolveFlags::NO_SYMLINKS)
}

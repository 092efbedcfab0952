//! Removes a tree without recursion: a handful of directories is open at a time, however deep it is.
//!
//! The way up is `..`, which is only believed if it is the very directory that was left; so a tree that is moved away
//! meanwhile leads nowhere else.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, unlinkat};
use rustix::io::Errno;

use super::WipeError;
use super::open::{self, Identity};

/// Made by mkfs in the root of a file system; fsck wants it back.
const LOST_AND_FOUND: &CStr = c"lost+found";
/// A name of each, of 255 bytes at most, is kept, so that this bounds our memory to about 20 MiB.
const MOST_LEVELS: usize = 65_536;

/// A directory to be emptied.
#[derive(Debug)]
pub(super) struct Emptying<'a> {
    pub(super) top: &'a OwnedFd,
    pub(super) identity: Identity,
    pub(super) path: &'a str,
}

/// A directory on the way down.
#[derive(Debug)]
struct Level {
    /// The directory that was left.
    identity: Identity,
    /// What was entered from there.
    name: CString,
}

impl Emptying<'_> {
    /// Removes everything; `removed` is told the number after each entry. Returns the number.
    pub(super) fn run(
        &self,
        removed: &mut dyn FnMut(u64) -> Result<(), WipeError>,
    ) -> Result<u64, WipeError> {
        let mut count = 0_u64;
        let mut one_more = || {
            count = count.saturating_add(1);
            removed(count)
        };
        let (mut here, mut identity) =
            open::below(self.top, c".").map_err(|source| self.failed(c".", source))?;
        let mut above: Vec<Level> = Vec::new();
        let mut keeps = self.identity.own_file_system;
        loop {
            let kept = (above.is_empty() && self.identity.own_file_system).then_some(keeps);
            if let Some(name) = self.sweep(&here, kept, &mut one_more)? {
                if above.len() >= MOST_LEVELS {
                    return Err(self.too_deep());
                }
                let (next, found) =
                    open::below(&here, &name).map_err(|source| self.failed(&name, source))?;
                if !found.beside(&self.identity) {
                    return Err(WipeError::Mounted(self.at(&name)));
                }
                if kept.is_some() && name.as_c_str() == LOST_AND_FOUND {
                    keeps = false;
                }
                above.push(Level { identity, name });
                (here, identity) = (next, found);
                continue;
            }
            let Some(level) = above.pop() else { break };
            (here, identity) = self.leave(&here, &level)?;
            let kept = above.is_empty() && self.is_kept(&level.name);
            if !kept {
                unlinkat(&here, &level.name, AtFlags::REMOVEDIR)
                    .map_err(|source| self.refused(&level.name, source))?;
                one_more()?;
            }
        }
        Ok(count)
    }

    /// Removes what can be removed at once; returns the first directory that is not empty.
    ///
    /// `kept` is given where `lost+found` may be: true if it has still to be looked into.
    fn sweep(
        &self,
        here: &OwnedFd,
        kept: Option<bool>,
        one_more: &mut dyn FnMut() -> Result<(), WipeError>,
    ) -> Result<Option<CString>, WipeError> {
        loop {
            let mut found = false;
            let entries = Dir::read_from(here).map_err(|source| self.failed(c".", source))?;
            for entry in entries {
                let entry = entry.map_err(|source| self.failed(c".", source))?;
                let name = entry.file_name();
                if matches!(name.to_bytes(), b"." | b"..") {
                    continue;
                }
                match unlinkat(here, name, AtFlags::empty()) {
                    Ok(()) => one_more()?,
                    Err(Errno::NOENT) => {}
                    Err(Errno::ISDIR) => match kept {
                        Some(true) if name == LOST_AND_FOUND => return Ok(Some(name.to_owned())),
                        Some(false) if name == LOST_AND_FOUND => continue,
                        Some(_) | None => match unlinkat(here, name, AtFlags::REMOVEDIR) {
                            Ok(()) => one_more()?,
                            Err(Errno::NOENT) => {}
                            Err(Errno::NOTEMPTY | Errno::EXIST) => {
                                return Ok(Some(name.to_owned()));
                            }
                            Err(source) => return Err(self.refused(name, source)),
                        },
                    },
                    Err(source) => return Err(self.refused(name, source)),
                }
                found = true;
            }
            // Removing may make a reader skip entries, so only a pass that finds none is the last.
            if !found {
                return Ok(None);
            }
        }
    }

    fn leave(&self, here: &OwnedFd, level: &Level) -> Result<(OwnedFd, Identity), WipeError> {
        let (parent, found) =
            open::below(here, c"..").map_err(|source| self.failed(&level.name, source))?;
        if found.inode != level.identity.inode || !found.beside(&level.identity) {
            return Err(WipeError::Moving(self.at(&level.name)));
        }
        Ok((parent, found))
    }

    /// Name of something that is left, by a fresh look.
    pub(super) fn left(&self) -> Result<Option<String>, WipeError> {
        let entries = Dir::read_from(self.top).map_err(|source| self.failed(c".", source))?;
        for entry in entries {
            let entry = entry.map_err(|source| self.failed(c".", source))?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if self.is_kept(name) && self.is_empty_directory(name)? {
                continue;
            }
            return Ok(Some(name.to_string_lossy().into_owned()));
        }
        Ok(None)
    }

    fn is_kept(&self, name: &CStr) -> bool {
        self.identity.own_file_system && name == LOST_AND_FOUND
    }

    fn is_empty_directory(&self, name: &CStr) -> Result<bool, WipeError> {
        let directory = match open::below(self.top, name) {
            Ok((directory, _)) => directory,
            Err(Errno::NOTDIR | Errno::LOOP) => return Ok(false),
            Err(source) => return Err(self.failed(name, source)),
        };
        for entry in Dir::read_from(directory).map_err(|source| self.failed(name, source))? {
            let entry = entry.map_err(|source| self.failed(name, source))?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn refused(&self, name: &CStr, source: Errno) -> WipeError {
        match source {
            // A mount point can be neither unlinked nor removed as a directory.
            Errno::BUSY => WipeError::Mounted(self.at(name)),
            Errno::NOTEMPTY | Errno::EXIST => WipeError::Moving(self.at(name)),
            source => self.failed(name, source),
        }
    }

    fn failed(&self, name: &CStr, source: Errno) -> WipeError {
        WipeError::Entry {
            path: self.at(name),
            source,
        }
    }

    /// An entry by volume and name; the directories between would make a text without bounds.
    fn at(&self, name: &CStr) -> String {
        format!("{} (in {})", name.to_string_lossy(), self.path)
    }

    fn too_deep(&self) -> WipeError {
        WipeError::TooDeep {
            path: self.path.to_owned(),
            most: MOST_LEVELS,
        }
    }
}

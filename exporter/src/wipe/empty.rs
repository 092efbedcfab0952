//! Removes a tree without recursion: a handful of directories is open at a time, however deep it is.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, unlinkat};
use rustix::io::Errno;

use super::open::{self, Identity};
use super::tree::{MOST_LEVELS, Tree};
use super::{Step, WipeError};

/// Made by mkfs in the root of a file system; fsck wants it back.
const LOST_AND_FOUND: &CStr = c"lost+found";

/// A directory on the way down.
#[derive(Debug)]
struct Level {
    /// The directory that was left.
    identity: Identity,
    /// What was entered from there.
    name: CString,
}

/// What is done by now, and who is told.
struct Progress<'a> {
    removed: u64,
    told: &'a mut dyn FnMut(Step) -> Result<(), WipeError>,
}

impl Progress<'_> {
    fn one_more(&mut self) -> Result<(), WipeError> {
        self.removed = self.removed.saturating_add(1);
        (self.told)(Step::Removed(self.removed))
    }

    fn reading(&mut self) -> Result<(), WipeError> {
        (self.told)(Step::Reading)
    }
}

impl Tree<'_> {
    /// Removes everything; `told` hears of each directory that is read and of each entry that is removed. Returns the number
    /// of entries.
    pub(super) fn empty(
        &self,
        told: &mut dyn FnMut(Step) -> Result<(), WipeError>,
    ) -> Result<u64, WipeError> {
        let mut progress = Progress { removed: 0, told };
        let (mut here, mut identity) = self.entered()?;
        let mut above: Vec<Level> = Vec::new();
        let mut keeps = self.identity.own_file_system;
        loop {
            let kept = (above.is_empty() && self.identity.own_file_system).then_some(keeps);
            if let Some(name) = self.sweep(&here, kept, &mut progress)? {
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
            (here, identity) = self.up(&here, &level.identity, &level.name)?;
            let kept = above.is_empty() && self.is_kept(&level.name);
            if !kept {
                unlinkat(&here, &level.name, AtFlags::REMOVEDIR)
                    .map_err(|source| self.refused(&level.name, source))?;
                progress.one_more()?;
            }
        }
        Ok(progress.removed)
    }

    /// Removes what can be removed at once; returns the first directory that is not empty.
    ///
    /// `kept` is given where `lost+found` may be: true if it has still to be looked into.
    fn sweep(
        &self,
        here: &OwnedFd,
        kept: Option<bool>,
        progress: &mut Progress<'_>,
    ) -> Result<Option<CString>, WipeError> {
        loop {
            progress.reading()?;
            let before = progress.removed;
            let entries = Dir::read_from(here).map_err(|source| self.failed(c".", source))?;
            for entry in entries {
                let entry = entry.map_err(|source| self.failed(c".", source))?;
                let name = entry.file_name();
                if matches!(name.to_bytes(), b"." | b"..") {
                    continue;
                }
                let removed = match unlinkat(here, name, AtFlags::empty()) {
                    Err(Errno::ISDIR) => match kept {
                        Some(true) if name == LOST_AND_FOUND => return Ok(Some(name.to_owned())),
                        Some(false) if name == LOST_AND_FOUND => continue,
                        Some(_) | None => unlinkat(here, name, AtFlags::REMOVEDIR),
                    },
                    other => other,
                };
                match removed {
                    Ok(()) => progress.one_more()?,
                    // Somebody else was faster, or a damaged file system lists what is not there: no other pass would
                    // change that.
                    Err(Errno::NOENT) => {}
                    Err(Errno::NOTEMPTY | Errno::EXIST) => return Ok(Some(name.to_owned())),
                    Err(source) => return Err(self.refused(name, source)),
                }
            }
            // Removing may make a reader skip entries, so only a pass that removes none is the last.
            if progress.removed == before {
                return Ok(None);
            }
        }
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
}

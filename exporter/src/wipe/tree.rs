//! The tree below a volume's directory: how it is walked without recursion, and how its entries are named to people.
//!
//! One directory is open at a time, however deep it is. The way up is `..`, which is only believed if it is the very
//! directory that was left; so a tree that is moved away meanwhile leads nowhere else.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, FileType, Stat, statat};
use rustix::io::Errno;

use super::WipeError;
use super::open::{self, Identity};

/// Something is kept of each, a name of 255 bytes at most, so that this bounds our memory to about 20 MiB.
pub(super) const MOST_LEVELS: usize = 65_536;

/// A directory with all that is in it.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) top: &'a OwnedFd,
    pub(super) identity: Identity,
    pub(super) path: &'a str,
}

/// Something in the tree; links are not followed.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) directory: &'a OwnedFd,
    pub(super) name: &'a CStr,
    pub(super) stat: &'a Stat,
}

impl Entry<'_> {
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }
}

/// A directory that was left for one inside of it. Names that are still to come stay on the disk: a guest makes as many as
/// it likes.
#[derive(Debug)]
struct Place {
    identity: Identity,
    read_to: i64,
}

impl Tree<'_> {
    /// Shows every entry once, a directory before what is in it, and changes nothing.
    pub(super) fn each(
        &self,
        look: &mut dyn FnMut(&Entry<'_>) -> Result<(), WipeError>,
    ) -> Result<(), WipeError> {
        let (mut here, mut identity) = self.entered()?;
        let mut read_to = 0;
        let mut above: Vec<Place> = Vec::new();
        loop {
            if let Some((name, next)) = self.until_directory(&here, read_to, look)? {
                if above.len() >= MOST_LEVELS {
                    return Err(self.too_deep());
                }
                read_to = next;
                let (inner, found) = match open::below(&here, &name) {
                    Ok(entered) => entered,
                    Err(Errno::NOENT) => continue,
                    Err(source) => return Err(self.failed(&name, source)),
                };
                if !found.beside(&self.identity) {
                    return Err(WipeError::Mounted(self.at(&name)));
                }
                above.push(Place { identity, read_to });
                (here, identity, read_to) = (inner, found, 0);
                continue;
            }
            let Some(place) = above.pop() else {
                return Ok(());
            };
            (here, identity) = self.up(&here, &place.identity, c"..")?;
            read_to = place.read_to;
        }
    }

    /// Shows what comes from there on, up to and with the next directory; returns its name and where the listing goes on.
    fn until_directory(
        &self,
        here: &OwnedFd,
        read_to: i64,
        look: &mut dyn FnMut(&Entry<'_>) -> Result<(), WipeError>,
    ) -> Result<Option<(CString, i64)>, WipeError> {
        let unread = |source| self.failed(c".", source);
        let mut entries = Dir::read_from(here).map_err(unread)?;
        if read_to != 0 {
            entries.seek(read_to).map_err(unread)?;
        }
        for entry in entries {
            let entry = entry.map_err(unread)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = match statat(here, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(source) => return Err(self.failed(name, source)),
            };
            let found = Entry {
                directory: here,
                name,
                stat: &stat,
            };
            look(&found)?;
            if found.kind() == FileType::Directory {
                return Ok(Some((name.to_owned(), entry.offset())));
            }
        }
        Ok(None)
    }

    /// The directory itself, opened once more.
    pub(super) fn entered(&self) -> Result<(OwnedFd, Identity), WipeError> {
        open::below(self.top, c".").map_err(|source| self.failed(c".", source))
    }

    /// The directory above, if it is the one that was left for the one of this name.
    pub(super) fn up(
        &self,
        here: &OwnedFd,
        left: &Identity,
        name: &CStr,
    ) -> Result<(OwnedFd, Identity), WipeError> {
        let (parent, found) =
            open::below(here, c"..").map_err(|source| self.failed(name, source))?;
        if found.inode != left.inode || !found.beside(left) {
            return Err(WipeError::Moving(self.at(name)));
        }
        Ok((parent, found))
    }

    pub(super) fn failed(&self, name: &CStr, source: Errno) -> WipeError {
        WipeError::Entry {
            path: self.at(name),
            source,
        }
    }

    /// An entry by volume and name; the directories between would make a text without bounds.
    pub(super) fn at(&self, name: &CStr) -> String {
        format!("{} (in {})", name.to_string_lossy(), self.path)
    }

    pub(super) fn too_deep(&self) -> WipeError {
        WipeError::TooDeep {
            path: self.path.to_owned(),
            most: MOST_LEVELS,
        }
    }
}

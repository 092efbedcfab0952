//! The only way to the host's files: bounded reads that stay below its root, and a list of what went wrong.

use std::cell::RefCell;
use std::fmt::Display;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::str::FromStr;

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, readlinkat};
use rustix::io::Errno;
use vmberth_decide::node::facts::{Area, Problem};

/// Bytes of a usual file; those of sysfs hold a page at most.
pub(super) const FILE: usize = 64 << 10;
/// Bytes of a table of the kernel, which has a line for each mount or route: some 20,000 of them.
pub(super) const TABLE: usize = 4 << 20;
/// Entries of a directory of sysfs; a large server has a few hundred PCI devices.
const ENTRIES: usize = 16 << 10;
/// `openat2` says EAGAIN if a directory was renamed while it was on its way (openat2(2)); so often it is asked again.
const TRIES: usize = 8;

/// A node's files, and what could not be read of them.
pub(super) struct Host {
    root: OwnedFd,
    problems: RefCell<Vec<Problem>>,
}

impl Host {
    /// The node whose root directory is `root`.
    pub(super) fn at(root: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            root: rustix::fs::openat(CWD, root, flags, Mode::empty())?,
            problems: RefCell::default(),
        })
    }

    /// The root directory, as a path that can't be read itself.
    pub(super) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// What went wrong, by path; the same only once.
    pub(super) fn problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by(|a, b| (&a.path, a.area, &a.reason).cmp(&(&b.path, b.area, &b.reason)));
        problems.dedup();
        problems
    }

    /// Remembers a problem.
    pub(super) fn note(&self, area: Area, path: &str, reason: &dyn Display) {
        self.problems.borrow_mut().push(Problem {
            area,
            path: path.to_owned(),
            reason: reason.to_string(),
        });
    }

    /// Remembers what went wrong, if something did.
    pub(super) fn noted<T>(&self, area: Area, path: &str, result: io::Result<T>) -> Option<T> {
        result
            .inspect_err(|error| self.note(area, path, error))
            .ok()
    }

    /// Opens a path of the node; links lead nowhere but below its root.
    fn open(&self, path: &str, flags: OFlags, resolve: ResolveFlags) -> io::Result<OwnedFd> {
        let resolve = resolve | ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        open_beneath(&self.root, path, flags, resolve)
    }

    /// Opens a directory whose path has no link in it.
    pub(super) fn plain_directory(&self, path: &str) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        self.open(path, flags, ResolveFlags::NO_SYMLINKS)
    }

    /// A file's text, without white space at its ends.
    pub(super) fn text(&self, path: &str, limit: usize) -> io::Result<String> {
        let bytes = self.start(path, limit + 1)?;
        if bytes.len() > limit {
            return Err(io::Error::other(format!("larger than {limit} bytes")));
        }
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// At most so many bytes of a file.
    pub(super) fn start(&self, path: &str, limit: usize) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = self.open(path, flags, ResolveFlags::empty())?;
        if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("is not a file"));
        }
        read_start(&file, limit)
    }

    /// Names in a directory, sorted as text.
    pub(super) fn names(&self, path: &str) -> io::Result<Vec<String>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let (mut names, all) = entries(self.open(path, flags, ResolveFlags::empty())?, ENTRIES)?;
        if !all {
            return Err(io::Error::other(format!("more than {ENTRIES} entries")));
        }
        names.sort();
        Ok(names)
    }

    /// Last component of what a link names; `None` if there is no link. Where it leads is never looked at.
    pub(super) fn link(&self, path: &str) -> io::Result<Option<String>> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW;
        let Some(link) = if_there(self.open(path, flags, ResolveFlags::empty()))? else {
            return Ok(None);
        };
        if FileType::from_raw_mode(fstat(&link)?.st_mode) != FileType::Symlink {
            return Err(io::Error::other("is not a symbolic link"));
        }
        let target = readlinkat(&link, "", Vec::new())?;
        let target = target.to_string_lossy();
        Ok(target.rsplit('/').next().map(str::to_owned))
    }

    /// What kind of file is there, if one is.
    pub(super) fn kind(&self, path: &str) -> io::Result<Option<FileType>> {
        let file = self.open(path, OFlags::PATH, ResolveFlags::empty());
        let Some(file) = if_there(file)? else {
            return Ok(None);
        };
        Ok(Some(FileType::from_raw_mode(fstat(&file)?.st_mode)))
    }

    /// A file that holds a number.
    pub(super) fn number<T: FromStr>(&self, path: &str) -> io::Result<T> {
        let text = self.text(path, FILE)?;
        text.parse()
            .map_err(|_| io::Error::other(format!("expected a number, found {}", excerpt(&text))))
    }
}

/// `None` if it is not there; that alone is no problem for many files of sysfs.
pub(super) fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a path below a directory.
pub(super) fn open_beneath(
    directory: &OwnedFd,
    path: &str,
    flags: OFlags,
    resolve: ResolveFlags,
) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC;
    let once = || openat2(directory, path, flags, Mode::empty(), resolve);
    let mut opened = once();
    for _ in 1..TRIES {
        match opened {
            Err(Errno::AGAIN) => opened = once(),
            Ok(_) | Err(_) => break,
        }
    }
    Ok(opened?)
}

/// At most `limit` bytes from where the file stands.
pub(super) fn read_start(file: impl AsFd, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while bytes.len() < limit {
        let mut chunk = [0; 4096];
        let (room, _) = chunk.split_at_mut((limit - bytes.len()).min(4096));
        match rustix::io::read(&file, &mut *room) {
            Ok(0) => break,
            Ok(read) => bytes.extend(room.iter().take(read)),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(bytes)
}

/// Names in an open directory, in no order; at most `limit`, and whether these are all.
pub(super) fn entries(directory: OwnedFd, limit: usize) -> io::Result<(Vec<String>, bool)> {
    let mut names = Vec::new();
    for entry in Dir::new(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        if names.len() == limit {
            return Ok((names, false));
        }
        names.push(printable(&name.to_string_lossy()));
    }
    Ok((names, true))
}

/// Text without control characters, since it ends up in messages and tables.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

/// The beginning of a text, for messages.
pub(super) fn excerpt(text: &str) -> String {
    format!("{:?}", text.chars().take(32).collect::<String>())
}

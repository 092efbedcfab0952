//! Files in the cache and how they are trusted: each has a record beside it with its size and time,
//! written last. No record, or one that does not fit, means that the file is made again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[derive(Debug, Serialize, Deserialize)]
struct Record<T> {
    size: u64,
    time: u128,
    about: T,
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".json");
    PathBuf::from(name)
}

/// Size and time of a file, by which a change of it is seen without reading it.
pub(crate) fn look(path: &Path) -> Result<(u64, u128)> {
    let meta = fs::metadata(path).with_context(|| path.display().to_string())?;
    Ok((
        meta.len(),
        meta.modified()?.duration_since(UNIX_EPOCH)?.as_nanos(),
    ))
}

/// Says that a file is complete, and keeps what is known about it.
pub(crate) fn record<T: Serialize>(path: &Path, about: T) -> Result<()> {
    let (size, time) = look(path)?;
    let text = serde_json::to_vec(&Record { size, time, about })?;
    fs::write(beside(path), text).with_context(|| path.display().to_string())
}

/// What was recorded about a file, if it is still as it was then.
pub(crate) fn recorded<T: for<'a> Deserialize<'a>>(path: &Path) -> Option<T> {
    let text = fs::read(beside(path)).ok()?;
    let record: Record<T> = serde_json::from_slice(&text).ok()?;
    (look(path).ok()? == (record.size, record.time)).then_some(record.about)
}

/// Removes a file or folder with its record; it may be absent.
pub(crate) fn remove(path: &Path) -> Result<()> {
    for path in [beside(path), path.to_owned()] {
        let result = match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) => Err(error),
        };
        match result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {}", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Removes everything named `STEM-…` but the one that is kept: older keys, and what a killed run
/// left half done. A stem is never the beginning of another one with a dash behind it.
pub(crate) fn remove_others(stem: &str, keep: &Path) -> Result<()> {
    let folder = keep.parent().context("a cached file lies in a folder")?;
    let kept = [keep.to_owned(), beside(keep)];
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let ours = name
            .rsplit_once('-')
            .is_some_and(|(owner, _)| owner == stem);
        if ours && !kept.contains(&path) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// A key made of parts; no two lists of parts give the same one.
#[derive(Debug, Default)]
pub(crate) struct Key(Sha256);

impl Key {
    pub(crate) fn add(&mut self, part: impl AsRef<[u8]>) {
        let part = part.as_ref();
        self.0
            .update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        self.0.update(part);
    }

    pub(crate) fn add_file(&mut self, path: &Path) -> Result<()> {
        self.add(fs::read(path).with_context(|| path.display().to_string())?);
        Ok(())
    }

    /// All files below a folder, with their names, in order.
    pub(crate) fn add_tree(&mut self, root: &Path) -> Result<()> {
        self.add_below(root, root)
    }

    fn add_below(&mut self, root: &Path, dir: &Path) -> Result<()> {
        for path in sorted(dir)? {
            if path.is_dir() {
                self.add_below(root, &path)?;
            } else {
                self.add(path.strip_prefix(root)?.as_os_str().as_encoded_bytes());
                self.add_file(&path)?;
            }
        }
        Ok(())
    }

    pub(crate) fn text(self) -> String {
        hex(&self.0.finalize()).chars().take(16).collect()
    }
}

/// What a folder holds, in order.
pub(crate) fn sorted(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| dir.display().to_string())?;
    let mut paths = entries.map(|e| Ok(e?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_not_trusted() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("base-1.tar");
        fs::write(&path, "whole")?;
        assert_eq!(recorded::<String>(&path), None);
        record(&path, "digest")?;
        assert_eq!(recorded::<String>(&path).as_deref(), Some("digest"));
        fs::write(&path, "cut")?;
        assert_eq!(recorded::<String>(&path), None);
        fs::remove_file(&path)?;
        assert_eq!(recorded::<String>(&path), None);
        Ok(())
    }

    #[test]
    fn only_other_keys_of_the_same_thing_go() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = |name: &str| folder.path().join(name);
        for name in ["base-1.tar", "base-1.tar.json", "base-2.tar", "cdi-1.tar"] {
            fs::write(file(name), "")?;
        }
        fs::create_dir(file("base-3.part"))?;
        remove_others("base", &file("base-2.tar"))?;
        let left = |name: &str| file(name).exists();
        assert!(left("base-2.tar") && left("cdi-1.tar"));
        assert!(!left("base-1.tar") && !left("base-1.tar.json") && !left("base-3.part"));
        Ok(())
    }

    #[test]
    fn parts_of_a_key_do_not_run_together() {
        let key = |parts: &[&str]| {
            let mut key = Key::default();
            parts.iter().for_each(|part| key.add(part));
            key.text()
        };
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_eq!(key(&["ab", "c"]), key(&["ab", "c"]));
    }
}

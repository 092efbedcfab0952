//! Writes tar archives of regular files and folders: image layers and the archive around them.
//!
//! Own code instead of `tar`: owners, times and file capabilities come from the recipe and not from
//! a staged copy, so the same input gives the same bytes (and the same layer digest) without
//! copying a gigabyte of binaries first, and its digest is there when it is written.

use std::fs::File;
use std::io::{self, Read, Write};

use anyhow::{Context, Result, bail};

const BLOCK: usize = 512;

/// Owner, mode and capabilities of one entry.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Value of the `security.capability` extended attribute, empty for none.
    pub capability: Vec<u8>,
}

/// A tar stream over any writer.
#[derive(Debug)]
pub(crate) struct Writer<W: Write> {
    out: W,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out }
    }

    /// Appends a folder; `path` is absolute in the image.
    pub(crate) fn folder(&mut self, path: &str, attributes: &Attributes) -> Result<()> {
        let name = format!("{}/", relative(path));
        self.header(&name, b'5', 0, attributes)
    }

    /// Appends a file with the content given in memory.
    pub(crate) fn bytes(&mut self, path: &str, data: &[u8], attributes: &Attributes) -> Result<()> {
        self.entry(path, u64::try_from(data.len())?, data, attributes)
    }

    /// Appends the content of an open file, which must not change meanwhile.
    pub(crate) fn file(&mut self, path: &str, file: File, attributes: &Attributes) -> Result<()> {
        let size = file.metadata()?.len();
        self.entry(path, size, file, attributes)
    }

    fn entry(
        &mut self,
        path: &str,
        size: u64,
        data: impl Read,
        attributes: &Attributes,
    ) -> Result<()> {
        let name = relative(path);
        if !attributes.capability.is_empty() {
            let records = pax_record("SCHILY.xattr.security.capability", &attributes.capability);
            let plain = Attributes {
                mode: 0o644,
                ..Attributes::default()
            };
            self.header("pax", b'x', u64::try_from(records.len())?, &plain)?;
            self.out.write_all(&records)?;
            self.pad(u64::try_from(records.len())?)?;
        }
        self.header(name, b'0', size, attributes)?;
        let written = io::copy(&mut data.take(size), &mut self.out)?;
        if written != size {
            bail!("{path} got shorter while it was read: {written} of {size} bytes");
        }
        self.pad(size)?;
        Ok(())
    }

    /// Writes the end mark and gives the writer back.
    pub(crate) fn finish(mut self) -> Result<W> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn header(&mut self, name: &str, kind: u8, size: u64, at: &Attributes) -> Result<()> {
        let mut block = [0_u8; BLOCK];
        put(&mut block, 0, 100, name.as_bytes()).with_context(|| format!("{name}: too long"))?;
        put(&mut block, 100, 8, format!("{:07o}", at.mode).as_bytes())?;
        put(&mut block, 108, 8, format!("{:07o}", at.uid).as_bytes())?;
        put(&mut block, 116, 8, format!("{:07o}", at.gid).as_bytes())?;
        put(&mut block, 124, 12, format!("{size:011o}").as_bytes())?;
        put(&mut block, 136, 12, b"00000000000")?;
        put(&mut block, 148, 8, b"        ")?;
        put(&mut block, 156, 1, &[kind])?;
        put(&mut block, 257, 8, b"ustar\x0000")?;
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        put(&mut block, 148, 8, format!("{sum:06o}\0 ").as_bytes())?;
        self.out.write_all(&block)?;
        Ok(())
    }

    fn pad(&mut self, size: u64) -> Result<()> {
        let block = u64::try_from(BLOCK)?;
        let missing = usize::try_from((block - size % block) % block)?;
        let zeros = [0_u8; BLOCK];
        self.out
            .write_all(zeros.get(..missing).unwrap_or_default())?;
        Ok(())
    }
}

fn relative(path: &str) -> &str {
    path.trim_matches('/')
}

fn put(block: &mut [u8; BLOCK], at: usize, room: usize, value: &[u8]) -> Result<()> {
    if value.len() > room {
        bail!("does not fit in {room} bytes of a tar header");
    }
    match block.get_mut(at..at + value.len()) {
        Some(field) => field.copy_from_slice(value),
        None => bail!("no such field in a tar header"),
    }
    Ok(())
}

/// `LENGTH KEY=VALUE\n`, where the length counts its own digits too.
fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    let mut record = format!("{length} {key}=").into_bytes();
    record.extend_from_slice(value);
    record.push(b'\n');
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pax_record_counts_itself() {
        assert_eq!(pax_record("key", b"value"), b"13 key=value\n");
        let long = pax_record("k", &[b'x'; 95]);
        assert!(
            long.starts_with(b"102 k="),
            "{}",
            String::from_utf8_lossy(&long)
        );
        assert_eq!(long.len(), 102);
    }

    #[test]
    fn the_system_tar_reads_what_we_write() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a.tar");
        let mut tar = Writer::new(File::create(&path)?);
        let owner = Attributes {
            mode: 0o750,
            uid: 107,
            gid: 1001,
            capability: Vec::new(),
        };
        tar.folder("/disk", &owner)?;
        tar.bytes(
            "/disk/a",
            b"hello",
            &Attributes {
                mode: 0o4755,
                ..owner.clone()
            },
        )?;
        tar.bytes(
            "/usr/bin/b",
            b"",
            &Attributes {
                capability: vec![1, 0, 10, 61],
                ..owner
            },
        )?;
        tar.finish()?;
        let list = std::process::Command::new("tar")
            .arg("-tvf")
            .arg(&path)
            .output()?;
        assert!(
            list.status.success(),
            "{}",
            String::from_utf8_lossy(&list.stderr)
        );
        let text = String::from_utf8(list.stdout)?;
        let fields: Vec<&str> = text.split_whitespace().collect();
        assert!(
            text.contains("-rwsr-xr-x 107/1001") && text.contains("disk/a"),
            "{text}"
        );
        assert!(fields.contains(&"usr/bin/b"), "{text}");
        Ok(())
    }

    #[test]
    fn a_path_that_is_too_long_is_refused() {
        let mut tar = Writer::new(Vec::new());
        assert!(
            tar.bytes(&"x".repeat(101), b"", &Attributes::default())
                .is_err()
        );
    }
}

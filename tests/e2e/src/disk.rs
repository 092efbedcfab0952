//! Compares what is on a volume with the image that was meant to get there.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rustix::fs::{SeekFrom, seek};

use crate::tool::Tool;

/// The disk begins with exactly the image's bytes, and has only zeros after them.
///
/// # Errors
/// The first place that differs.
pub fn assert_same_bytes(image: &Path, disk: &Path) -> Result<()> {
    let open = |path: &Path| File::open(path).with_context(|| path.display().to_string());
    let (mut wanted, mut found) = (open(image)?, open(disk)?);
    let size = wanted.metadata()?.len();
    let there = found.metadata()?.len();
    ensure!(
        there >= size,
        "{} has {there} bytes, the image {size}",
        disk.display()
    );
    let mut at = 0;
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    while at < size {
        let want = wanted.read(&mut left)?;
        let (left, right) = (&left[..want], &mut right[..want]);
        found.read_exact(right)?;
        if let Some(offset) = left.iter().zip(&*right).position(|(a, b)| a != b) {
            anyhow::bail!(
                "{} differs from the image at byte {}",
                disk.display(),
                at + offset as u64
            );
        }
        at += want as u64;
    }
    only_zeros_from(&mut found, at).with_context(|| disk.display().to_string())
}

/// Holes are zeros: only what is written is read.
fn only_zeros_from(disk: &mut File, mut at: u64) -> Result<()> {
    let mut buffer = vec![0; 1 << 20];
    while let Ok(start) = seek(&*disk, SeekFrom::Data(at)) {
        let end = seek(&*disk, SeekFrom::Hole(start))?;
        at = seek(&*disk, SeekFrom::Start(start))?;
        while at < end {
            let read = disk.read(&mut buffer)?;
            ensure!(read > 0, "ended at {at}");
            let zeros = buffer.iter().take(read).all(|byte| *byte == 0);
            ensure!(
                zeros,
                "not zero after the image, between {at} and {}",
                at + read as u64
            );
            at += read as u64;
        }
    }
    Ok(())
}

/// The raw disk has the content of the qcow2 image; what is beyond the image is zero.
///
/// # Errors
/// qemu-img's words.
pub async fn assert_same_content(image: &Path, disk: &Path) -> Result<()> {
    let (image, disk) = (image.display().to_string(), disk.display().to_string());
    let args = ["compare", "-f", "qcow2", "-F", "raw", &image, &disk];
    Tool::new("qemu-img", args).output().await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn compare(image: &[u8], disk: &[u8]) -> Result<()> {
        let dir = tempfile::tempdir()?;
        let (one, two) = (dir.path().join("image"), dir.path().join("disk"));
        fs::write(&one, image)?;
        fs::write(&two, disk)?;
        assert_same_bytes(&one, &two)
    }

    #[test]
    fn a_longer_disk_may_only_have_zeros() {
        compare(b"abc", b"abc\0\0\0").unwrap();
        let error = compare(b"abc", b"abc\0\0x").unwrap_err();
        assert!(
            format!("{error:#}").contains("not zero after the image"),
            "{error:#}"
        );
    }

    #[test]
    fn a_difference_is_told_by_its_place() {
        let error = compare(b"abc", b"aXc").unwrap_err();
        assert!(format!("{error:#}").contains("at byte 1"), "{error:#}");
        assert!(compare(b"abc", b"ab").is_err());
    }
}

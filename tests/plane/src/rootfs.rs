//! Root file systems below the images: each is a script in `tests/plane/images/rootfs`, run once and
//! kept as an image layer.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cmd::Cmd;
use crate::stamp;

/// Ten times what the largest took on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(900);

/// A root file system as a layer: an uncompressed tar archive.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Where it is.
    pub path: PathBuf,
    /// Its SHA-256, in hexadecimal.
    pub digest: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct About {
    digest: String,
}

/// What the result depends on: the script and what it shares with the others.
pub(crate) fn key(images: &Path, name: &str) -> Result<String> {
    let mut key = stamp::Key::default();
    key.add(name);
    for script in ["lib.sh".to_owned(), format!("{name}.sh")] {
        key.add_file(&images.join("rootfs").join(script))?;
    }
    Ok(key.text())
}

/// The layer, made if it is not in the cache or damaged there. `images` is `tests/plane/images`.
///
/// # Errors
/// The end of what the script said; all of it is in `log`.
pub fn ensure(
    images: &Path,
    name: &str,
    cache: &Path,
    log: &Path,
    progress: &dyn Fn(&str),
) -> Result<Layer> {
    if name.is_empty() || name == "lib" {
        bail!("no root file system is called {name:?}");
    }
    let key = key(images, name)?;
    let folder = cache.join("rootfs");
    let path = folder.join(format!("{name}-{key}.tar"));
    if let Some(About { digest }) = stamp::recorded(&path) {
        return Ok(Layer { path, digest });
    }
    progress(&format!("root file system {name}: from Debian's packages"));
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    stamp::remove(&path)?;
    let target = folder.join(format!("{name}-{key}.part"));
    stamp::remove(&target)?;
    fs::create_dir(&target)?;
    make(
        &images.join("rootfs").join(format!("{name}.sh")),
        &target,
        &path,
        log,
    )
    .with_context(|| format!("root file system {name}; all of it is in {}", log.display()))?;
    stamp::remove(&target)?;
    let mut hash = Sha256::new();
    io::copy(&mut File::open(&path)?, &mut hash)?;
    let digest = stamp::hex(&hash.finalize());
    stamp::record(
        &path,
        About {
            digest: digest.clone(),
        },
    )?;
    stamp::remove_others(name, &path)?;
    Ok(Layer { path, digest })
}

fn make(script: &Path, target: &Path, tar: &Path, log: &Path) -> Result<()> {
    Cmd::new("bash")
        .arg(script)
        .arg(target)
        .log(log)
        .timeout(TIMEOUT)
        .run()?;
    // Fixed order and times: the same packages give the same layer, which a node then knows already.
    // Nothing of /dev: a container gets its own, and a device in an image would leak into it.
    Cmd::new("tar")
        .args([
            "--create",
            "--sort=name",
            "--mtime=@0",
            "--numeric-owner",
            "--format=posix",
        ])
        .args(["--pax-option=exthdr.name=%d/%f,delete=atime,delete=ctime,delete=mtime"])
        .args([
            "--xattrs",
            "--xattrs-include=security.capability",
            "--exclude=./dev/*",
        ])
        .arg("--file")
        .arg(tar)
        .arg("--directory")
        .arg(target)
        .arg(".")
        .log(log)
        .timeout(TIMEOUT)
        .run()
}

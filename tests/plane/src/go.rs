//! Builds the Go programs of the cluster: one folder in `tests/plane/go` per family of modules.
//!
//! A family's result is kept under a key made of everything that goes into it, so that a second run
//! costs nothing, and a changed pin builds anew. What is kept is looked at before it is used.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::cmd::Cmd;
use crate::stamp;

/// The longest time one binary may take: ten times what the slowest took on two cores.
const BUILD_TIMEOUT: Duration = Duration::from_secs(3600);

/// The same for every binary: a build with other flags finds nothing in Go's own cache.
const FLAGS: [&str; 3] = ["build", "-trimpath", "-mod=readonly"];

/// The same for every family: the installed toolchain, no version control, no workspace file.
const ENVIRONMENT: [(&str, &str); 3] = [
    ("GOTOOLCHAIN", "local"),
    ("GOFLAGS", "-buildvcs=false"),
    ("GOWORK", "off"),
];

/// Checksums in the format of `sha256sum`, and the size and time at which each was taken.
const SUMS: &str = "SHA256SUMS";
const STAMPS: &str = "STAMPS";

/// A folder of pinned Go modules and the binaries made from it: `family.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// The folder's name.
    #[serde(skip)]
    pub name: String,
    #[serde(skip)]
    dir: PathBuf,
    /// What this is, for people.
    pub summary: String,
    /// Time of a build with empty caches on two cores, for people.
    pub expected_seconds: u64,
    ldflags: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// What comes out.
    #[serde(rename = "binary")]
    pub binaries: Vec<Binary>,
}

/// One program of a family.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binary {
    /// The file name of the result.
    pub name: String,
    package: String,
    #[serde(default)]
    cgo: bool,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// All families of the repository at `root`, by name.
///
/// # Errors
/// If a folder has no readable `family.toml`.
pub fn families(root: &Path) -> Result<Vec<Family>> {
    let all = root.join("tests/plane/go");
    let mut families = Vec::new();
    for dir in stamp::sorted(&all)?
        .into_iter()
        .filter(|path| path.is_dir())
    {
        families.push(Family::read(&dir)?);
    }
    Ok(families)
}

impl Family {
    fn read(dir: &Path) -> Result<Self> {
        let file = dir.join("family.toml");
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let mut family: Self = toml::from_str(&text).with_context(|| file.display().to_string())?;
        family.name = dir
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        family.dir = dir.to_owned();
        Ok(family)
    }

    /// The name of the result: it changes with the toolchain, the flags and every file of the folder.
    ///
    /// # Errors
    /// If there is no Go, or the folder can't be read.
    pub fn key(&self) -> Result<String> {
        let toolchain = Cmd::new("go")
            .args(["env", "GOVERSION", "GOOS", "GOARCH"])
            .env("GOTOOLCHAIN", "local")
            .output()
            .context("Go is needed to build the cluster's programs")?;
        self.key_with(&toolchain)
    }

    fn key_with(&self, toolchain: &str) -> Result<String> {
        let mut key = stamp::Key::default();
        key.add(toolchain);
        key.add(format!("{FLAGS:?} {ENVIRONMENT:?}"));
        key.add_tree(&self.dir)?;
        Ok(key.text())
    }

    /// Where the result would be.
    ///
    /// # Errors
    /// As [`Family::key`].
    pub fn place(&self, cache: &Path) -> Result<PathBuf> {
        Ok(cache
            .join("go")
            .join(format!("{}-{}", self.name, self.key()?)))
    }
}

/// The folder with all binaries of a family, built if it is not there or is damaged.
///
/// # Errors
/// The last lines of what Go said; all of it is in `log`.
pub fn build(family: &Family, cache: &Path, log: &Path) -> Result<PathBuf> {
    let place = family.place(cache)?;
    if verify(family, &place) {
        return Ok(place);
    }
    let part = cache.join("go").join(format!("part-of-{}", family.name));
    remove(&part)?;
    fs::create_dir_all(&part).with_context(|| part.display().to_string())?;
    for binary in &family.binaries {
        build_one(family, binary, &part.join(&binary.name), log)
            .with_context(|| format!("building {} of {}", binary.name, family.name))?;
    }
    record(family, &part)?;
    remove(&place)?;
    fs::rename(&part, &place)?;
    remove_others(&family.name, &place)?;
    Ok(place)
}

fn build_one(family: &Family, binary: &Binary, out: &Path, log: &Path) -> Result<()> {
    let mut go = Cmd::new("go")
        .args(FLAGS)
        .args(["-ldflags", &family.ldflags])
        .arg("-o")
        .arg(out);
    go = go.env("CGO_ENABLED", if binary.cgo { "1" } else { "0" });
    let constant = ENVIRONMENT.iter().copied();
    let own = family
        .env
        .iter()
        .chain(&binary.env)
        .map(|(k, v)| (k.as_str(), v.as_str()));
    for (name, value) in constant.chain(own) {
        go = go.env(name, value);
    }
    go.arg(&binary.package)
        .cwd(&family.dir)
        .log(log)
        .timeout(BUILD_TIMEOUT)
        .run()
}

/// Whether all binaries are there as they were built. A checksum is only taken of a file whose size
/// or time is not the recorded one: the rest costs no reading.
#[must_use]
pub fn verify(family: &Family, place: &Path) -> bool {
    let lines = |name| fs::read_to_string(place.join(name)).unwrap_or_default();
    let (sums, stamps) = (lines(SUMS), lines(STAMPS));
    let has = |text: &str, line: &str| text.lines().any(|l| l == line);
    family.binaries.iter().all(|binary| {
        let file = place.join(&binary.name);
        seen(&binary.name, &file).is_ok_and(|line| has(&stamps, &line))
            || sum(&binary.name, &file).is_ok_and(|line| has(&sums, &line))
    })
}

fn record(family: &Family, dir: &Path) -> Result<()> {
    let (mut sums, mut stamps) = (String::new(), String::new());
    for Binary { name, .. } in &family.binaries {
        let file = dir.join(name);
        writeln!(sums, "{}", sum(name, &file)?)?;
        writeln!(stamps, "{}", seen(name, &file)?)?;
    }
    fs::write(dir.join(STAMPS), stamps)?;
    fs::write(dir.join(SUMS), sums)?;
    Ok(())
}

fn sum(name: &str, file: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(file)?, &mut hash)?;
    Ok(format!("{}  {name}", stamp::hex(&hash.finalize())))
}

fn seen(name: &str, file: &Path) -> Result<String> {
    let meta = fs::metadata(file)?;
    let age = meta.modified()?.duration_since(UNIX_EPOCH)?;
    Ok(format!("{} {} {name}", meta.len(), age.as_nanos()))
}

/// Removes what other keys of this family left: nothing asks for it again.
fn remove_others(family: &str, keep: &Path) -> Result<()> {
    let all = keep.parent().context("a place has a parent")?;
    for path in stamp::sorted(all)? {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path != keep
            && name
                .rsplit_once('-')
                .is_some_and(|(owner, _)| owner == family)
        {
            remove(&path)?;
        }
    }
    Ok(())
}

fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", dir.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;

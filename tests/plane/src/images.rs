//! The cluster's container images: made here from recipes (`tests/plane/images/*.toml`), Go binaries
//! and root file systems, kept as one archive per set, and imported into the nodes. No registry.
//!
//! The layers and the OCI layout are written by our own code, not by buildah: three passes over
//! each gigabyte fewer, no second image store to look after, no mounts that could stay behind, and
//! the same bytes from the same input.

mod guests;
mod oci;
pub(crate) mod recipe;
pub(crate) mod stamp;
mod tar;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

pub use self::guests::{Guests, ensure as ensure_guests};
pub use self::recipe::{Recipe, recipes};
use self::recipe::{Copy, capability, mode, owner};
use self::tar::{Attributes, Writer};
use crate::cmd::Cmd;
use crate::rootfs::{self, Layer};

/// Debian packages that building images, root file systems and guests needs on this machine.
pub const PACKAGES: &[&str] = &[
    "mmdebstrap",
    "debian-archive-keyring",
    "busybox-static",
    "gcc",
    "libc6-dev",
    "qemu-utils",
    "syslinux",
    "mtools",
    "dosfstools",
    "e2fsprogs",
    "cpio",
];

/// Where things come from and go to.
pub struct Inputs<'a> {
    /// `tests/plane/images`.
    pub images: &'a Path,
    /// The cache.
    pub cache: &'a Path,
    /// Where the programs that we run write what they say.
    pub log: &'a Path,
    /// Finds a Go binary by family and name.
    pub go: &'a dyn Fn(&str, &str) -> Option<PathBuf>,
    /// Told what is being done, one line at a time.
    pub progress: &'a dyn Fn(&str),
}

impl std::fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs").field("images", &self.images).finish_non_exhaustive()
    }
}

/// Some images in one file.
#[derive(Debug, Clone)]
pub struct Archive {
    /// Which feature of `up` needs it.
    pub set: String,
    /// For `ctr images import`.
    pub path: PathBuf,
    /// Full names of what it holds.
    pub images: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct About {
    images: Vec<String>,
}

/// Archives with all these images, one for each set among them, made if the cache has none or only
/// damaged ones. Give all recipes of a set at once: an archive holds what it was last asked for.
///
/// # Errors
/// If a binary is missing, or a program that helps fails.
pub fn build(recipes: &[Recipe], inputs: &Inputs<'_>) -> Result<Vec<Archive>> {
    let sets: BTreeSet<&str> = recipes.iter().map(|recipe| recipe.set.as_str()).collect();
    let mut archives = Vec::new();
    for set in sets {
        let recipes: Vec<&Recipe> = recipes.iter().filter(|r| r.set == set).collect();
        archives.push(build_set(set, &recipes, inputs).with_context(|| format!("images: {set}"))?);
    }
    Ok(archives)
}

/// Makes what needs no Go binary, so that it can be done while those are built: root file systems
/// and guest disks.
///
/// # Errors
/// As [`build`].
pub fn prepare(recipes: &[Recipe], inputs: &Inputs<'_>) -> Result<()> {
    bases(&recipes.iter().collect::<Vec<_>>(), inputs)?;
    if recipes.iter().flat_map(|recipe| &recipe.copy).any(|copy| copy.from.starts_with("guest:")) {
        let Inputs { images, cache, log, progress, .. } = inputs;
        guests::ensure(images, cache, log, progress)?;
    }
    Ok(())
}

/// A file that goes into an image, found.
#[derive(Debug)]
struct Found<'a> {
    copy: &'a Copy,
    path: PathBuf,
}

fn build_set(set: &str, recipes: &[&Recipe], inputs: &Inputs<'_>) -> Result<Archive> {
    let folder = inputs.cache.join("images");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let mut found = Vec::new();
    for recipe in recipes {
        found.push(find(recipe, inputs).with_context(|| recipe.name.clone())?);
    }
    let key = key(recipes, &found, inputs)?;
    let path = folder.join(format!("{set}-{key}.tar"));
    if let Some(About { images }) = stamp::recorded(&path) {
        return Ok(Archive { set: set.to_owned(), path, images });
    }
    let bases = bases(recipes, inputs)?;
    (inputs.progress)(&format!("images of {set}: {}", recipes.len()));
    let part = folder.join(format!("{set}-{key}.part"));
    let layer = folder.join(format!("{set}-{key}.layer"));
    stamp::remove(&path)?;
    let mut archive = oci::Archive::create(&part)?;
    for (recipe, found) in recipes.iter().zip(&found) {
        let mut layers = Vec::new();
        if let Some(base) = bases.get(recipe.rootfs.as_str()) {
            layers.push(archive.layer(&base.path, &base.digest)?);
        }
        let digest = write_layer(recipe, found, &layer)
            .with_context(|| format!("layer of {}", recipe.name))?;
        layers.push(archive.layer(&layer, &digest)?);
        archive.image(recipe, &layers)?;
    }
    archive.finish()?;
    stamp::remove(&layer)?;
    fs::rename(&part, &path)?;
    let images: Vec<String> = recipes.iter().map(|recipe| recipe.image.clone()).collect();
    stamp::record(&path, About { images: images.clone() })?;
    stamp::remove_others(set, &path)?;
    Ok(Archive { set: set.to_owned(), path, images })
}

fn bases<'a>(recipes: &[&'a Recipe], inputs: &Inputs<'_>) -> Result<BTreeMap<&'a str, Layer>> {
    let names: BTreeSet<&str> = recipes.iter().map(|recipe| recipe.rootfs.as_str()).collect();
    let mut bases = BTreeMap::new();
    for name in names.into_iter().filter(|name| !name.is_empty()) {
        let Inputs { images, cache, log, progress, .. } = inputs;
        bases.insert(name, rootfs::ensure(images, name, cache, log, progress)?);
    }
    Ok(bases)
}

fn find<'a>(recipe: &'a Recipe, inputs: &Inputs<'_>) -> Result<Vec<Found<'a>>> {
    let mut found = Vec::new();
    for copy in &recipe.copy {
        let (kind, rest) = copy.from.split_once(':').unwrap_or(("", &copy.from));
        let path = match kind {
            "file" => inputs.images.join("files").join(rest),
            "host" => PathBuf::from(rest),
            "c" => compile(rest, inputs)?,
            "guest" => {
                let Inputs { images, cache, log, progress, .. } = inputs;
                guests::ensure(images, cache, log, progress)?.folder.join(rest)
            }
            "go" => {
                let (family, binary) = rest.split_once('/').context("go:FAMILY/BINARY")?;
                match (inputs.go)(family, binary) {
                    Some(path) => path,
                    None if copy.optional => continue,
                    None => bail!("the Go binary {rest} is not built"),
                }
            }
            _ => bail!("from = {:?}: no such kind of source", copy.from),
        };
        found.push(Found { copy, path });
    }
    Ok(found)
}

/// Builds one of our few C programs, for which a hundred lines of Rust would need a second toolchain
/// target to be as small and static.
fn compile(source: &str, inputs: &Inputs<'_>) -> Result<PathBuf> {
    let source = inputs.images.join("c").join(source);
    let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut key = stamp::Key::default();
    key.add_file(&source)?;
    let folder = inputs.cache.join("images");
    let out = folder.join(format!("c-{name}-{}", key.text()));
    if stamp::recorded::<()>(&out).is_none() {
        stamp::remove(&out)?;
        Cmd::new("gcc")
            .args(["-static", "-Os", "-s", "-Wall", "-Wextra", "-Werror", "-o"])
            .args([&out, &source])
            .log(inputs.log)
            .timeout(Duration::from_secs(60))
            .run()?;
        stamp::record(&out, ())?;
        stamp::remove_others(&format!("c-{name}"), &out)?;
    }
    Ok(out)
}

fn key(recipes: &[&Recipe], found: &[Vec<Found<'_>>], inputs: &Inputs<'_>) -> Result<String> {
    let mut key = stamp::Key::default();
    // Raise this when the code that writes archives changes what it writes.
    key.add("format 1");
    for (recipe, found) in recipes.iter().zip(found) {
        key.add(format!("{recipe:?}"));
        if !recipe.rootfs.is_empty() {
            key.add(rootfs::key(inputs.images, &recipe.rootfs)?);
        }
        for Found { copy, path } in found {
            key.add(&copy.to);
            if copy.from.starts_with("file:") {
                key.add_file(path)?;
            } else {
                key.add(format!("{} {:?}", path.display(), stamp::look(path)?));
            }
        }
    }
    Ok(key.text())
}

/// Writes an image's own layer and returns its digest.
fn write_layer(recipe: &Recipe, found: &[Found<'_>], path: &Path) -> Result<String> {
    let file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut tar = Writer::new(oci::Hashing::new(file));
    for dir in &recipe.dir {
        let (uid, gid) = owner(&dir.owner)?;
        let attributes = Attributes { mode: mode(&dir.mode)?, uid, gid, ..Attributes::default() };
        tar.folder(&dir.path, &attributes)?;
    }
    for Found { copy, path } in found {
        let (uid, gid) = owner(&copy.owner)?;
        let capability = capability(&copy.capability)?;
        let attributes = Attributes { mode: mode(&copy.mode)?, uid, gid, capability };
        let file = File::open(path).with_context(|| path.display().to_string())?;
        tar.file(&copy.to, file, &attributes).with_context(|| copy.to.clone())?;
    }
    Ok(tar.finish()?.digest())
}

//! The cluster's container images: made here from recipes (`tests/plane/images/*.toml`), Go binaries
//! and root file systems, kept as one archive per set, and imported into the nodes. No registry.
//!
//! The layers and the OCI layout are written by our own code, not by buildah: three passes over
//! each gigabyte fewer, no second image store to look after, no mounts that could stay behind, and
//! the same bytes from the same input.

mod guests;
mod oci;
pub(crate) mod recipe;
mod source;
mod tar;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

pub use self::recipe::{Recipe, recipes};
use self::source::{Found, find, write_layer};
use crate::rootfs::{self, Layer};
use crate::stamp;

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

impl Inputs<'_> {
    /// The guests' disks, made if they are not in the cache.
    fn guests(&self) -> Result<guests::Guests> {
        guests::ensure(self.images, self.cache, self.log, self.progress)
    }

    /// A root file system, made if it is not in the cache.
    fn root_file_system(&self, name: &str) -> Result<Layer> {
        rootfs::ensure(self.images, name, self.cache, self.log, self.progress)
    }
}

impl std::fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs")
            .field("images", &self.images)
            .finish_non_exhaustive()
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
    if recipes
        .iter()
        .flat_map(|recipe| &recipe.copy)
        .any(|copy| copy.from.starts_with("guest:"))
    {
        inputs.guests()?;
    }
    Ok(())
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
        return Ok(Archive {
            set: set.to_owned(),
            path,
            images,
        });
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
    stamp::record(
        &path,
        About {
            images: images.clone(),
        },
    )?;
    stamp::remove_others(set, &path)?;
    Ok(Archive {
        set: set.to_owned(),
        path,
        images,
    })
}

fn bases<'a>(recipes: &[&'a Recipe], inputs: &Inputs<'_>) -> Result<BTreeMap<&'a str, Layer>> {
    let names: BTreeSet<&str> = recipes
        .iter()
        .map(|recipe| recipe.rootfs.as_str())
        .collect();
    let mut bases = BTreeMap::new();
    for name in names.into_iter().filter(|name| !name.is_empty()) {
        bases.insert(name, inputs.root_file_system(name)?);
    }
    Ok(bases)
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

#[cfg(test)]
mod tests;

//! The files of an image: where each comes from, and the layer that they make.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::recipe::{Copy, Recipe, capability, mode, owner};
use super::tar::{Attributes, Writer};
use super::{Inputs, oci};
use crate::cmd::Cmd;
use crate::stamp;

/// A file that goes into an image, found.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub copy: &'a Copy,
    pub path: PathBuf,
}

/// Finds all files of an image; what is ours and missing is made.
pub(super) fn find<'a>(recipe: &'a Recipe, inputs: &Inputs<'_>) -> Result<Vec<Found<'a>>> {
    let mut found = Vec::new();
    for copy in &recipe.copy {
        let (kind, rest) = copy.from.split_once(':').unwrap_or(("", &copy.from));
        let path = match kind {
            "file" => inputs.images.join("files").join(rest),
            "host" => PathBuf::from(rest),
            "c" => compile(rest, inputs)?,
            "guest" => inputs.guests()?.folder.join(rest),
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
    let name = source
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
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

/// Writes an image's own layer and returns its digest.
pub(super) fn write_layer(recipe: &Recipe, found: &[Found<'_>], path: &Path) -> Result<String> {
    let file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut tar = Writer::new(oci::Hashing::new(file));
    for dir in &recipe.dir {
        let (uid, gid) = owner(&dir.owner)?;
        let attributes = Attributes {
            mode: mode(&dir.mode)?,
            uid,
            gid,
            ..Attributes::default()
        };
        tar.folder(&dir.path, &attributes)?;
    }
    for Found { copy, path } in found {
        let (uid, gid) = owner(&copy.owner)?;
        let capability = capability(&copy.capability)?;
        let attributes = Attributes {
            mode: mode(&copy.mode)?,
            uid,
            gid,
            capability,
        };
        let file = File::open(path).with_context(|| path.display().to_string())?;
        tar.file(&copy.to, file, &attributes)
            .with_context(|| copy.to.clone())?;
    }
    Ok(tar.finish()?.digest())
}

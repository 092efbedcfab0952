//! The archive that `ctr images import` reads: an OCI layout, with every blob in it once, so that
//! the images of a set share their root file system. Nothing is compressed: the archive never
//! travels, and a node unpacks it three times faster so.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::recipe::Recipe;
use super::tar::{Attributes, Writer};
use crate::stamp::hex;

const FILE: Attributes = Attributes {
    mode: 0o644,
    uid: 0,
    gid: 0,
    capability: Vec::new(),
};

/// A layer in a file of its own.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub digest: String,
    pub size: u64,
}

/// Writes one archive.
#[derive(Debug)]
pub(crate) struct Archive {
    tar: Writer<BufWriter<File>>,
    known: BTreeSet<String>,
    index: Vec<Value>,
}

impl Archive {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let mut tar = Writer::new(BufWriter::with_capacity(1 << 20, file));
        tar.bytes("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#, &FILE)?;
        Ok(Self {
            tar,
            known: BTreeSet::new(),
            index: Vec::new(),
        })
    }

    /// Adds a layer unless it is there already.
    pub(crate) fn layer(&mut self, path: &Path, digest: &str) -> Result<Blob> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let size = file.metadata()?.len();
        if self.known.insert(digest.to_owned()) {
            self.tar.file(&place(digest), file, &FILE)?;
        }
        Ok(Blob {
            digest: digest.to_owned(),
            size,
        })
    }

    /// Adds an image made of layers that were added before.
    pub(crate) fn image(&mut self, recipe: &Recipe, layers: &[Blob]) -> Result<()> {
        let config = self.json(&configuration(recipe, layers))?;
        let descriptors: Vec<Value> = layers
            .iter()
            .map(|layer| descriptor("application/vnd.oci.image.layer.v1.tar", layer))
            .collect();
        let manifest = self.json(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": descriptors,
        }))?;
        let mut names = vec![recipe.image.clone()];
        if recipe.by_digest {
            let bare = recipe
                .image
                .rsplit_once(':')
                .map_or(&*recipe.image, |(name, _)| name);
            names.extend([&config, &manifest].map(|blob| format!("{bare}@sha256:{}", blob.digest)));
        }
        for name in names {
            let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
            if let Some(entry) = entry.as_object_mut() {
                let annotations = json!({ "io.containerd.image.name": name });
                entry.insert("annotations".to_owned(), annotations);
            }
            self.index.push(entry);
        }
        Ok(())
    }

    /// Writes the index, without which the archive is worth nothing.
    pub(crate) fn finish(mut self) -> Result<()> {
        let index = json!({ "schemaVersion": 2, "manifests": self.index });
        self.tar
            .bytes("index.json", &serde_json::to_vec(&index)?, &FILE)?;
        self.tar.finish()?;
        Ok(())
    }

    fn json(&mut self, value: &Value) -> Result<Blob> {
        let text = serde_json::to_vec(value)?;
        let digest = hex(&Sha256::digest(&text));
        if self.known.insert(digest.clone()) {
            self.tar.bytes(&place(&digest), &text, &FILE)?;
        }
        Ok(Blob {
            digest,
            size: u64::try_from(text.len())?,
        })
    }
}

fn place(digest: &str) -> String {
    format!("blobs/sha256/{digest}")
}

fn descriptor(kind: &str, blob: &Blob) -> Value {
    json!({ "mediaType": kind, "digest": format!("sha256:{}", blob.digest), "size": blob.size })
}

fn configuration(recipe: &Recipe, layers: &[Blob]) -> Value {
    const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let mut env = vec![format!("PATH={PATH}")];
    env.extend(
        recipe
            .env
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    );
    let diffs: Vec<String> = layers
        .iter()
        .map(|l| format!("sha256:{}", l.digest))
        .collect();
    json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": recipe.user,
            "Env": env,
            "Entrypoint": recipe.entrypoint,
            "Cmd": recipe.command,
            "WorkingDir": recipe.workdir,
        },
        "rootfs": { "type": "layers", "diff_ids": diffs },
    })
}

/// Passes on what is written and takes its digest.
#[derive(Debug)]
pub(crate) struct Hashing<W> {
    out: W,
    hash: Sha256,
}

impl<W: Write> Hashing<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            hash: Sha256::new(),
        }
    }

    pub(crate) fn digest(self) -> String {
        hex(&self.hash.finalize())
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

//! Everything that is made before a cluster starts, each under a key, in the cache: Go binaries,
//! root file systems, container images, and the store of imported images.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::disk::{STORE_OPTIONS, Store};
use crate::go::{self, Family};
use crate::images::{self, Archive, Inputs, Recipe};
use crate::layout::Layout;
use crate::machine::{Machine, Mount, Spec};
use crate::options::Options;
use crate::progress::Progress;
use crate::{node, rootfs, wait};

/// What a cluster is started from.
#[derive(Debug)]
pub struct Built {
    /// Directory of each family's binaries.
    pub families: BTreeMap<String, PathBuf>,
    /// The image store, filled.
    pub store: Store,
    /// Key of the images in the store.
    pub images: String,
}

/// Builds what is not in the cache.
///
/// # Errors
/// What could not be built, with the end of its log.
pub fn build(layout: &Layout, options: &Options, progress: &Progress) -> Result<Built> {
    let inputs = Folders::of(layout);
    // All images, whatever was asked for: one store then serves every cluster.
    let recipes = images::recipes(&inputs.images)?;
    // Root file systems wait for the network most of the time, compilers for the processor.
    let (families, rootfs) = std::thread::scope(|scope| {
        let rootfs = scope.spawn(|| inputs.root_file_systems(&recipes, progress));
        let families = build_families(layout, options, progress);
        (families, rootfs.join())
    });
    rootfs.map_err(|_| anyhow::anyhow!("the thread of the root file systems"))??;
    let families = families?;
    let archives = inputs.archives(&recipes, &families, progress)?;
    let images = key(&archives);
    let store = Store::open(layout)?;
    if !store.has(&images)? {
        let what = "importing the images into the nodes' image store";
        progress.step(what, Duration::from_secs(90), || {
            fill(layout, &store, &archives, &images)
        })?;
    }
    Ok(Built {
        families,
        store,
        images,
    })
}

/// Names the content of all archives: their file names carry their keys.
fn key(archives: &[Archive]) -> String {
    let mut hash = Sha256::new();
    for archive in archives {
        hash.update(
            archive
                .path
                .file_name()
                .unwrap_or_default()
                .as_encoded_bytes(),
        );
    }
    hash.finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Where images come from and go to.
struct Folders {
    images: PathBuf,
    cache: PathBuf,
    logs: PathBuf,
}

impl Folders {
    fn of(layout: &Layout) -> Self {
        let images = layout.sources.join("images");
        Self {
            images,
            cache: layout.cache.clone(),
            logs: layout.logs.clone(),
        }
    }

    fn root_file_systems(&self, recipes: &[Recipe], progress: &Progress) -> Result<()> {
        let names: BTreeSet<_> = recipes
            .iter()
            .map(|recipe| recipe.rootfs.as_str())
            .collect();
        let log = self.logs.join("rootfs.log");
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            rootfs::ensure(&self.images, name, &self.cache, &log, &|text| {
                progress.say(text)
            })?;
        }
        Ok(())
    }

    fn archives(
        &self,
        recipes: &[Recipe],
        families: &BTreeMap<String, PathBuf>,
        progress: &Progress,
    ) -> Result<Vec<Archive>> {
        let go = |family: &str, binary: &str| {
            families
                .get(family)
                .map(|dir| dir.join(binary))
                .filter(|path| path.exists())
        };
        let inputs = Inputs {
            images: &self.images,
            cache: &self.cache,
            log: &self.logs.join("images.log"),
            go: &go,
            progress: &|text| progress.say(text),
        };
        images::build(recipes, &inputs)
    }
}

fn build_families(
    layout: &Layout,
    options: &Options,
    progress: &Progress,
) -> Result<BTreeMap<String, PathBuf>> {
    let mut built = BTreeMap::new();
    for family in go::families(&layout.sources.join("../.."))? {
        if !options.wants(&family.name) {
            continue;
        }
        built.insert(
            family.name.clone(),
            build_family(layout, progress, &family)?,
        );
    }
    Ok(built)
}

fn build_family(layout: &Layout, progress: &Progress, family: &Family) -> Result<PathBuf> {
    let log = layout.logs.join(format!("go-{}.log", family.name));
    let place = family.place(&layout.cache)?;
    if go::verify(family, &place) {
        return Ok(place);
    }
    let what = format!("building {}", family.summary);
    let expected = Duration::from_secs(family.expected_seconds);
    progress.step(&what, expected, || go::build(family, &layout.cache, &log))
}

/// Imports all archives with a containerd of its own, in a machine without network.
fn fill(layout: &Layout, store: &Store, archives: &[Archive], key: &str) -> Result<()> {
    let subvolume = store.begin()?;
    let dir = layout.machine("image-store");
    let mounts = vec![
        Mount::Tmpfs {
            target: "/run".into(),
        },
        Mount::Bind {
            source: dir.join("var-lib"),
            target: "/var/lib".into(),
        },
        Mount::Device {
            device: store.device().to_owned(),
            fstype: "btrfs".to_owned(),
            options: format!("subvol={subvolume},{STORE_OPTIONS}"),
            target: "/var/lib/containerd".into(),
        },
    ];
    let machine = Machine::start(&Spec {
        name: "image-store".to_owned(),
        dir,
        mounts,
    })?;
    let imported = import_all(&machine, archives);
    machine.kill()?;
    fs::remove_dir_all(&machine.dir).context("the image store's machine")?;
    imported?;
    store.finish(key)
}

fn import_all(machine: &Machine, archives: &[Archive]) -> Result<()> {
    machine.run(&node::containerd(machine, 0)?)?;
    wait::until("containerd to answer", Duration::from_secs(30), || {
        machine.check_parts()?;
        Ok(ctr(machine, &["version"]).is_ok().then_some(()))
    })?;
    for archive in archives {
        import(machine, &archive.path)?;
    }
    Ok(())
}

/// Imports an archive of images into the containerd of a machine.
///
/// # Errors
/// What `ctr` said.
pub fn import(machine: &Machine, archive: &Path) -> Result<()> {
    let path = archive.to_str().context("a path that is not UTF-8")?;
    ctr(machine, &["images", "import", path])
}

fn ctr(machine: &Machine, words: &[&str]) -> Result<()> {
    machine
        .inside("ctr")
        .args(["-a", "/run/containerd/containerd.sock", "-n", "k8s.io"])
        .args(words)
        .timeout(Duration::from_secs(600))
        .run()
}

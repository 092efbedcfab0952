//! Everything that is made before a cluster starts, each under a key, in the cache: Go binaries,
//! root file systems, container images, and the store of imported images.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::disk::{STORE_OPTIONS, Store};
use crate::go::{self, Family};
use crate::images::{self, Archive, Inputs};
use crate::layout::Layout;
use crate::machine::{Machine, Mount, Spec};
use crate::options::Options;
use crate::progress::Progress;
use crate::{node, stamp, wait};

/// What a cluster is started from.
#[derive(Debug)]
pub struct Built {
    /// Directory of each family's binaries.
    pub families: BTreeMap<String, PathBuf>,
    /// The image store, filled.
    pub store: Store,
    /// Key of the images in the store.
    pub images: String,
    /// Whether something had to be built.
    pub anew: bool,
}

/// Builds what is not in the cache.
///
/// # Errors
/// What could not be built, with the end of its log.
pub fn build(layout: &Layout, options: &Options, progress: &Progress) -> Result<Built> {
    // All images, whatever was asked for: one store then serves every cluster.
    let recipes = images::recipes(&layout.sources.join("images"))?;
    // Root file systems wait for the network most of the time, compilers for the processor.
    let (families, prepared) = std::thread::scope(|scope| {
        let prepared = scope.spawn(|| {
            let result = with_inputs(layout, &|_, _| None, progress, |i| {
                images::prepare(&recipes, i)
            });
            result.inspect_err(|e| progress.say(&format!("failed: {e:#}")))
        });
        (build_families(layout, options, progress), prepared.join())
    });
    prepared.map_err(|_| anyhow::anyhow!("the thread of the root file systems"))??;
    let (families, some_built) = families?;
    let go = |family: &str, binary: &str| {
        families
            .get(family)
            .map(|dir: &PathBuf| dir.join(binary))
            .filter(|path| path.exists())
    };
    let archives = with_inputs(layout, &go, progress, |i| images::build(&recipes, i))?;
    let images = key(&archives);
    let store = Store::open_or_make(layout, progress)?;
    let fill_store = !store.has(&images)?;
    if fill_store {
        let what = "importing the images into the nodes' image store";
        progress.step(what, Duration::from_secs(90), || {
            fill(layout, &store, &archives, &images)
        })?;
    }
    Ok(Built {
        families,
        store,
        images,
        anew: some_built || fill_store,
    })
}

/// Names everything that programs and images are made from, without making them.
///
/// # Errors
/// If a source can't be read.
pub fn sources_key(layout: &Layout) -> Result<String> {
    let mut key = stamp::Key::default();
    for family in go::families(&layout.sources.join("../.."))? {
        // Built on demand, into no image: a cluster that runs without them is no other cluster.
        if !["kwok", "prometheus"].contains(&family.name.as_str()) {
            key.add(family.key()?);
        }
    }
    key.add_tree(&layout.sources.join("images"))?;
    Ok(key.text())
}

/// Names the content of all archives: their file names carry their keys.
fn key(archives: &[Archive]) -> String {
    let mut key = stamp::Key::default();
    for archive in archives {
        key.add(
            archive
                .path
                .file_name()
                .unwrap_or_default()
                .as_encoded_bytes(),
        );
    }
    key.text()
}

/// Calls something of [`images`] with where things come from and go to.
fn with_inputs<T>(
    layout: &Layout,
    go: &dyn Fn(&str, &str) -> Option<PathBuf>,
    progress: &Progress,
    work: impl FnOnce(&Inputs<'_>) -> Result<T>,
) -> Result<T> {
    work(&Inputs {
        images: &layout.sources.join("images"),
        cache: &layout.cache,
        log: &layout.logs.join("images.log"),
        go,
        progress: &|text| progress.say(text),
    })
}

/// The directory of each family, and whether one of them was built anew.
fn build_families(
    layout: &Layout,
    options: &Options,
    progress: &Progress,
) -> Result<(BTreeMap<String, PathBuf>, bool)> {
    let mut families = BTreeMap::new();
    let mut some_built = false;
    for family in go::families(&layout.sources.join("../.."))? {
        if !options.wants(&family.name) {
            continue;
        }
        let place = family.place(&layout.cache)?;
        if !go::verify(&family, &place) {
            some_built = true;
            build_family(layout, progress, &family)?;
        }
        families.insert(family.name, place);
    }
    Ok((families, some_built))
}

fn build_family(layout: &Layout, progress: &Progress, family: &Family) -> Result<PathBuf> {
    let log = layout.logs.join(format!("go-{}.log", family.name));
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

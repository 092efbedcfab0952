//! `plane up`: from nothing, or from whatever an earlier `up` left, to a cluster that works.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::build::{self, Built};
use crate::down::down;
use crate::host::{self, Before};
use crate::install::Installer;
use crate::layout::{self, CONTROL_PLANE, Layout};
use crate::machine::Machine;
use crate::options::Options;
use crate::progress::Progress;
use crate::{control_plane, interrupt, network, node, pki, preflight, prometheus, simulated};

/// Written when a cluster is complete: what it is, and from which checkout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Complete {
    /// As asked for.
    pub options: Options,
    /// Everything that it was built from.
    pub key: String,
    /// The checkout that started it.
    pub checkout: PathBuf,
}

impl Complete {
    fn file(layout: &Layout) -> PathBuf {
        layout.cluster.join("complete.json")
    }

    /// What the running cluster says of itself, if it was completed.
    #[must_use]
    pub fn read(layout: &Layout) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::file(layout)).ok()?).ok()
    }
}

/// Brings the cluster up; quick if it is up already.
///
/// # Errors
/// What is missing or failed; then nothing is left behind but logs, unless `keep` is set.
pub fn up(layout: &Layout, options: &Options, keep: bool) -> Result<()> {
    let progress = Progress::start();
    preflight::check(layout, &progress)?;
    let cold = !layout.cache.join("image-store.btrfs").exists();
    clear_ruins(layout, &progress)?;
    let built = build::build(layout, options, &progress)?;
    let key = key(&built);
    if let Some(running) = running(layout)? {
        if running.key == key && running.options.serves(options) {
            progress.say(&format!(
                "the cluster is up, started by {}",
                running.checkout.display()
            ));
            return Ok(());
        }
        let difference = if running.key == key {
            format!("with other options ({:?})", running.options)
        } else {
            "from other programs or images".to_owned()
        };
        bail!(
            "another cluster is up, started by {} {difference}: use it, or end it with `plane down`",
            running.checkout.display(),
        );
    }
    let ready = progress.elapsed();
    match start(layout, options, &built, &progress) {
        Ok(()) => {
            let checkout = layout.sources.clone();
            let complete = Complete {
                options: options.clone(),
                key,
                checkout,
            };
            layout::write(
                &Complete::file(layout),
                serde_json::to_vec_pretty(&complete)?,
            )?;
        }
        Err(e) if keep => return Err(e),
        Err(e) => return Err(clean_up(layout, &progress, e)),
    }
    let took = progress.elapsed();
    record(layout, if cold { "cold" } else { "warm" }, took)?;
    let from_cache = (took - ready).as_secs();
    progress.say(&format!(
        "up after {} s, {from_cache} s of it for the cluster itself",
        took.as_secs()
    ));
    Ok(())
}

/// A cluster that was not completed, or of which something has died, is taken away.
fn clear_ruins(layout: &Layout, progress: &Progress) -> Result<()> {
    if !layout.cluster.exists() {
        return Ok(());
    }
    match running(layout) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => {
            progress.say("an earlier cluster was left unfinished: removing it");
            down(layout)
        }
        Err(e) => {
            progress.say(&format!("the cluster is broken: {e:#}"));
            progress.say("removing it");
            down(layout)
        }
    }
}

/// The cluster that runs, if it was completed.
///
/// # Errors
/// The part of it that has ended.
pub fn running(layout: &Layout) -> Result<Option<Complete>> {
    let Some(complete) = Complete::read(layout) else {
        return Ok(None);
    };
    let mut names = vec![CONTROL_PLANE.to_owned()];
    names.extend((1..=complete.options.nodes).map(layout::node_name));
    for name in names {
        Machine::open(&name, &layout.machine(&name))?
            .with_context(|| format!("machine {name} has ended"))?
            .check_parts()?;
    }
    Ok(Some(complete))
}

fn key(built: &Built) -> String {
    let optional = ["kwok", "prometheus"];
    let names = built
        .families
        .iter()
        .filter(|(name, _)| !optional.contains(&name.as_str()));
    let names = names.filter_map(|(_, dir)| Some(dir.file_name()?.to_string_lossy().into_owned()));
    names
        .chain([built.images.clone()])
        .collect::<Vec<_>>()
        .join(" ")
}

fn start(layout: &Layout, options: &Options, built: &Built, progress: &Progress) -> Result<()> {
    let control_plane = progress.step(
        "starting the control plane",
        Duration::from_secs(10),
        || {
            Before::remember(layout)?;
            host::set_huge_pages(options.huge_pages)?;
            link_binaries(layout, built)?;
            pki::write(layout, options.nodes)?;
            let machine = control_plane::start_machine(layout)?;
            network::bring_up_control_plane(&machine)?;
            control_plane::start(layout, &machine, options.simulated_nodes)?;
            Ok(machine)
        },
    )?;
    let installer = Installer::new(layout, &control_plane, options);
    progress.step("starting the nodes", Duration::from_secs(20), || {
        for number in 1..=options.nodes {
            start_node(layout, options, built, &control_plane, number)?;
        }
        installer.operators()?;
        installer.nodes()?;
        control_plane::start_proxy(layout, &control_plane)
    })?;
    progress.step("CDI and KubeVirt", Duration::from_secs(90), || {
        installer.custom_resources()?;
        if options.with_prometheus() {
            prometheus::start(layout, &control_plane)?;
        }
        installer.wait_ready()
    })?;
    if options.simulated_nodes > 0 {
        let what = format!("{} simulated nodes", options.simulated_nodes);
        progress.step(&what, Duration::from_secs(60), || {
            simulated::start(layout, &control_plane, options.simulated_nodes)
        })?;
    }
    installer.taint()
}

fn start_node(
    layout: &Layout,
    options: &Options,
    built: &Built,
    control_plane: &Machine,
    number: u8,
) -> Result<()> {
    built
        .store
        .snapshot(&built.images, &layout::node_name(number))?;
    let node = node::start_machine(layout, built.store.device(), number, options.volumes)?;
    network::join_node(control_plane, &node, number)?;
    node::start(layout, &node, number)
}

/// The cluster's programs by name, so that nothing else needs to know keys.
fn link_binaries(layout: &Layout, built: &Built) -> Result<()> {
    fs::create_dir_all(layout.cluster.join("bin"))?;
    for dir in built.families.values() {
        for file in fs::read_dir(dir)? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            if name.chars().all(|c| !c.is_uppercase()) {
                std::os::unix::fs::symlink(file.path(), layout.bin(&name))?;
            }
        }
    }
    Ok(())
}

/// Keeps the logs, takes the rest away, and says where the logs are.
fn clean_up(layout: &Layout, progress: &Progress, error: anyhow::Error) -> anyhow::Error {
    interrupt::forget();
    progress.say(&format!("failed: {error:#}"));
    let kept = layout.logs.join("last-failure");
    drop(fs::remove_dir_all(&kept));
    for entry in fs::read_dir(layout.cluster.join("machines"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let target = kept.join(entry.file_name());
        drop(fs::create_dir_all(&target));
        drop(fs::rename(entry.path().join("log"), target.join("log")));
        drop(fs::copy(
            entry.path().join("init.log"),
            target.join("init.log"),
        ));
    }
    progress.say(&format!(
        "cleaning up; the parts' logs are in {}",
        kept.display()
    ));
    match down(layout) {
        Ok(()) => error.context("the cluster did not come up, and was removed again"),
        Err(e) => error.context(format!("cleaning up failed too: {e:#}")),
    }
}

/// Times of the last cold and warm `up`, for `make bench`.
fn record(layout: &Layout, kind: &str, took: Duration) -> Result<()> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let line = format!("{kind} {} {}\n", took.as_secs(), now.as_secs());
    let file = layout.cache.join("up-times");
    let old = fs::read_to_string(&file).unwrap_or_default();
    layout::write(&file, old + &line)
}

//! `plane up`: from nothing, or from whatever an earlier `up` left, to a cluster that works.

use std::fs;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};

use crate::build::{self, Built};
use crate::complete::{Complete, running};
use crate::down::down;
use crate::host::{self, Before};
use crate::install::Installer;
use crate::layout::{self, Layout};
use crate::machine::{Machine, process};
use crate::options::Options;
use crate::progress::Progress;
use crate::{control_plane, interrupt, logs, network, node, pki, preflight, prometheus, simulated};

/// Brings the cluster up; quick if it is up already.
///
/// # Errors
/// What is missing or failed; then nothing is left behind but logs, unless `keep` is set.
pub fn up(layout: &Layout, options: &Options, keep: bool) -> Result<()> {
    let progress = Progress::start();
    if use_running(layout, options, &progress)? {
        return Ok(());
    }
    preflight::check(layout, &progress)?;
    match make(layout, options, &progress) {
        Err(e) if !keep => Err(clean_up(layout, &progress, e)),
        result => result,
    }
}

/// Builds what `up` needs, while no cluster runs.
///
/// # Errors
/// What is missing or failed.
pub fn build(layout: &Layout, options: &Options) -> Result<()> {
    let progress = Progress::start();
    if Complete::read(layout).is_some() {
        bail!("a cluster is up, and a build may take its programs away: `plane down` first");
    }
    preflight::check(layout, &progress)?;
    let built = build::build(layout, options, &progress);
    interrupt::forget();
    down(layout)?;
    built?;
    progress.say(&format!("built after {} s", progress.elapsed().as_secs()));
    Ok(())
}

/// Whether a cluster runs that will do. What is not a whole cluster is taken away.
fn use_running(layout: &Layout, options: &Options, progress: &Progress) -> Result<bool> {
    if let Some(other) = process::all()?
        .into_iter()
        .find(|p| !p.spec.starts_with(&layout.cluster))
    {
        bail!(
            "a cluster of another cache is up ({}): end it first",
            other.spec.display()
        );
    }
    if !layout.cluster.exists() {
        return Ok(false);
    }
    let broken = match running(layout) {
        Ok(Some(running)) => return fits(layout, options, &running, progress),
        Ok(None) => "an earlier cluster was left unfinished".to_owned(),
        Err(e) => format!("the cluster is broken: {e:#}"),
    };
    progress.say(&format!("{broken}\n         removing it"));
    down(layout)?;
    Ok(false)
}

/// Asked before anything is built: a build would take the running cluster's programs away.
fn fits(
    layout: &Layout,
    options: &Options,
    running: &Complete,
    progress: &Progress,
) -> Result<bool> {
    let whose = running.checkout.display();
    if running.sources != build::sources_key(layout)? {
        bail!(
            "another cluster is up, started by {whose} from other programs or images: use it, or \
             end it with `plane down`"
        );
    }
    if !running.options.serves(options) {
        let theirs = &running.options;
        bail!(
            "another cluster is up, started by {whose} with {theirs:?}: use it, or end it with \
             `plane down`"
        );
    }
    progress.say(&format!("the cluster is up, started by {whose}"));
    Ok(true)
}

fn make(layout: &Layout, options: &Options, progress: &Progress) -> Result<()> {
    let nothing_built = !layout.cache.join("go").exists();
    let built = build::build(layout, options, progress)?;
    let ready = progress.elapsed();
    start(layout, options, &built, progress)?;
    Complete {
        options: options.clone(),
        sources: build::sources_key(layout)?,
        checkout: layout.sources.clone(),
    }
    .write(layout)?;
    let took = progress.elapsed();
    if options.without.is_empty() {
        match (nothing_built, built.anew) {
            (true, _) => record(layout, "cold", took)?,
            (false, false) => record(layout, "warm", took)?,
            (false, true) => {}
        }
    }
    let cluster = (took - ready).as_secs();
    progress.say(&format!(
        "up after {} s, {cluster} s of it for the cluster itself",
        took.as_secs()
    ));
    Ok(())
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
            simulated::start(layout, &control_plane, options)
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

/// Takes away what there is, and says where the logs are.
fn clean_up(layout: &Layout, progress: &Progress, error: anyhow::Error) -> anyhow::Error {
    interrupt::forget();
    progress.say(&format!("failed: {error:#}"));
    let logs = logs::kept(layout);
    progress.say(&format!(
        "cleaning up; the logs of the cluster's parts stay in {}",
        logs.display()
    ));
    match down(layout) {
        Ok(()) => error.context("the cluster did not come up, and was removed again"),
        Err(e) => error.context(format!("cleaning up failed too: {e:#}")),
    }
}

/// Times of whole clusters, for `make bench`: cold is with nothing built, warm with everything.
fn record(layout: &Layout, kind: &str, took: Duration) -> Result<()> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let line = format!("{kind} {} {}\n", took.as_secs(), now.as_secs());
    let file = layout.cache.join("up-times");
    let old = fs::read_to_string(&file).unwrap_or_default();
    layout::write(&file, old + &line)
}

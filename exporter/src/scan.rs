//! Reads a node: files below the host's root become [`Facts`].
//!
//! Nothing is written, nothing is judged, and nothing outside the root is looked at, whatever a link says. What can't be
//! read becomes a [`vmberth_decide::node::facts::Problem`] with its path and what the system says of it; a scan never
//! fails. It blocks (sysfs asks drivers, file systems ask disks), so that it belongs on a thread of its own. One file per
//! subject; each read is bounded.

mod disk;
mod file_systems;
mod functions;
mod groups;
mod interfaces;
mod machine;
mod mounts;
mod pages;
mod place;
mod read;
mod routes;
mod volumes;

use std::collections::BTreeSet;
use std::path::Path;

use vmberth_decide::node::config::Config;
use vmberth_decide::node::facts::{Area, Device, Facts, Problem};

use crate::roots::Roots;
use read::Host;

/// Reads everything of a node but the kubelet's socket, which [`crate::kubelet`] asks.
#[must_use]
pub fn scan(roots: &Roots, config: &Config) -> Facts {
    let host = match Host::at(roots.host()) {
        Ok(host) => host,
        Err(error) => return nothing(roots.host(), &error),
    };
    let mounts = mounts::read(&host);
    let volumes = volumes::read(&host, config, &mounts);
    let file_systems = file_systems::read(&host, config, &volumes, &mounts);
    Facts {
        file_systems,
        volumes,
        functions: functions::read(&host),
        pages: pages::read(&host),
        kubelet: None,
        machine: machine::read(&host, roots),
        problems: host.problems(),
    }
}

/// Pods that the kubelet has a directory mounted for now, as the mounts below `root` say.
///
/// # Errors
/// If the mounts can't be read, in words: then nobody knows.
pub fn pods_with(root: &Path, path: &str, device: Device) -> Result<BTreeSet<String>, String> {
    let host = Host::at(root).map_err(|error| format!("{}: {error}", root.display()))?;
    let mounts = mounts::read(&host);
    match host.problems().first() {
        Some(problem) => Err(format!("{}: {}", problem.path, problem.reason)),
        None => Ok(mounts.pods_with(path, device)),
    }
}

/// A node whose root can't be opened.
fn nothing(root: &Path, error: &std::io::Error) -> Facts {
    let reason = format!("the host's root {}: {error}", root.display());
    Facts {
        problems: nothing_seen(&reason),
        ..Facts::default()
    }
}

/// Every subject has the same problem.
pub(crate) fn nothing_seen(reason: &str) -> Vec<Problem> {
    let areas = [
        Area::Volumes,
        Area::FileSystems,
        Area::Functions,
        Area::Pages,
        Area::Machine,
    ];
    let problem = |area| Problem {
        area,
        path: "/".to_owned(),
        reason: reason.to_owned(),
    };
    areas.map(problem).to_vec()
}

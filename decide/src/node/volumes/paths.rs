//! Paths of volumes: which pattern of the config names one, and when two paths are the same.

use crate::node::config::{Config, VolumePattern};

/// Where a volume stands in the config; its order is the order of volumes everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::node) struct Place {
    /// Index of the pattern.
    pub(in crate::node) pattern: usize,
    /// Its number.
    pub(in crate::node) number: u16,
}

/// The path without doubled and trailing slashes and without dots: `/var//vd/./vol3/` is `/var/vd/vol3`.
pub(in crate::node) fn normal(path: &str) -> String {
    let components = path
        .split('/')
        .filter(|component| !matches!(*component, "" | "."));
    components.fold(String::new(), |path, component| {
        format!("{path}/{component}")
    })
}

/// The first pattern that names the path: prefixes such as `vol` and `vol1` both name `vol15`, and one path must never
/// have two PersistentVolumes.
pub(in crate::node) fn place_of(config: &Config, path: &str) -> Option<Place> {
    let path = normal(path);
    let mut patterns = config.volumes.iter().enumerate();
    patterns.find_map(|(index, pattern)| {
        let number = number_in(pattern, &path)?;
        Some(Place {
            pattern: index,
            number,
        })
    })
}

/// The pattern that names the path.
pub(in crate::node) fn pattern_of<'a>(config: &'a Config, path: &str) -> Option<&'a VolumePattern> {
    config.volumes.get(place_of(config, path)?.pattern)
}

fn number_in(pattern: &VolumePattern, path: &str) -> Option<u16> {
    let start = format!("{}/{}", normal(&pattern.directory), pattern.prefix);
    let digits = path.strip_prefix(&start)?;
    let number: u16 = digits.parse().ok()?;
    // `vol07` and `vol+7` are other directories than `vol7`.
    (number.to_string() == digits && number <= pattern.max).then_some(number)
}

/// Last component of a path.
pub(in crate::node) fn last_component(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

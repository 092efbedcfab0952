//! Mounts of the node's first process, from proc's mountinfo (proc_pid_mountinfo(5)).

use std::collections::BTreeSet;

use vmberth_decide::node::facts::{Area, Device, DirectoryFacts};

use super::read::{Host, TABLE, excerpt};

const PATH: &str = "/proc/1/mountinfo";
/// File system whose subvolumes have devices of their own, so that stat and mountinfo say different ones.
const BTRFS: &str = "btrfs";
/// Options of a file system that can't be written: by will, or after an error, when ext4 no longer says `ro` since Linux 6.12.
const NOT_WRITABLE: [&str; 3] = ["ro", "emergency_ro", "shutdown"];

/// All mounts, in the order of the file.
pub(super) struct Mounts(Vec<Mount>);

/// One mount.
pub(super) struct Mount {
    /// Number of the mount, as statx has it.
    id: u64,
    pub(super) device: Device,
    /// Path within the file system that is mounted.
    root: String,
    /// Where it is mounted.
    pub(super) point: String,
    /// Type of the file system.
    pub(super) kind: String,
    /// This mount can't be written through.
    pub(super) read_only: bool,
    /// The file system can't be written, by whatever mount; after an error, for instance.
    pub(super) file_system_read_only: bool,
    /// UID of the pod that the kubelet made it for.
    pod: Option<String>,
}

/// Reads them. Without them nobody knows who uses a volume and what is mounted where, so that both have a problem.
pub(super) fn read(host: &Host) -> Mounts {
    let note = |reason: &dyn std::fmt::Display| {
        host.note(Area::Volumes, PATH, reason);
        host.note(Area::FileSystems, PATH, reason);
    };
    let text = host
        .text(PATH, TABLE)
        .inspect_err(|error| note(error))
        .unwrap_or_default();
    for line in text.lines().filter(|line| parse(line).is_none()) {
        note(&format!("expected a mount, found {}", excerpt(line)));
    }
    Mounts::of(&text)
}

impl Mounts {
    /// What can be read of mountinfo's text.
    pub(super) fn of(text: &str) -> Self {
        Self(text.lines().filter_map(parse).collect())
    }

    /// The mount with a number.
    pub(super) fn by_id(&self, id: u64) -> Option<&Mount> {
        self.0.iter().find(|mount| mount.id == id)
    }

    /// The mount that a path of the node leads to, whatever its device: of those at one point the last.
    pub(super) fn deepest(&self, path: &str) -> Option<&Mount> {
        self.0
            .iter()
            .filter(|mount| is_within(path, &mount.point))
            .max_by_key(|mount| mount.point.len())
    }

    /// The mount through which a path of the node is reached. The device decides between mounts that hide each other;
    /// btrfs has other device numbers for its subvolumes than mountinfo says, so that it is a wish only.
    pub(super) fn reaching(&self, path: &str, device: Device) -> Option<&Mount> {
        self.0
            .iter()
            .filter(|mount| mount.device == device && is_within(path, &mount.point))
            .max_by_key(|mount| mount.point.len())
            .or_else(|| self.deepest(path))
    }

    /// Device of the file system that a path lies on, which all its subvolumes have in common; `device` is what stat says of
    /// the path.
    pub(super) fn file_system(&self, path: &str, device: Device) -> Device {
        let reaching = self.reaching(path, device);
        reaching
            .filter(|mount| mount.kind == BTRFS)
            .map_or(device, |mount| mount.device)
    }

    /// Where a file system is mounted that holds a path: the mount nearest to the root.
    pub(super) fn first_place(&self, path: &str, device: Device) -> Option<&Mount> {
        self.0
            .iter()
            .filter(|mount| mount.device == device && is_within(path, &mount.point))
            .min_by_key(|mount| mount.point.len())
            .or_else(|| self.reaching(path, device))
    }

    /// Pods that the kubelet has mounted a directory for, or something below it (subPath): bind mounts of the same place
    /// of the same file system.
    pub(super) fn pods_with(&self, path: &str, device: Device) -> BTreeSet<String> {
        let Some(reaching) = self.reaching(path, device) else {
            return BTreeSet::new();
        };
        let place = reaching.within(path);
        self.0
            .iter()
            .filter(|mount| mount.device == reaching.device && is_within(&mount.root, &place))
            .filter_map(|mount| mount.pod.clone())
            .collect()
    }

    /// Other paths that lead to a directory, or to something in it, by mounts that are no pod's.
    pub(super) fn other_paths(&self, path: &str, device: Device) -> BTreeSet<String> {
        let Some(reaching) = self.reaching(path, device) else {
            return BTreeSet::new();
        };
        let place = reaching.within(path);
        self.0
            .iter()
            .filter(|mount| mount.device == reaching.device && mount.pod.is_none())
            .filter_map(|mount| Some((mount, mount.path_of(&place)?)))
            // What is mounted above it hides it.
            .filter(|(mount, other)| {
                other != path && self.deepest(other).is_some_and(|seen| seen.id == mount.id)
            })
            .map(|(_, other)| other)
            .take(DirectoryFacts::PATHS)
            .collect()
    }
}

impl Mount {
    /// Path by which this mount leads to a place of its file system, or to something in it.
    fn path_of(&self, place: &str) -> Option<String> {
        if is_within(&self.root, place) {
            return Some(self.point.clone());
        }
        let below = place.strip_prefix(self.root.trim_end_matches('/'))?;
        let point = self.point.trim_end_matches('/');
        below.starts_with('/').then(|| format!("{point}{below}"))
    }

    /// Where a path that leads through this mount lies within the file system.
    pub(super) fn within(&self, path: &str) -> String {
        let rest = path.strip_prefix(&self.point).unwrap_or_default();
        let place = format!(
            "{}/{}",
            self.root.trim_end_matches('/'),
            rest.trim_start_matches('/')
        );
        format!("/{}", place.trim_matches('/'))
    }
}

/// `path` is `directory` or below it.
pub(super) fn is_within(path: &str, directory: &str) -> bool {
    let directory = directory.trim_end_matches('/');
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/sda1 rw,errors=continue`, with any number of words before the
/// dash.
fn parse(line: &str) -> Option<Mount> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ');
    let id = mount.next()?.parse().ok()?;
    let (major, minor) = mount.nth(1)?.split_once(':')?;
    let root = unescaped(mount.next()?);
    let point = unescaped(mount.next()?);
    let options = mount.next()?;
    let mut file_system = file_system.split(' ');
    let kind = unescaped(file_system.next()?);
    let super_options = file_system.nth(1)?;
    let says =
        |options: &str, words: &[&str]| options.split(',').any(|option| words.contains(&option));
    Some(Mount {
        id,
        device: Device {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        },
        pod: pod_of(&point),
        root,
        point,
        kind,
        read_only: says(options, &["ro"]),
        file_system_read_only: says(super_options, &NOT_WRITABLE),
    })
}

/// The pod of `…/pods/<uid>/volumes/…` or `…/pods/<uid>/volume-subpaths/…`, which the kubelet mounts volumes at, whatever its
/// root directory is (k8s.io/kubernetes 1.33, pkg/kubelet/kubelet_getters.go).
fn pod_of(point: &str) -> Option<String> {
    let parts: Vec<&str> = point.split('/').collect();
    parts.windows(3).find_map(|window| match window {
        &["pods", uid, "volumes" | "volume-subpaths" | "volumeDevices"] => Some(uid.to_owned()),
        _ => None,
    })
}

/// Blank, tab, line feed and backslash stand there as `\040` and the like.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let octal = tail
            .get(..3)
            .filter(|_| first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(octal.unwrap_or(first));
        rest = if octal.is_some() {
            tail.get(3..).unwrap_or_default()
        } else {
            tail
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;

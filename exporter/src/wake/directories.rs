//! The directories that are watched, by inotify.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use inotify::{EventMask, EventStream, Inotify, WatchDescriptor, WatchMask};
use tokio::sync::Notify;
use tokio::task::JoinError;
use vmberth_decide::node::config::Config;

use crate::patience::Patience;
use crate::roots::Roots;

/// Where the kubelet has its sockets and registers device plugins.
const KUBELET: [&str; 2] = ["pod-resources", "device-plugins"];

/// Room for a few events; what does not fit waits in the kernel.
const BUFFER: usize = 4096;

/// The way to a directory may end at a file system that hangs. The scan waits longer, and tells of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Inotify, or nothing if the system has none left.
#[derive(Debug)]
pub(super) struct Directories {
    events: Option<EventStream<Vec<u8>>>,
    watched: Vec<WatchDescriptor>,
    told: BTreeSet<String>,
    patience: Patience,
}

/// What is to be watched of a node: the patterns' directories, every volume that they may have, the kubelet's
/// directories.
#[must_use]
pub fn directories(roots: &Roots, config: &Config) -> BTreeSet<PathBuf> {
    let below = |path: &str| roots.below(path);
    let patterns = config.volumes.iter().flat_map(|pattern| {
        let (parent, prefix) = (&pattern.directory, &pattern.prefix);
        let volumes =
            (0..=pattern.max).map(move |number| below(&format!("{parent}{prefix}{number}")));
        volumes.chain([below(parent)])
    });
    KUBELET
        .iter()
        .map(|name| below(&roots.kubelet(name)))
        .chain(patterns)
        .collect()
}

impl Directories {
    /// `returned` is told when what hung has returned.
    pub(super) fn open(returned: Arc<Notify>) -> Self {
        let buffer = vec![0; BUFFER];
        let events = Inotify::init().and_then(|inotify| inotify.into_event_stream(buffer));
        let events = events.map_err(|error| {
            let error = error.to_string();
            tracing::warn!(error, "no inotify: changes of directories are seen at the next resync only; raise fs.inotify.max_user_instances");
        });
        Self {
            events: events.ok(),
            watched: Vec::new(),
            told: BTreeSet::new(),
            patience: Patience::new(PATIENCE, returned),
        }
    }

    /// Every path is added again each time, which changes nothing for a directory that is watched already, and finds one
    /// that was made anew or is hidden by a mount. While one hangs, those are watched that were before.
    pub(super) async fn watch(&mut self, paths: BTreeSet<PathBuf>) -> Result<(), JoinError> {
        let Some(events) = &self.events else {
            return Ok(());
        };
        let mut watches = events.watches();
        let mut adding = watches.clone();
        let add = move || {
            let added = |path: PathBuf| (adding.add(&path, mask()), path);
            paths.into_iter().map(added).collect::<Vec<_>>()
        };
        let Some(added) = self.patience.with(add).await? else {
            return Ok(());
        };
        let mut now = Vec::new();
        for (watch, path) in added {
            match watch {
                Ok(watch) => now.push(watch),
                // Its parent tells when it comes; links and files are no volumes; the scan tells of the others.
                Err(error) if is_expected(&error) => {}
                Err(error) => {
                    if self.told.insert(error.to_string()) {
                        let (error, path) = (error.to_string(), path.display().to_string());
                        tracing::warn!(
                            error,
                            path,
                            "not watched: changes are seen at the next resync only"
                        );
                    }
                }
            }
        }
        for old in self.watched.drain(..).filter(|old| !now.contains(old)) {
            // Of a directory that is gone the kernel has dropped it.
            drop(watches.remove(old));
        }
        self.watched = now;
        Ok(())
    }

    /// Until something happens in one of them.
    pub(super) async fn changed(&mut self) {
        let Some(events) = &mut self.events else {
            return std::future::pending().await;
        };
        loop {
            match events.next().await {
                // Says that a watch ended, ours to end included.
                Some(Ok(event)) if event.mask.contains(EventMask::IGNORED) => {}
                Some(Ok(_)) => return,
                Some(Err(error)) => return self.give_up(&error.to_string()),
                None => return self.give_up("end of file"),
            }
        }
    }

    /// Forgets what has happened by now.
    pub(super) fn drain(&mut self) {
        let Some(events) = &mut self.events else {
            return;
        };
        while let Some(Some(Ok(_))) = events.next().now_or_never() {}
    }

    #[cfg(test)]
    pub(super) fn watches_nothing(&self) -> bool {
        self.watched.is_empty()
    }

    fn give_up(&mut self, error: &str) {
        tracing::warn!(
            error,
            "inotify failed: changes of directories are seen at the next resync only"
        );
        self.events = None;
        self.watched.clear();
    }
}

/// Entries come and go, change owner or mode, are written and closed. Not each write: guests write all the time.
fn mask() -> WatchMask {
    WatchMask::CREATE
        | WatchMask::DELETE
        | WatchMask::MOVE
        | WatchMask::ATTRIB
        | WatchMask::CLOSE_WRITE
        | WatchMask::DELETE_SELF
        | WatchMask::MOVE_SELF
        | WatchMask::ONLYDIR
        | WatchMask::DONT_FOLLOW
}

fn is_expected(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
    )
}

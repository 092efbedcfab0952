//! One look at the node: its files, and the kubelet's word.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinError;
use vmberth_decide::node::config::Config;
use vmberth_decide::node::facts::{Area, Facts};

use crate::patience::Patience;
use crate::roots::Roots;
use crate::{kubelet, scan};

/// A scan takes milliseconds, seconds on a node whose disks are busy. One that takes longer waits for a file system that does
/// not answer, and the cluster must not wait with it.
const PATIENCE: Duration = Duration::from_secs(30);

type Scan = Arc<dyn Fn(&Config) -> Facts + Send + Sync>;

/// Looks at one node, again and again.
pub struct Looker {
    scan: Scan,
    /// The kubelet's socket on the node, and where we find it.
    socket: (String, PathBuf),
    patience: Patience,
    /// What the last good scan saw.
    last: Facts,
    hangs: bool,
}

impl Looker {
    /// Nothing was looked at yet. `returned` is told when a scan that hung has returned.
    #[must_use]
    pub fn new(roots: Roots, returned: Arc<Notify>) -> Self {
        let path = roots.kubelet(kubelet::SOCKET);
        Self {
            socket: (path.clone(), roots.below(&path)),
            scan: Arc::new(move |config| scan::scan(&roots, config)),
            patience: Patience::new(PATIENCE, returned),
            last: Facts::default(),
            hangs: false,
        }
    }

    /// Everything that can be read of the node. While a file system hangs it is what the last good look saw, with a problem of
    /// every area, so that nobody takes it for what is there.
    ///
    /// # Errors
    /// If the thread that reads ended without a word.
    pub async fn look(&mut self, config: &Config) -> Result<Facts, JoinError> {
        let (scan, config) = (Arc::clone(&self.scan), config.clone());
        let scanned = self.patience.with(move || scan(&config)).await?;
        self.tell(scanned.is_none());
        let mut facts = scanned.unwrap_or_else(|| self.as_before());
        if root_was_seen(&facts) {
            self.last = facts.clone();
        }
        let (path, socket) = &self.socket;
        match kubelet::ask(socket).await {
            Ok(answer) => facts.kubelet = Some(answer),
            Err(error) => facts.problems.push(error.problem(path)),
        }
        facts.problems.sort();
        Ok(facts)
    }

    fn as_before(&self) -> Facts {
        let seconds = self.patience.limit().as_secs();
        let reason =
            format!("no answer within {seconds} s: a file system hangs; see the kernel's log");
        let mut facts = self.last.clone();
        facts.problems.extend(scan::nothing_seen(&reason));
        facts
    }

    /// What lasts is told once.
    fn tell(&mut self, hangs: bool) {
        match (self.hangs, hangs) {
            (false, true) => {
                let seconds = self.patience.limit().as_secs();
                tracing::warn!(
                    seconds,
                    "a scan hangs: a file system does not answer; what is known of the node gets old, and nothing is done on \
                     it; see the kernel's log"
                );
            }
            (true, false) => tracing::info!("the scan that hung has returned"),
            (true, true) | (false, false) => {}
        }
        self.hangs = hangs;
    }
}

impl fmt::Debug for Looker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Looker")
            .field("socket", &self.socket)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// Without the host's root nothing was seen, and while a file system hangs neither: what is told of the node then is not
/// fresh, and no ground to do anything.
#[must_use]
pub fn root_was_seen(facts: &Facts) -> bool {
    let is_root = |area: Area, path: &str| area == Area::Volumes && path == "/";
    !(facts.problems.iter()).any(|problem| is_root(problem.area, &problem.path))
}

#[cfg(test)]
pub(crate) mod tests;

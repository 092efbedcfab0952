use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use tokio::time::advance;
use vmberth_decide::node::assess::{ConditionKind, Status, assess};
use vmberth_decide::node::binder;
use vmberth_decide::node::cluster::Cluster;
use vmberth_decide::node::config::Binding;
use vmberth_decide::node::facts::{Content, DirectoryFacts, PhysicalFunction, VolumeFacts};

use super::*;

/// In the time of the tests, which stands still unless it is moved, and never moves by itself while a thread is at work.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// A node whose file systems hang when they are told to.
pub(crate) struct Stage {
    pub(crate) looker: Looker,
    pub(crate) returned: Arc<Notify>,
    scans: Sender<Scanned>,
}

/// What the next scan does.
enum Scanned {
    Sees(Box<Facts>),
    /// Nothing until the other end is dropped.
    Hangs(Receiver<()>),
}

impl Stage {
    pub(crate) fn new() -> Self {
        let (scans, next) = channel();
        let next = Mutex::new(next);
        let returned = Arc::new(Notify::new());
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::new(folder.path().join("gone"), crate::roots::KUBELET);
        let mut looker = Looker::new(roots, Arc::clone(&returned));
        looker.patience = Patience::new(LIMIT, Arc::clone(&returned));
        looker.scan = Arc::new(move |_| {
            let next = next.lock().unwrap_or_else(PoisonError::into_inner);
            let scanned = next.try_recv();
            drop(next);
            match scanned {
                Ok(Scanned::Sees(facts)) => *facts,
                Ok(Scanned::Hangs(until)) => {
                    let _dropped = until.recv();
                    Facts::default()
                }
                Err(_) => panic!("nobody said what this scan sees"),
            }
        });
        Self {
            looker,
            returned,
            scans,
        }
    }

    pub(crate) fn sees(&self, facts: Facts) {
        self.scans.send(Scanned::Sees(Box::new(facts))).unwrap();
    }

    /// The next scan hangs until what is returned is dropped.
    pub(crate) fn hangs(&self) -> Sender<()> {
        let (release, until) = channel();
        self.scans.send(Scanned::Hangs(until)).unwrap();
        release
    }

    async fn look(&mut self) -> Facts {
        self.looker.look(&Config::default()).await.unwrap()
    }

    /// A look during which so much time goes by.
    async fn look_for(&mut self, time: Duration) -> Facts {
        tokio::join!(self.look(), advance(time)).0
    }
}

fn node(volumes: usize) -> Facts {
    let volume = |number: usize| VolumeFacts {
        name: format!("vol{number}"),
        path: format!("/var/vd/vol{number}"),
        content: Content::Directory(DirectoryFacts::default()),
    };
    Facts {
        volumes: (0..volumes).map(volume).collect(),
        functions: vec![PhysicalFunction {
            address: "0000:3b:00.0".to_owned(),
            total_vfs: 8,
            ..PhysicalFunction::default()
        }],
        ..Facts::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_system_that_hangs_silences_nobody() {
    let mut stage = Stage::new();
    stage.sees(node(2));
    let seen = stage.look().await;
    assert!(root_was_seen(&seen));
    let release = stage.hangs();
    let before = stage.look_for(LIMIT).await;
    assert!(!root_was_seen(&before));
    assert_eq!(before.volumes, seen.volumes);
    let reason = "no answer within 10 s: a file system hangs; see the kernel's log";
    let told: Vec<Area> = before
        .problems
        .iter()
        .filter(|problem| problem.path == "/" && problem.reason == reason)
        .map(|problem| problem.area)
        .collect();
    let areas = [
        Area::Volumes,
        Area::FileSystems,
        Area::Functions,
        Area::Pages,
        Area::Machine,
    ];
    assert_eq!(told, areas);
    // No second scan begins, and nobody waits again.
    assert!(!root_was_seen(&stage.look_for(LIMIT / 2).await));
    drop(release);
    stage.returned.notified().await;
    tokio::task::yield_now().await;
    // What the scan saw that hung is not told any more.
    stage.sees(node(3));
    let after = stage.look().await;
    assert!(root_was_seen(&after));
    assert_eq!(after.volumes.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_hangs_from_the_start_is_told_too() {
    let mut stage = Stage::new();
    let release = stage.hangs();
    let facts = stage.look_for(LIMIT).await;
    assert!(!root_was_seen(&facts) && facts.volumes.is_empty());
    drop(release);
}

/// Conditions say that nobody knows, and nothing is done to a card.
#[tokio::test(start_paused = true)]
async fn what_is_known_from_before_is_not_said_to_be_so() {
    let mut stage = Stage::new();
    stage.sees(node(1));
    stage.look().await;
    let release = stage.hangs();
    let facts = stage.look_for(LIMIT).await;
    let binding = Binding {
        physical_function: "0000:3b:00.0".to_owned(),
        num_vfs: 8,
        vfio: true,
    };
    let config = Config {
        binder: vec![binding],
        ..Config::default()
    };
    assert_eq!(binder::plan(&facts, &config).steps, []);
    let assessment = assess(&facts, &Cluster::default(), &Config::default());
    for kind in [
        ConditionKind::VolumesHealthy,
        ConditionKind::DiskPressure,
        ConditionKind::HugePagesInSync,
    ] {
        let mut findings = assessment.findings.iter();
        let finding = findings.find(|finding| finding.kind == kind).unwrap();
        assert_eq!(finding.status, Status::Unknown, "{finding:?}");
        assert!(
            finding.message.contains("a file system hangs"),
            "{finding:?}"
        );
    }
    drop(release);
}

/// Of a scan that could not even open the root, nothing is kept for later.
#[tokio::test(start_paused = true)]
async fn only_a_good_look_is_remembered() {
    let mut stage = Stage::new();
    stage.sees(node(2));
    stage.look().await;
    stage.sees(Facts {
        problems: scan::nothing_seen("Input/output error (os error 5)"),
        ..Facts::default()
    });
    assert!(stage.look().await.volumes.is_empty());
    let release = stage.hangs();
    assert_eq!(stage.look_for(LIMIT).await.volumes.len(), 2);
    drop(release);
}

use std::fs;

use prometheus::Registry;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use standin_sysfs::{Card, Kernel, plant};
use tempfile::TempDir;

use super::*;

const PF: &str = "0000:3b:00.0";
const OTHER: &str = "0000:5e:00.0";
const SECOND: Duration = Duration::from_secs(1);

struct Stage {
    root: TempDir,
    _kernel: Kernel,
    metrics: Metrics,
    binder: Binder,
}

impl Stage {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let other = Card {
            address: OTHER.to_owned(),
            interface: "ens2f0".to_owned(),
            group: Some(31),
            ..Card::default()
        };
        plant(root.path(), &[Card::default(), other]).unwrap();
        Self {
            _kernel: Kernel::start(root.path()).unwrap(),
            root,
            metrics: Metrics::register(&Registry::new()).unwrap(),
            binder: Binder::default(),
        }
    }

    async fn round(&mut self, first: Plan, again: Plan) -> Option<Duration> {
        let again = async { Ok(again) };
        let round = self
            .binder
            .round(self.root.path(), first, again, &self.metrics);
        round.await.unwrap()
    }

    fn count(&self, address: &str) -> String {
        let file = format!("sys/bus/pci/devices/{address}/sriov_numvfs");
        let text = fs::read_to_string(self.root.path().join(file)).unwrap();
        text.trim().to_owned()
    }
}

fn step(address: &str, to: u32) -> Step {
    Step::SetNumVfs {
        address: address.to_owned(),
        from: 0,
        to,
    }
}

fn plan(steps: impl IntoIterator<Item = Step>) -> Plan {
    Plan {
        steps: steps.into_iter().collect(),
        ..Plan::default()
    }
}

#[tokio::test]
async fn only_what_is_still_right_is_done() {
    let mut stage = Stage::new();
    let first = plan([step(PF, 2), step(OTHER, 2)]);
    let again = stage.round(first, plan([step(OTHER, 2)])).await;
    assert_eq!(again, Some(LOOK_AGAIN));
    assert_eq!(
        (stage.count(PF), stage.count(OTHER)),
        ("0".into(), "2".into())
    );
}

#[tokio::test]
async fn nothing_to_do_asks_nobody_again() {
    let mut stage = Stage::new();
    let never = async { panic!("asked again") };
    let round = stage
        .binder
        .round(stage.root.path(), Plan::default(), never, &stage.metrics);
    assert_eq!(round.await.unwrap(), None);
}

#[tokio::test]
async fn functions_for_vms_are_made_unprobed() {
    let mut stage = Stage::new();
    let unprobed = || Plan {
        unprobed: [PF.to_owned()].into(),
        ..plan([step(PF, 1), step(OTHER, 1)])
    };
    stage.round(unprobed(), unprobed()).await;
    let driver = |address: &str| {
        let link = format!("sys/bus/pci/devices/{address}/virtfn0/driver");
        fs::read_link(stage.root.path().join(link)).is_ok()
    };
    assert!(!driver(PF));
    assert!(driver(OTHER));
}

/// In the time of the tests, which stands still unless it is moved.
#[tokio::test(start_paused = true)]
async fn device_that_fails_waits_longer_each_time_and_others_go_on() {
    let mut stage = Stage::new();
    let bad = || Step::SetNumVfs {
        address: PF.to_owned(),
        from: 5,
        to: 8,
    };
    let both = || plan([bad(), step(OTHER, 1)]);
    assert_eq!(stage.round(both(), both()).await, Some(LOOK_AGAIN));
    assert_eq!(stage.count(OTHER), "1");
    let mut waits = Vec::new();
    for _ in 0..6 {
        let wait = stage.round(plan([bad()]), plan([bad()])).await.unwrap();
        waits.push(wait.as_secs());
        tokio::time::advance(wait).await;
        let tried = stage.round(plan([bad()]), plan([bad()])).await;
        assert_eq!(tried, Some(LOOK_AGAIN));
    }
    assert_eq!(waits, [60, 120, 240, 480, 600, 600]);

    let good = || plan([step(PF, 2)]);
    tokio::time::advance(LONGEST_WAIT).await;
    stage.round(good(), good()).await;
    assert_eq!(stage.count(PF), "2");
    assert!(stage.binder.troubles.is_empty());
}

/// Each other word in a condition is a write to the API server.
#[tokio::test(start_paused = true)]
async fn trouble_is_told_in_the_same_words_as_long_as_it_is_wanted() {
    let mut stage = Stage::new();
    let root = stage.root.path().to_owned();
    let told = |stage: &Stage, plan: &Plan| match stage.binder.standing(Some(&root), plan) {
        Standing::Works(troubles) => troubles,
        Standing::ReadOnly => panic!("there is a root"),
    };
    let from = |from| Step::SetNumVfs {
        address: PF.to_owned(),
        from,
        to: 8,
    };
    stage.round(plan([from(5)]), plan([from(5)])).await;
    let first = told(&stage, &plan([from(5)]));
    assert!(first[PF].contains("has 0 functions, not 5"), "{first:?}");
    assert_eq!(first.len(), 1);
    for number in [6, 7] {
        let plan = || plan([from(number)]);
        tokio::time::advance(LONGEST_WAIT).await;
        stage.round(plan(), plan()).await;
        assert_eq!(told(&stage, &plan()), first, "but for its numbers the same");
    }
    assert_eq!(told(&stage, &Plan::default()), BTreeMap::new());
    assert_eq!(
        stage.binder.standing(None, &Plan::default()),
        Standing::ReadOnly
    );
}

#[tokio::test]
async fn missing_module_is_told_of_each_function() {
    let mut stage = Stage::new();
    stage.round(plan([step(PF, 2)]), plan([step(PF, 2)])).await;
    let module = stage.root.path().join("sys/bus/pci/drivers/vfio-pci");
    fs::remove_dir_all(module).unwrap();
    let bind = |index| Step::BindVfio {
        address: format!("0000:3b:02.{index}"),
        from: Some("iavf".to_owned()),
    };
    let both = || plan([bind(0), bind(1)]);
    stage.round(both(), both()).await;
    let troubles = stage.binder.troubles(&both());
    assert_eq!(troubles.len(), 2, "{troubles:?}");
    let text = &troubles["0000:3b:02.0"];
    assert!(text.contains("modprobe vfio-pci"), "{text}");
}

/// A runtime waits for its threads: without this, a failed test would never end.
struct Released(PathBuf);

impl Drop for Released {
    fn drop(&mut self) {
        let both_ends = fs::OpenOptions::new().read(true).write(true).open(&self.0);
        fs::remove_file(&self.0).unwrap();
        drop(both_ends.unwrap());
    }
}

/// In the time of the tests, which stands still while a thread is at work: however slow the machine, only what is moved is over.
#[tokio::test(start_paused = true)]
async fn write_that_blocks_does_not_hang_the_rounds() {
    let mut stage = Stage::new();
    // A pipe without a writer blocks who opens it, as a driver may.
    let pipe = format!("sys/bus/pci/devices/{PF}/sriov_numvfs");
    let pipe = stage.root.path().join(pipe);
    fs::remove_file(&pipe).unwrap();
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let _released = Released(pipe.clone());
    let both = || plan([step(PF, 2), step(OTHER, 2)]);
    let (next, ()) = tokio::join!(stage.round(both(), both()), tokio::time::advance(PATIENCE));
    assert_eq!(next, Some(LOOK_AGAIN));
    assert!(stage.binder.troubles[PF].hangs.is_some());
    assert!(
        stage.binder.troubles[PF]
            .told
            .contains("no answer from the kernel")
    );
    assert_eq!(stage.binder.troubles(&Plan::default()).len(), 1, "it hangs");
    assert_eq!(stage.round(both(), both()).await, Some(LOOK_AGAIN));
    assert_eq!(stage.count(OTHER), "2");
    let only = || plan([step(PF, 2)]);
    assert_eq!(stage.round(only(), only()).await, Some(FIRST_WAIT));

    // It returns at last: with what is no number.
    fs::write(&pipe, "none").unwrap();
    for _ in 0..6000 {
        let hangs = stage.binder.troubles[PF].hangs.as_ref();
        if hangs.is_some_and(JoinHandle::is_finished) {
            break;
        }
        std::thread::sleep(SECOND / 100);
    }
    stage.round(only(), only()).await;
    let told = &stage.binder.troubles[PF].told;
    assert!(told.contains("is not a number"), "{told}");
    assert_eq!(stage.binder.troubles[PF].wait, FIRST_WAIT);
}

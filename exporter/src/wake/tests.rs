use std::fs;

use tempfile::TempDir;
use vmberth_decide::node::config::{Config, VolumePattern};

use super::*;
use crate::roots::Roots;

const RESYNC: Duration = Duration::from_secs(300);

fn wake() -> (Wake, Arc<Notify>) {
    let changed = Arc::new(Notify::new());
    (Wake::new(Arc::clone(&changed), RESYNC), changed)
}

#[tokio::test(start_paused = true)]
async fn without_change_only_time_wakes() {
    let (mut wake, _) = wake();
    let begin = Instant::now();
    assert_eq!(wake.next(None).await, Cause::Time);
    assert_eq!(begin.elapsed(), RESYNC);
    assert_eq!(wake.next(Some(Duration::from_secs(7))).await, Cause::Time);
    assert_eq!(begin.elapsed(), RESYNC + Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn first_change_waits_for_its_companions() {
    let (mut wake, changed) = wake();
    let begin = Instant::now();
    changed.notify_one();
    assert_eq!(wake.next(None).await, Cause::Change);
    assert_eq!(begin.elapsed(), SETTLE);
}

#[tokio::test(start_paused = true)]
async fn thousand_changes_in_ten_seconds_are_at_most_one_round_a_second() {
    let (mut wake, changed) = wake();
    let burst = async {
        for _ in 0..1000 {
            changed.notify_one();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Instant::now()
    };
    let mut rounds = Vec::new();
    let count = async {
        while wake.next(None).await == Cause::Change {
            rounds.push(Instant::now());
        }
    };
    let (end, ()) = tokio::join!(burst, count);
    assert!(
        rounds
            .windows(2)
            .all(|two| two[1] - two[0] >= BETWEEN_ROUNDS)
    );
    let last = rounds.last().copied();
    assert!(last.is_some_and(|last| last >= end - SETTLE && last <= end + BETWEEN_ROUNDS));
}

/// A wake that watches this directory.
async fn watching(paths: &[&std::path::Path]) -> Wake {
    let (mut wake, _) = wake();
    watch(&mut wake, paths).await;
    wake
}

async fn watch(wake: &mut Wake, paths: &[&std::path::Path]) {
    let paths = paths.iter().map(|path| path.to_path_buf()).collect();
    wake.watch(paths).await.unwrap();
}

async fn changes(wake: &mut Wake) {
    let cause = tokio::time::timeout(Duration::from_secs(20), wake.next(None)).await;
    assert_eq!(cause.unwrap(), Cause::Change);
}

/// Nothing has happened since the round before. The kernel queues events at once, but the runtime has to look.
async fn is_quiet(wake: &mut Wake) -> bool {
    let soon = Duration::from_millis(50);
    let changed = tokio::time::timeout(soon, wake.directories.changed());
    changed.await.is_err()
}

#[tokio::test]
async fn new_disk_wakes_and_its_writes_do_not() {
    let there = TempDir::new().unwrap();
    let mut wake = watching(&[there.path()]).await;
    assert!(is_quiet(&mut wake).await);
    let disk = there.path().join("disk.img");
    let mut file = fs::File::create(&disk).unwrap();
    changes(&mut wake).await;
    std::io::Write::write_all(&mut file, b"guest").unwrap();
    file.sync_all().unwrap();
    drop(fs::read(&disk).unwrap());
    assert!(is_quiet(&mut wake).await);
    drop(file);
    changes(&mut wake).await;
    fs::remove_file(&disk).unwrap();
    changes(&mut wake).await;
}

#[tokio::test]
async fn directory_that_was_made_anew_is_watched_again() {
    let there = TempDir::new().unwrap();
    let volume = there.path().join("vol0");
    let paths = [there.path(), &volume];
    let mut wake = watching(&paths).await;
    fs::create_dir(&volume).unwrap();
    changes(&mut wake).await;
    watch(&mut wake, &paths).await;
    fs::write(volume.join("disk.img"), "").unwrap();
    changes(&mut wake).await;
    fs::rename(&volume, there.path().join("aside")).unwrap();
    fs::create_dir(&volume).unwrap();
    changes(&mut wake).await;
    watch(&mut wake, &paths).await;
    wake.directories.drain();
    fs::write(there.path().join("aside/x"), "").unwrap();
    assert!(
        is_quiet(&mut wake).await,
        "the old directory is none of ours any longer"
    );
    fs::write(volume.join("y"), "").unwrap();
    changes(&mut wake).await;
}

#[tokio::test]
async fn links_are_not_followed_and_what_is_missing_is_no_failure() {
    let (there, outside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let link = there.path().join("vol0");
    std::os::unix::fs::symlink(outside.path(), &link).unwrap();
    let mut wake = watching(&[&link, &there.path().join("vol1")]).await;
    fs::write(outside.path().join("x"), "").unwrap();
    assert!(is_quiet(&mut wake).await);
    assert!(wake.directories.watches_nothing());
}

#[test]
fn patterns_and_kubelet_are_watched_below_the_root() {
    let pattern = VolumePattern {
        directory: "/var/vd/".to_owned(),
        prefix: "vol".to_owned(),
        max: 1,
        slash_added: false,
        offer: None,
    };
    let config = Config {
        volumes: vec![pattern],
        ..Config::default()
    };
    let paths = directories(&Roots::new("/host", "/var/kubelet"), &config);
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(
        paths,
        [
            "/host/var/kubelet/device-plugins",
            "/host/var/kubelet/pod-resources",
            "/host/var/vd/",
            "/host/var/vd/vol0",
            "/host/var/vd/vol1",
        ]
    );
}

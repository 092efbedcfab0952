//! Neither waiting nor restarting goes on for ever.

use super::*;

fn differing_by(device: &str) -> Assessment {
    of(PoolVerdict {
        stale: vec![device.to_owned()],
        ..pool()
    })
}

/// When the device plugin is restarted within so many seconds, and whether it was given up at the end.
fn restarts(at: impl Fn(u64) -> Assessment, end: u64) -> (Vec<u64>, bool) {
    let cluster = cluster(vec![plugin_pod()]);
    let mut memory = Restarts::default();
    let mut restarts = Vec::new();
    let mut last = Decision::Nothing;
    for now in 0..end {
        last = decide(&at(now), &cluster, &config(), &mut memory, seconds(now));
        if last == restart() {
            restarts.push(now);
        }
    }
    (restarts, last == Decision::GiveUp)
}

#[test]
fn restarting_ends_when_it_does_not_help() {
    let four = vec![60, 120, 420, 1320];
    assert_eq!(restarts(|_| differing(), 1380), (four.clone(), false));
    assert_eq!(restarts(|_| differing(), 1381), (four.clone(), true));
    assert_eq!(restarts(|_| differing(), 100_000), (four, true));
}

#[test]
fn something_else_that_differs_is_a_new_reason() {
    let at = |now| match now {
        0..50_000 => differing(),
        _ => differing_by("0000:3b:02.7"),
    };
    let (restarts, given_up) = restarts(at, 70_000);
    assert_eq!(restarts[3..6], [1320, 50_059, 53_659]);
    assert!(given_up);
}

/// A kubelet that is started again advertises nothing for a moment.
#[test]
fn something_else_for_a_moment_is_no_reason() {
    let at = |now| match now % 1000 {
        0..50 => differing_by("0000:3b:02.7"),
        _ => differing(),
    };
    assert_eq!(restarts(at, 50_000).0.len(), 4);
}

#[test]
fn back_off_grows_though_the_difference_is_another_each_time() {
    let at = |now: u64| differing_by(&format!("0000:3b:02.{}", now / 100));
    let (restarts, given_up) = restarts(at, 10_000);
    let waits: Vec<u64> = restarts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(restarts[0], 60);
    assert_eq!(waits, [60, 300, 900, 3600, 3600]);
    assert!(!given_up);
}

#[test]
fn success_is_a_new_beginning() {
    let at = |now| match now {
        5_000..5_010 => in_sync(),
        _ => differing(),
    };
    let (restarts, _) = restarts(at, 20_000);
    assert_eq!(restarts.len(), 8);
    assert_eq!(restarts[4], 5_070);
}

#[test]
fn restart_that_could_not_be_made_is_not_in_vain() {
    let cluster = cluster(vec![plugin_pod()]);
    let mut memory = Restarts::default();
    let mut tried = 0;
    for now in 0..20_000 {
        let decision = decide(&differing(), &cluster, &config(), &mut memory, seconds(now));
        assert_ne!(decision, Decision::GiveUp);
        if decision == restart() {
            memory.failed();
            tried += 1;
        }
    }
    assert_eq!(tried, 9);
}

/// As one whose device is gone (CreateContainerError): the restart is its cure.
#[test]
fn pod_that_never_starts_is_waited_for_five_minutes() {
    let stuck = Pod {
        namespace: "default".to_owned(),
        name: "virt-launcher-vm1-x".to_owned(),
        machine: Some("vm1".to_owned()),
        starting: true,
        ..Pod::default()
    };
    let cluster = cluster(vec![stuck, plugin_pod()]);
    let mut memory = late();
    let mut at = |now| decide(&differing(), &cluster, &config(), &mut memory, seconds(now));
    let awaited = || Awaited::Pod {
        namespace: "default".to_owned(),
        name: "virt-launcher-vm1-x".to_owned(),
    };
    assert_eq!(at(60), wait(10, awaited()));
    assert_eq!(at(357), wait(3, awaited()));
    assert_eq!(at(360), restart());
    assert_eq!(at(420), wait(10, awaited()), "each restart waits anew");
    assert_eq!(at(720), restart());
}

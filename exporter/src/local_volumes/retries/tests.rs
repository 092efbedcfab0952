use std::collections::BTreeMap;

use vmberth_decide::node::cluster::ClaimRef;
use vmberth_decide::node::facts::Device;
use vmberth_decide::node::local_volumes::{DirectoryId, Mend, ReclaimOrder};

use super::*;
use crate::local_volumes::{ActionError, Done};

fn reclaim(name: &str) -> Action {
    Action::Reclaim(ReclaimOrder {
        name: name.to_owned(),
        uid: "u".to_owned(),
        claim: ClaimRef::default(),
        path: "/var/vd/vol0".to_owned(),
        directory: DirectoryId {
            device: Device::default(),
            inode: 2,
        },
    })
}

fn mend(name: &str) -> Action {
    Action::Mend(Mend {
        name: name.to_owned(),
        uid: "u".to_owned(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    })
}

fn ended(volume: &str, result: Result<Done, ActionError>) -> Outcome {
    Outcome {
        volume: volume.to_owned(),
        result,
    }
}

fn busy() -> Result<Done, ActionError> {
    Err(ActionError::Changed("in use".to_owned()))
}

fn names(actions: &[Action]) -> Vec<&str> {
    actions.iter().map(name_of).collect()
}

#[test]
fn one_directory_at_a_time_is_emptied_and_last() {
    let planned = vec![reclaim("a"), mend("b"), reclaim("c"), mend("d")];
    let (due, wait) = batch(planned, &Retries::default(), Instant::now());
    assert_eq!(names(&due), ["b", "d", "a"]);
    assert_eq!(wait, None);
}

#[test]
fn a_volume_that_fails_waits_longer_each_time_and_the_others_go_on() {
    let mut retries = Retries::default();
    let now = Instant::now();
    let waits: Vec<u64> = (0..8)
        .map(|_| {
            retries.ended(&ended("a", busy()), now);
            let (due, wait) = batch(vec![reclaim("a"), reclaim("b")], &retries, now);
            assert_eq!(names(&due), ["b"]);
            wait.unwrap().as_secs()
        })
        .collect();
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600]);
    let (due, wait) = batch(vec![reclaim("a")], &retries, now + LONGEST);
    assert_eq!((names(&due), wait), (vec!["a"], None));

    retries.ended(&ended("a", Ok(Done::Mended)), now);
    assert_eq!(names(&batch(vec![reclaim("a")], &retries, now).0), ["a"]);
}

#[test]
fn what_is_not_planned_any_longer_starts_anew() {
    let mut retries = Retries::default();
    let now = Instant::now();
    retries.ended(&ended("a", busy()), now);
    retries.keep(&[reclaim("a")]);
    assert!(batch(vec![reclaim("a")], &retries, now).0.is_empty());
    retries.keep(&[reclaim("b")]);
    assert_eq!(names(&batch(vec![reclaim("a")], &retries, now).0), ["a"]);
}

#[test]
fn an_api_server_that_fails_is_left_alone_for_ten_seconds() {
    let mut retries = Retries::default();
    let now = Instant::now();
    retries.ended(&ended("a", Err(ActionError::Deadline)), now);
    let (due, wait) = batch(vec![mend("b")], &retries, now);
    assert_eq!((names(&due), wait), (vec![], Some(FIRST)));
    let (due, _) = batch(vec![mend("b")], &retries, now + FIRST);
    assert_eq!(names(&due), ["b"]);
}

use std::collections::BTreeMap;

use vmberth_decide::node::facts::Device;
use vmberth_decide::node::local_volumes::{DirectoryId, NewVolume};

use super::*;
use crate::local_volumes::testing::{mend, reclaim};
use crate::local_volumes::{ActionError, Done};

fn ended(volume: &str, result: Result<Done, ActionError>) -> Outcome {
    Outcome {
        volume: volume.to_owned(),
        result,
    }
}

fn busy() -> Result<Done, ActionError> {
    Err(ActionError::Changed("in use".to_owned()))
}

fn forbidden() -> Result<Done, ActionError> {
    let status = kube::core::Status {
        code: 403,
        ..kube::core::Status::default()
    };
    Err(ActionError::Api(kube::Error::Api(status.boxed())))
}

fn create(name: &str) -> Action {
    Action::Create(NewVolume {
        name: name.to_owned(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        class: "local-vd".to_owned(),
        capacity: 1,
        path: format!("/var/vd/{name}"),
        directory: DirectoryId {
            device: Device::default(),
            inode: 2,
        },
        hostname: "edge1".to_owned(),
    })
}

fn names(actions: &[Action]) -> Vec<&str> {
    actions.iter().map(name_of).collect()
}

/// With nothing to do so far.
fn due(planned: Vec<Action>, retries: &Retries, now: Instant) -> Due {
    batch(planned, retries, &Busy::default(), now)
}

#[test]
fn one_directory_at_a_time_is_emptied_beside_all_else() {
    let planned = vec![
        create("a"),
        mend("b"),
        create("c"),
        reclaim("d"),
        reclaim("e"),
    ];
    let due = due(planned, &Retries::default(), Instant::now());
    assert_eq!(names(&due.emptying), ["d"]);
    assert_eq!(names(&due.writing), ["b", "a", "c"]);
    assert_eq!(due.wait, None);
}

/// An offer fits only the version of the PersistentVolume that was looked at.
#[test]
fn a_volume_is_mended_before_it_is_emptied_and_not_meanwhile() {
    let planned = || vec![mend("a"), mend("b"), reclaim("b")];
    let (retries, now) = (Retries::default(), Instant::now());
    let first = due(planned(), &retries, now);
    assert_eq!(names(&first.emptying), ["b", "b"]);
    assert!(matches!(
        first.emptying[..],
        [Action::Mend(_), Action::Reclaim(_)]
    ));
    assert_eq!(names(&first.writing), ["a"]);
    let busy = Busy {
        is_emptying: true,
        is_writing: false,
        volumes: ["b".to_owned()].into(),
    };
    let beside = batch(planned(), &retries, &busy, now);
    assert_eq!(
        (names(&beside.emptying), names(&beside.writing)),
        (vec![], vec!["a"])
    );
    let busy = Busy {
        is_emptying: false,
        is_writing: true,
        volumes: ["a".to_owned()].into(),
    };
    let beside = batch(planned(), &retries, &busy, now);
    assert_eq!(
        (names(&beside.emptying), names(&beside.writing)),
        (vec!["b", "b"], vec![])
    );
}

#[test]
fn a_volume_that_fails_waits_longer_each_time_and_the_others_go_on() {
    let mut retries = Retries::default();
    let now = Instant::now();
    let waits: Vec<u64> = (0..8)
        .map(|_| {
            retries.ended(&ended("a", busy()), now);
            let due = due(vec![reclaim("a"), reclaim("b")], &retries, now);
            assert_eq!(names(&due.emptying), ["b"]);
            due.wait.unwrap().as_secs()
        })
        .collect();
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600]);
    let later = due(vec![reclaim("a")], &retries, now + LONGEST);
    assert_eq!((names(&later.emptying), later.wait), (vec!["a"], None));

    retries.ended(&ended("a", Ok(Done::Mended)), now);
    let at_once = due(vec![reclaim("a")], &retries, now);
    assert_eq!(names(&at_once.emptying), ["a"]);
}

/// What fails each time is due again and again, and may end its batch.
#[test]
fn what_did_not_fail_comes_first() {
    let mut retries = Retries::default();
    let now = Instant::now();
    for failed in ["a", "b", "d", "d"] {
        retries.ended(&ended(failed, busy()), now);
    }
    let planned = vec![
        mend("a"),
        create("b"),
        create("c"),
        reclaim("d"),
        reclaim("e"),
    ];
    let due = due(planned, &retries, now + LONGEST);
    assert_eq!(names(&due.writing), ["c", "a", "b"]);
    assert_eq!(names(&due.emptying), ["e"]);
}

/// An admission policy that refuses single volumes stops no other.
#[test]
fn what_is_forbidden_is_one_volume_s_own_matter() {
    let mut retries = Retries::default();
    let now = Instant::now();
    retries.ended(&ended("a", forbidden()), now);
    let due = due(vec![create("a"), mend("b"), reclaim("c")], &retries, now);
    assert_eq!(names(&due.writing), ["b"]);
    assert_eq!(names(&due.emptying), ["c"]);
    assert_eq!(due.wait, Some(FIRST));
}

#[test]
fn what_is_not_planned_any_longer_starts_anew() {
    let mut retries = Retries::default();
    let now = Instant::now();
    retries.ended(&ended("a", busy()), now);
    retries.keep(&[reclaim("a")]);
    assert!(due(vec![reclaim("a")], &retries, now).emptying.is_empty());
    retries.keep(&[reclaim("b")]);
    let anew = due(vec![reclaim("a")], &retries, now);
    assert_eq!(names(&anew.emptying), ["a"]);
}

#[test]
fn an_api_server_that_fails_is_left_alone_for_ten_seconds() {
    let mut retries = Retries::default();
    let now = Instant::now();
    retries.ended(&ended("a", Err(ActionError::Deadline)), now);
    let all = || vec![mend("b"), reclaim("c")];
    let none = due(all(), &retries, now);
    assert!(none.writing.is_empty() && none.emptying.is_empty());
    assert_eq!(none.wait, Some(FIRST));
    let later = due(all(), &retries, now + FIRST);
    assert_eq!(
        (names(&later.writing), names(&later.emptying)),
        (vec!["b"], vec!["c"])
    );
}

//! Which profile a disk without a VM stands for: its own, else its namespace's, else the policy's.

use super::*;
use crate::event::Namespace;

const NONE: Option<&str> = None;
const FAST: Option<&str> = Some("fast");
const SLOW: Option<&str> = Some("slow");

/// The disk `root` without its VM.
pub(super) fn disk(
    own: Option<&str>,
    of_namespace: Option<&str>,
    of_policy: Option<&str>,
) -> Index {
    let mut index = cluster();
    index.apply(Event::Machine(name("vm"), None));
    index.apply(Event::Policy(Arc::new(policy(of_policy))));
    let disk = Claim {
        profile: own.map(Into::into),
        ..claim(15 * GI, None, true)
    };
    index.apply(Event::Claim(name("root"), Some(disk)));
    index.apply(says("edge", of_namespace));
    index
}

fn says(namespace: &str, profile: Option<&str>) -> Event {
    let namespace_says = |profile: &str| Namespace {
        profile: profile.into(),
    };
    Event::Namespace(namespace.into(), profile.map(namespace_says))
}

#[rstest]
#[case::of_the_namespace(NONE, FAST, NONE, all_of_profile(2))]
#[case::own_before_the_namespace(SLOW, FAST, FAST, Amounts::new())]
#[case::namespace_before_the_policy(NONE, SLOW, FAST, Amounts::new())]
#[case::policy_where_the_namespace_says_nothing(NONE, NONE, FAST, all_of_profile(2))]
#[case::nobody_says_anything(NONE, NONE, NONE, Amounts::new())]
fn first_that_says_something(
    #[case] own: Option<&str>,
    #[case] of_namespace: Option<&str>,
    #[case] of_policy: Option<&str>,
    #[case] expected: Amounts,
) {
    let index = disk(own, of_namespace, of_policy);
    let demand = ours(&index, &upload("root"));
    assert_eq!(demand.counted, expected);
}

#[test]
fn other_namespaces_say_nothing_of_it() {
    let mut index = disk(NONE, NONE, NONE);
    index.apply(says("other", FAST));
    assert!(ours(&index, &upload("root")).counted.is_empty());
}

#[test]
fn what_a_namespace_says_no_longer_is_forgotten() {
    let mut index = disk(NONE, FAST, NONE);
    index.apply(says("edge", NONE));
    assert!(ours(&index, &upload("root")).counted.is_empty());
}

#[test]
fn profile_of_the_namespace_that_nobody_knows_is_named() {
    let index = disk(NONE, Some("fats"), FAST);
    let unclear = ask(&index, &upload("root"));
    assert_eq!(unclear, Asked::Unclear(Unclear::Profile("fats".to_owned())));
}

/// Who was refused may fit now, so that its pod is looked at again.
#[test]
fn another_word_of_a_namespace_is_a_change() {
    let mut index = disk(NONE, FAST, NONE);
    let before = index.revision();
    index.apply(says("edge", FAST));
    assert_eq!(index.revision(), before);
    index.apply(says("edge", SLOW));
    assert_ne!(index.revision(), before);
}

/// A VM that is there knows itself what it needs.
#[test]
fn disk_of_a_vm_stands_for_that_vm() {
    let mut index = cluster();
    index.apply(Event::Policy(Arc::new(policy(NONE))));
    index.apply(says("edge", FAST));
    assert_eq!(ours(&index, &upload("root")).counted, all(When::Later));
}

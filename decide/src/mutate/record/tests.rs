use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::edit::Token;
use crate::pages::PageSize;

fn set(path: &[&'static str], what: &str, why: Why) -> Edit {
    Edit {
        path: path.iter().copied().map(Token::Borrowed).collect(),
        value: what.into(),
        what: what.to_owned(),
        why,
    }
}

fn append(path: &[&'static str], what: &str, why: Why) -> Edit {
    let path = path.iter().copied().map(Token::Borrowed).collect();
    Edit::append(path, true, what.into(), what.to_owned(), why)
}

const PAGES: Why = Why::WholePages(PageSize::Mi2);

#[rstest]
#[case::nothing_before("", "spec.a=2Gi (whole pages of 2Mi)")]
#[case::same_again("spec.a=2Gi (whole pages of 2Mi)", "spec.a=2Gi (whole pages of 2Mi)")]
#[case::other_value_takes_its_place(
    "spec.a=1Gi (whole pages of 1Gi); spec.b=x (class y)",
    "spec.a=2Gi (whole pages of 2Mi); spec.b=x (class y)"
)]
#[case::stale_ones_of_before_go(
    "spec.a=1Gi (whole pages of 2Mi); spec.b=x (class y); spec.a=3Gi (whole pages of 2Mi)",
    "spec.a=2Gi (whole pages of 2Mi); spec.b=x (class y)"
)]
#[case::longer_path_is_another(
    "spec.ab=1 (x); spec.a.b=1 (x)",
    "spec.ab=1 (x); spec.a.b=1 (x); spec.a=2Gi (whole pages of 2Mi)"
)]
#[case::appended_there_is_another(
    "spec.a+=1Gi (x)",
    "spec.a+=1Gi (x); spec.a=2Gi (whole pages of 2Mi)"
)]
#[case::of_a_user(
    "spec.a; done by hand",
    "spec.a; done by hand; spec.a=2Gi (whole pages of 2Mi)"
)]
fn value_that_was_set_has_one_entry(#[case] before: &str, #[case] after: &str) {
    assert_eq!(merge(before, &[set(&["spec", "a"], "2Gi", PAGES)]), after);
}

#[test]
fn elements_of_a_list_have_one_entry_each_whatever_their_reason() {
    let edit = |what: &str, at| append(&["spec", "tolerations"], what, Why::PolicyToleration(at));
    let first = merge("", &[edit("cmk", 0), edit("gpu=a:NoSchedule", 1)]);
    let expected = "spec.tolerations+=cmk (policy tolerations[0]); \
                    spec.tolerations+=gpu=a:NoSchedule (policy tolerations[1])";
    assert_eq!(first, expected);
    // The policy's order changed.
    let second = merge(&first, &[edit("gpu=a:NoSchedule", 0), edit("new", 1)]);
    let expected = "spec.tolerations+=cmk (policy tolerations[0]); \
                    spec.tolerations+=gpu=a:NoSchedule (policy tolerations[0]); \
                    spec.tolerations+=new (policy tolerations[1])";
    assert_eq!(second, expected);
}

#[test]
fn annotation_of_an_object_with_none_is_told_by_its_map() {
    let edits = [
        Edit {
            value: json!({"a.io/b": "true"}),
            ..set(&["metadata", "annotations"], "a.io/b=true", PAGES)
        },
        set(&["metadata", "annotations", "a.io/c"], "true", PAGES),
    ];
    let text = merge("", &edits);
    let expected = "metadata.annotations=a.io/b=true (whole pages of 2Mi); \
                    metadata.annotations[a.io/c]=true (whole pages of 2Mi)";
    assert_eq!(text, expected);
    assert_eq!(merge(&text, &edits), text);
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let path = prop::sample::select(vec!["a", "b", "b/c"]);
    let what = prop::sample::select(vec!["1", "x=y", "net (sriov, n)"]);
    let edit = (path, what, any::<bool>(), 0..3_usize).prop_map(|(path, what, appends, at)| {
        let make = if appends { append } else { set };
        make(&["spec", path], what, Why::PolicyToleration(at))
    });
    prop::collection::vec(edit, 0..6)
}

fn records() -> impl Strategy<Value = String> {
    let entries = edits().prop_map(|edits| edits.iter().map(ToString::to_string).collect());
    let parts: BoxedStrategy<Vec<String>> =
        (entries, prop::collection::vec("[ab=+(); .]{0,8}", 0..3))
            .prop_map(|(own, others): (Vec<String>, Vec<String>)| [others, own].concat())
            .prop_shuffle()
            .boxed();
    parts.prop_map(|parts| parts.join("; "))
}

proptest! {
    #[test]
    fn merging_twice_is_merging_once(before in records(), edits in edits()) {
        let once = merge(&before, &edits);
        prop_assert_eq!(&merge(&once, &edits), &once);
        // The last word on a subject is told, and no subject twice.
        let entries: Vec<&str> = once.split("; ").collect();
        for edit in &edits {
            let entry = edit.to_string();
            let same = |known: &&str| subject(known) == subject(&entry);
            let told: Vec<&str> = entries.iter().copied().filter(same).collect();
            let last = edits.iter().map(ToString::to_string).rfind(|known| same(&known.as_str()));
            prop_assert_eq!(told, [last.unwrap()]);
        }
    }

    #[test]
    fn record_does_not_grow_by_values(values in prop::collection::vec(any::<u32>(), 1..50)) {
        let mut text = String::new();
        for value in values {
            text = merge(&text, &[set(&["spec", "memory"], &value.to_string(), PAGES)]);
        }
        prop_assert!(!text.contains("; "), "{}", text);
    }
}

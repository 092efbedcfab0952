use prometheus::Registry;
use rstest::rstest;
use vmberth_decide::node::local_volumes::Mend;

use super::*;

fn mend(volume: &str) -> Action {
    Action::Mend(Mend {
        name: volume.to_owned(),
        uid: "u".to_owned(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    })
}

fn failed(text: &str) -> Outcome {
    Outcome {
        volume: "pv".to_owned(),
        result: Err(ActionError::Changed(text.to_owned())),
    }
}

/// The reason of a volume after these attempts.
fn reason(told: &Told, before: Option<&str>) -> Option<String> {
    let mut verdict = VolumeVerdict {
        persistent_volume: Some("pv".to_owned()),
        reason: before.map(str::to_owned),
        ..VolumeVerdict::default()
    };
    told.explain(std::slice::from_mut(&mut verdict), &[mend("pv")]);
    verdict.reason
}

fn after(texts: &[&str]) -> Told {
    let metrics = Metrics::register(&Registry::new()).unwrap();
    let mut told = Told::default();
    for text in texts {
        told.volume(&failed(text), &metrics);
    }
    told
}

#[rstest]
#[case::nothing(&[], Some("released"), Some("released"))]
#[case::after_a_reason(&["in use"], Some("released"), Some("released; last attempt: not given back: in use"))]
#[case::alone(&["in use"], None, Some("last attempt: not given back: in use"))]
#[case::another_number_is_the_same(
    &["process 12", "process 3456"], None, Some("last attempt: not given back: process 12")
)]
#[case::another_word_is_not(&["process 12", "locked"], None, Some("last attempt: not given back: locked"))]
#[case::one_line(&["a\nb"], None, Some("last attempt: not given back: a?b"))]
fn the_last_error_is_in_the_reason(
    #[case] attempts: &[&str],
    #[case] before: Option<&str>,
    #[case] expected: Option<&str>,
) {
    assert_eq!(reason(&after(attempts), before).as_deref(), expected);
}

#[test]
fn an_error_is_bounded_and_forgotten_when_it_is_over() {
    let metrics = Metrics::register(&Registry::new()).unwrap();
    let mut told = after(&["ä".repeat(500).as_str()]);
    let text = reason(&told, None).unwrap();
    assert!(text.len() <= "last attempt: ".len() + SHOWN, "{text}");
    told.keep(&[mend("pv")]);
    assert!(reason(&told, None).is_some());
    told.keep(&[mend("another")]);
    assert_eq!(reason(&told, None), None);

    let mut told = after(&["in use"]);
    let done = Outcome {
        volume: "pv".to_owned(),
        result: Ok(Done::Mended),
    };
    told.volume(&done, &metrics);
    assert_eq!(reason(&told, None), None);
}

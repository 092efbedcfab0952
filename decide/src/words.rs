//! Lengths and numbers of texts for people.

use std::fmt::Display;

/// What shows that something was cut.
const ELLIPSIS: &str = "…";

/// `text` in at most `limit` bytes, with an ellipsis where it was cut: at the end of a word, if that leaves at least half of it.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let Some(room) = limit.checked_sub(ELLIPSIS.len()) else {
        return String::new();
    };
    let (kept, rest) = text.split_at(text.floor_char_boundary(room));
    let at_end = rest.starts_with(char::is_whitespace);
    let whole = kept.rsplit_once(char::is_whitespace);
    let kept = match whole.filter(|_| !at_end) {
        Some((words, _)) if words.len() >= room / 2 => words,
        Some(_) | None => kept,
    };
    let kept = kept.trim_end_matches(|end: char| end.is_whitespace() || ",;:".contains(end));
    format!("{kept}{ELLIPSIS}")
}

/// `1 page`, `2 pages`.
#[must_use]
pub fn count<N: Copy + Display + PartialEq + From<u8>>(number: N, one: &str) -> String {
    let end = if number == N::from(1) { "" } else { "s" };
    format!("{number} {one}{end}")
}

/// The verb after a [`count`].
#[must_use]
pub fn are<N: Copy + PartialEq + From<u8>>(number: N) -> &'static str {
    if number == N::from(1) { "is" } else { "are" }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::fits("vol1", 4, "vol1")]
    #[case::one_word("volume", 5, "vo…")]
    #[case::between_characters("ééé", 5, "é…")]
    #[case::no_room("volume", 2, "")]
    #[case::room_for_the_ellipsis("volume", 3, "…")]
    #[case::after_a_word("restart the device plugin", 18, "restart the…")]
    #[case::at_the_end_of_a_word("restart the device plugin", 21, "restart the device…")]
    #[case::without_its_comma("vol1, vol2, vol3 and 7 more", 16, "vol1, vol2…")]
    #[case::a_long_word_is_worth_more("at 0123456789abcdef", 15, "at 012345678…")]
    fn text_is_cut(#[case] text: &str, #[case] limit: usize, #[case] expected: &str) {
        assert_eq!(cut(text, limit), expected);
    }

    proptest! {
        #[test]
        fn cut_text_is_short_and_begins_like_the_whole(text in "[a-zé ,\n]{0,60}", limit in 0_usize..70) {
            let short = cut(&text, limit);
            prop_assert!(short.len() <= limit);
            if text.len() <= limit {
                prop_assert_eq!(short, text);
            } else {
                prop_assert!(text.starts_with(short.trim_end_matches(ELLIPSIS)));
            }
        }
    }

    #[test]
    fn numbers_have_their_words() {
        let said = |number: u64| format!("{} {} there", count(number, "page"), are(number));
        assert_eq!(said(0), "0 pages are there");
        assert_eq!(said(1), "1 page is there");
        assert_eq!(said(2), "2 pages are there");
    }
}

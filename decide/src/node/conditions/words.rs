//! Lists and lengths of messages.

/// So many of a list are named; the others are counted.
const NAMED: usize = 4;

/// `a, b and 3 more`.
pub(in crate::node) fn listed<T: AsRef<str>>(items: &[T]) -> String {
    let named: Vec<&str> = items.iter().take(NAMED).map(AsRef::as_ref).collect();
    let named = named.join(", ");
    match items.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// `text` in at most `limit` bytes, with an ellipsis where it was cut.
pub(in crate::node) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub("…".len());
    let end = text.floor_char_boundary(room);
    let kept = text.get(..end).unwrap_or_default();
    if limit < "…".len() {
        return String::new();
    }
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none(&[], "")]
    #[case::all(&["a", "b", "c", "d"], "a, b, c, d")]
    #[case::one_more(&["a", "b", "c", "d", "e"], "a, b, c, d and 1 more")]
    fn long_lists_are_counted(#[case] items: &[&str], #[case] expected: &str) {
        assert_eq!(listed(items), expected);
    }

    #[rstest]
    #[case::fits("vol1", 4, "vol1")]
    #[case::cut("volume", 5, "vo…")]
    #[case::between_characters("ééé", 5, "é…")]
    #[case::no_room("volume", 2, "")]
    fn text_is_cut_between_characters(
        #[case] text: &str,
        #[case] limit: usize,
        #[case] expected: &str,
    ) {
        assert_eq!(cut(text, limit), expected);
        assert!(cut(text, limit).len() <= limit);
    }
}

//! Lists in messages.

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
}

//! Where an entry of labels or annotations goes, with what is missing on the way to it.

use serde_json::{Value, json};

use crate::edit::Token;

/// Path and value that put an entry into a map of the metadata at `path`.
///
/// `map_exists` is `None` if there is no metadata at all, and else whether it has the map; `[map, name]` are the two
/// last steps.
pub(super) fn entry(
    path: &[&'static str],
    map_exists: Option<bool>,
    [map, name]: [&'static str; 2],
    value: Value,
) -> (Vec<Token>, Value) {
    let (steps, value): (&[&'static str], Value) = match map_exists {
        None => (&[], json!({ map: { name: value } })),
        Some(false) => (&[map], json!({ name: value })),
        Some(true) => (&[map, name], value),
    };
    let path = path.iter().chain(steps).copied().map(Token::Borrowed);
    (path.collect(), value)
}

//! Where an entry of labels or annotations goes, with what is missing on the way to it.

use serde_json::{Value, json};

use crate::edit::{Edit, Token};
use crate::view::Metadata;

/// Whether the object's own metadata has a map of annotations, or gets one by these edits; `None` if there is no
/// metadata at all.
pub(super) fn room(edits: &[Edit], metadata: Option<&Metadata<'_>>) -> Option<bool> {
    let made = edits
        .iter()
        .filter(|edit| edit.path.first().is_some_and(|first| first == "metadata"))
        .any(|edit| match edit.path.get(1) {
            Some(map) => map == "annotations",
            None => edit.value.get("annotations").is_some(),
        });
    if made {
        return Some(true);
    }
    metadata.map(|metadata| metadata.annotations.is_some())
}

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

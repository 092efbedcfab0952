//! The annotation that says what was changed and why.
//!
//! It stands on the object that was changed, never on a template's metadata: from there it would travel to
//! instances and pods that were not changed.
//! The form is one entry for each edit, `<path>=<what> (<why>)`, or `<path>+=...` for what was appended to a list, joined
//! by `; `. A new entry takes the place of the one that said the same thing before (see [`subject`]), so the annotation of
//! a copied manifest, or of a VM that is edited again, says what holds now and does not grow for ever.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::edit::{Edit, Why};
use crate::names;
use crate::view::Metadata;

/// The edit that records `edits`, unless they are recorded already. What is put back is recorded since it was added;
/// where the client dropped the record, too, that of the object before is taken up.
pub(super) fn of(
    edits: &[Edit],
    metadata: Option<&Metadata<'_>>,
    old: Option<&Metadata<'_>>,
) -> Option<Edit> {
    let record = |metadata: Option<&'_ Metadata<'_>>| {
        let record = metadata.and_then(|own| own.annotation(names::INJECTED_ANNOTATION));
        record.map(str::to_owned)
    };
    let there = record(metadata);
    let before = there.clone().or_else(|| record(old)).unwrap_or_default();
    let text = merge(&before, edits);
    if text == there.unwrap_or_default() {
        return None;
    }
    let (path, value) = super::metadata::entry(
        &["metadata"],
        super::metadata::room(edits, metadata),
        ["annotations", names::INJECTED_ANNOTATION],
        Value::from(text),
    );
    Some(Edit {
        path,
        value,
        what: format!("{} entries", edits.len()),
        why: Why::Record,
    })
}

/// The entries before, each replaced by the new one of the same subject, and then what is new.
fn merge(before: &str, edits: &[Edit]) -> String {
    let new = edits.iter().filter(|edit| edit.why != Why::Restored);
    let new: Vec<String> = new.map(ToString::to_string).collect();
    // The place of the last one, should two edits of a review have the same subject.
    let places: BTreeMap<&str, usize> = new.iter().map(|entry| subject(entry)).zip(0..).collect();
    let mut written = vec![false; new.len()];
    let mut take = |place: usize| {
        let first = written
            .get_mut(place)
            .is_some_and(|written| !std::mem::replace(written, true));
        new.get(place).filter(|_| first).map(String::as_str)
    };
    let mut text = String::with_capacity(before.len());
    let mut push = |entry: &str| {
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(entry);
    };
    for entry in before.split("; ").filter(|entry| !entry.is_empty()) {
        match places.get(subject(entry)) {
            Some(place) => take(*place).into_iter().for_each(&mut push),
            None => push(entry),
        }
    }
    for entry in &new {
        let place = places.get(subject(entry)).copied();
        place.and_then(&mut take).into_iter().for_each(&mut push);
    }
    text
}

/// What an entry is about: the path of a value that was set; path and element of a list that was appended to, which
/// holds others as well.
fn subject(entry: &str) -> &str {
    match entry.split_once('=') {
        Some((path, _)) if path.ends_with('+') => entry
            .rsplit_once(" (")
            .map_or(entry, |(subject, _)| subject),
        // With the sign, or a word without one would be about the same.
        Some((path, _)) => entry.get(..=path.len()).unwrap_or(entry),
        None => entry,
    }
}

#[cfg(test)]
mod tests;

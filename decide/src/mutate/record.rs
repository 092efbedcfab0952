//! The annotation that says what was changed and why.
//!
//! It stands on the object that was changed, never on a template's metadata: from there it would travel to
//! instances and pods that were not changed.
//! The form is one entry for each edit, `<path>+=<what> (<why>)`, joined by `; `; an entry is written once, so the
//! annotation of a copied manifest or of an instance whose pod is edited too grows by what is new only.

use std::fmt::Write;

use serde_json::Value;

use crate::edit::{Edit, Why};
use crate::names;
use crate::view::Metadata;

/// The edit that records `edits`, unless they are recorded already.
pub(super) fn of(edits: &[Edit], metadata: Option<&Metadata<'_>>) -> Option<Edit> {
    let before = metadata
        .and_then(|metadata| metadata.annotation(names::INJECTED_ANNOTATION))
        .unwrap_or("");
    let text = merge(before, edits);
    if text == before {
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

fn merge(before: &str, edits: &[Edit]) -> String {
    let mut text = before.to_owned();
    for edit in edits {
        let entry = edit.to_string();
        if text.split("; ").any(|known| known == entry) {
            continue;
        }
        if !text.is_empty() {
            text.push_str("; ");
        }
        let _ = write!(text, "{entry}");
    }
    text
}

//! The result of a review in words, for the offline command and for logs.

use crate::denial::Denial;
use crate::mutate::Mutation;

/// One line for each thing that happens, ending without a line break.
#[must_use]
pub fn explain(result: &Result<Mutation, Denial>) -> String {
    let mutation = match result {
        Err(denial) => return format!("denied ({}): {denial}", denial.code()),
        Ok(mutation) => mutation,
    };
    let left_alone = mutation
        .left_alone
        .iter()
        .map(|why| format!("left alone: {why}"));
    let edits = mutation.edits.iter().map(|edit| format!("edit: {edit}"));
    let warnings = mutation
        .warnings
        .iter()
        .map(|text| format!("warning: {text}"));
    let notes = mutation.notes.iter().map(|text| format!("note: {text}"));
    let lines = left_alone.chain(edits).chain(warnings).chain(notes);
    lines.collect::<Vec<_>>().join("\n")
}

//! The result of a review in words, for the offline command and for logs.

use crate::denial::Denial;
use crate::mutate::Mutation;

/// One line for each thing that happens, ending without a line break.
#[must_use]
pub fn explain(result: &Result<Mutation, Denial>) -> String {
    match result {
        Err(denial) => format!("denied ({}): {denial}", denial.code()),
        Ok(Mutation::LeftAlone(why)) => format!("left alone: {why}"),
        Ok(mutation @ Mutation::Edits(edits)) => {
            let edits = edits.iter().map(|edit| format!("edit: {edit}"));
            let warning = mutation.warning().map(|text| format!("warning: {text}"));
            edits.chain(warning).collect::<Vec<_>>().join("\n")
        }
    }
}

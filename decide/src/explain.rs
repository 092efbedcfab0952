//! The result of a review in words, for the offline command and for logs.

use crate::denial::Denial;
use crate::mutate::Mutation;

/// One line for each thing that happens, ending without a line break.
#[must_use]
pub fn explain(result: &Result<Mutation, Denial>) -> String {
    match result {
        Err(denial) => format!("denied ({}): {denial}", denial.code()),
        Ok(Mutation::LeftAlone(why)) => match why.warning() {
            None => format!("left alone: {why}"),
            Some(warning) => format!("left alone: {why}\nwarning: {warning}"),
        },
        Ok(Mutation::Edits(edits)) => {
            let lines: Vec<String> = edits.iter().map(|edit| format!("edit: {edit}")).collect();
            lines.join("\n")
        }
    }
}

//! What is wrong with a body, without what it holds: `data` of a field may be a password, and the text goes to the log
//! and to whoever asked.

use std::fmt;

use serde_json::error::Category;

/// What was expected and what kind of value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misread(String);

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Misread {
    /// With the place in the body.
    pub(super) fn in_body(error: &serde_json::Error) -> Self {
        let Self(what) = Self::in_object(error);
        let (line, column) = (error.line(), error.column());
        Self(format!("{what} at line {line} column {column}"))
    }

    /// Without a place: the column in an object out of the body tells nobody anything.
    pub(super) fn in_object(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        Self(match error.classify() {
            Category::Data => without_value(&text),
            // The parser's own words.
            Category::Syntax | Category::Eof | Category::Io => without_place(&text).to_owned(),
        })
    }
}

/// serde says `invalid type: string "the value", expected a boolean at line 1 column 2`, and the value may look like the
/// rest of that. Only what follows the last `expected` and the first word are surely serde's or ours.
fn without_value(text: &str) -> String {
    let Some((found, expected)) = text.rsplit_once(", expected ") else {
        return match text.strip_prefix("duplicate field ") {
            // Named by the field of ours.
            Some(_) => without_place(text).to_owned(),
            None => "cannot be read".to_owned(),
        };
    };
    let expected = without_place(expected);
    let value = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|start| found.strip_prefix(start));
    match value {
        Some(value) => format!("found {}, expected {expected}", kind_of(value)),
        // Ours: too many of something.
        None if found.starts_with("found more than ") => format!("{found}, expected {expected}"),
        None => format!("found something else, expected {expected}"),
    }
}

fn without_place(text: &str) -> &str {
    text.rsplit_once(" at line ").map_or(text, |(text, _)| text)
}

/// serde's words for a value, in JSON's.
fn kind_of(value: &str) -> &'static str {
    const KINDS: [(&str, &str); 7] = [
        ("string", "a string"),
        ("integer", "a number"),
        ("floating point", "a number"),
        ("boolean", "a boolean"),
        ("null", "null"),
        ("sequence", "a list"),
        ("map", "an object"),
    ];
    let kind = KINDS.iter().find(|(serde, _)| value.starts_with(serde));
    kind.map_or("something else", |(_, json)| json)
}

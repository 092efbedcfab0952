//! One change of an object, with its reason.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

/// Adds `value` at `path`: RFC 6902's `add`, which also replaces a `null`. Nothing that a user wrote is ever
/// replaced or removed, so there is no other operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Where; unescaped tokens of a JSON pointer. A last token of `-` appends to a list.
    pub path: Vec<Token>,
    /// What is added there.
    pub value: Value,
    /// What that is, for people.
    pub what: String,
    /// Why.
    pub why: Why,
}

/// One unescaped step of a JSON pointer.
pub type Token = Cow<'static, str>;

/// The reason of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The policy's list of tolerations holds it at this place.
    PolicyToleration(usize),
    /// The object's own label opts out, and its pods would not know.
    OptOut,
    /// It says what the other edits were.
    Record,
}

/// One entry of the record: `spec.tolerations+=cmk (policy tolerations[0])`.
impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self
            .path
            .iter()
            .map(AsRef::as_ref)
            .filter(|step: &&str| *step != "-");
        for (at, step) in steps.enumerate() {
            match (at, step.contains(['.', '/'])) {
                (0, _) => f.write_str(step)?,
                (_, false) => write!(f, ".{step}")?,
                (_, true) => write!(f, "[{step}]")?,
            }
        }
        write!(f, "+={} ({})", self.what, self.why)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PolicyToleration(at) => write!(f, "policy tolerations[{at}]"),
            Self::OptOut => write!(f, "label {} of the object", crate::names::INJECT_LABEL),
            Self::Record => f.write_str("record of the edits"),
        }
    }
}

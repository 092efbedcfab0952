//! One change of an object, with its reason.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::names;
use crate::pages::PageSize;

/// Sets `value` at `path`: RFC 6902's `add`, which replaces what an object's field held. Nothing is ever removed; what a
/// user wrote is replaced only where it could not work (memory that is no whole number of pages), with a warning.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Where; unescaped tokens of a JSON pointer. A last token of `-` appends to a list.
    pub path: Vec<Token>,
    /// What is put there.
    pub value: Value,
    /// What that is, for people.
    pub what: String,
    /// Why.
    pub why: Why,
}

/// One unescaped step of a JSON pointer.
pub type Token = Cow<'static, str>;

/// The reason of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The policy's list of tolerations holds it at this place.
    PolicyToleration(usize),
    /// The policy's field of this name says so.
    Policy(&'static str),
    /// The profile of this name says so.
    Profile(String),
    /// The object's annotation of this name says so.
    Annotation(&'static str),
    /// Memory must be whole pages.
    WholePages(PageSize),
    /// A VM with virtual functions would lose the interface that KubeVirt adds where there is none.
    KeepsPodInterface,
    /// The update dropped it without meaning to.
    Restored,
    /// As many as the pod's networks.
    Networks,
    /// The managed class of this name.
    ManagedClass(String),
    /// The object's own label opts out, and its pods would not know.
    OptOut,
    /// It says what the other edits were.
    Record,
}

impl Edit {
    /// Appends to the list at `path`, which is made if it is not there.
    #[must_use]
    pub fn append(
        mut path: Vec<Token>,
        exists: bool,
        value: Value,
        what: String,
        why: Why,
    ) -> Self {
        let value = if exists {
            path.push(Token::Borrowed("-"));
            value
        } else {
            Value::Array(vec![value])
        };
        Self {
            path,
            value,
            what,
            why,
        }
    }

    fn appends(&self) -> bool {
        self.path.last().is_some_and(|last| last == "-") || self.value.is_array()
    }
}

/// One entry of the record: `spec.tolerations+=cmk (policy tolerations[0])`.
impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.appends() { "+=" } else { "=" };
        write!(
            f,
            "{}{sign}{} ({})",
            Dotted(&self.path),
            self.what,
            self.why
        )
    }
}

/// A path as people write it: `spec.volumes[0].name`, `metadata.annotations[a.io/b]`.
#[derive(Debug)]
pub struct Dotted<'p>(pub &'p [Token]);

impl fmt::Display for Dotted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().filter(|step| *step != "-").enumerate() {
            let index = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
            match (at, index || step.contains(['.', '/'])) {
                (0, _) => f.write_str(step)?,
                (_, false) => write!(f, ".{step}")?,
                (_, true) => write!(f, "[{step}]")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PolicyToleration(at) => write!(f, "policy tolerations[{at}]"),
            Self::Policy(field) => write!(f, "policy {field}"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::Annotation(name) => write!(f, "annotation {name}"),
            Self::WholePages(page) => write!(f, "whole pages of {page}"),
            Self::KeepsPodInterface => f.write_str("the pod's network stays beside VFs"),
            Self::Restored => f.write_str("as it was before"),
            Self::Networks => f.write_str("networks of the pod"),
            Self::ManagedClass(name) => write!(f, "class {name}"),
            Self::OptOut => write!(f, "label {} of the object", names::INJECT_LABEL),
            Self::Record => f.write_str("record of the edits"),
        }
    }
}

//! What is wrong with a body, without what it holds: that may be a password, and the text goes into an event of the pod.

use serde::Deserialize;
use serde_json::error::Category;

/// Why a body is no question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misread {
    /// The parser's own words.
    #[error("the body is no JSON: {0}")]
    Json(String),
    /// Not even an object.
    #[error("the body is no ExtenderArgs")]
    Shape,
    /// A field has another type than Kubernetes says.
    #[error("the body is no ExtenderArgs: {0} can't be read")]
    Field(String),
    /// A field without which there is no question.
    #[error("the body is no ExtenderArgs: {0} is missing")]
    Missing(String),
}

impl Misread {
    pub(super) fn missing(field: &str) -> Self {
        Self::Missing(field.to_owned())
    }

    /// What made `text` no `T`. It is read once more to tell where, which costs too much to be done each time.
    pub(super) fn of<'de, T: Deserialize<'de>>(text: &'de str, error: &serde_json::Error) -> Self {
        match error.classify() {
            Category::Syntax | Category::Eof | Category::Io => Self::Json(error.to_string()),
            Category::Data => {
                let parser = &mut serde_json::Deserializer::from_str(text);
                match serde_path_to_error::deserialize::<_, T>(parser) {
                    Err(error) if error.path().iter().next().is_some() => {
                        Self::Field(error.path().to_string())
                    }
                    Err(_) | Ok(_) => Self::Shape,
                }
            }
        }
    }
}

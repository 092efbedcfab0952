//! Why an object is refused: what was read where, and what was expected.

/// A refusal that the user can act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// A label or annotation of ours holds something that we cannot follow.
    #[error("{path}: found {found:?}, expected {expected}")]
    BadValue {
        /// Where it stands.
        path: String,
        /// What it holds.
        found: String,
        /// What it may hold.
        expected: &'static str,
    },
}

impl Denial {
    /// HTTP status that the API server hands to the user.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            // Unprocessable, as Kubernetes answers to its own invalid fields.
            Self::BadValue { .. } => 422,
        }
    }

    /// Kubernetes' reason for that status.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::BadValue { .. } => "Invalid",
        }
    }
}

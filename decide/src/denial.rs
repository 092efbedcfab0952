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
    /// A wish that cannot be followed in this object; `found` is told as it is.
    #[error("{path}: found {found}, expected {expected}")]
    Impossible {
        /// Where the wish or what stands against it is.
        path: String,
        /// What stands there, in words; never a secret.
        found: String,
        /// What would do.
        expected: String,
    },
    /// A profile that is not in the policy.
    #[error("{path}: found profile {found:?}, expected one of the policy's: {}", .known.join(", "))]
    UnknownProfile {
        /// Where it is named.
        path: String,
        /// Its name.
        found: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// Two profiles want different things.
    #[error(
        "profiles {first:?} and {second:?}: found different {field}, expected the same, or the VM's own"
    )]
    ProfilesDiffer {
        /// What they differ on.
        field: &'static str,
        /// One of them.
        first: String,
        /// The other one.
        second: String,
    },
}

impl Denial {
    /// HTTP status that the API server hands to the user: unprocessable, as Kubernetes answers to its own invalid
    /// fields.
    #[must_use]
    pub fn code(&self) -> u16 {
        422
    }

    /// Kubernetes' reason for that status.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        "Invalid"
    }
}

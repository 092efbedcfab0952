//! Why an object is refused: what was read where, and what was expected.

/// A refusal that the user can act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// A label or annotation of ours holds something that we cannot follow.
    #[error("{path}: found {}, expected {expected}", shown(found))]
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
    #[error("{path}: found profile {}, expected one of the policy's: {}", shown(found), .known.join(", "))]
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
        "{path}: found profiles {first:?} and {second:?} with different {field}, expected the same, or the VM's own"
    )]
    ProfilesDiffer {
        /// The metadata that chooses them.
        path: &'static str,
        /// What they differ on.
        field: &'static str,
        /// One of them.
        first: String,
        /// The other one.
        second: String,
    },
    /// A VM that no node could ever hold, which the policy forbids.
    #[error("{path}: {why} (policy infeasible: deny)")]
    Infeasible {
        /// Where it says what it needs.
        path: String,
        /// The closest node and what it lacks, and the way out.
        why: String,
    },
}

/// What a user wrote, quoted, and not more of it than a line has room for.
fn shown(text: &str) -> String {
    const LONGEST: usize = 64;
    match text.char_indices().nth(LONGEST) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
    }
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
